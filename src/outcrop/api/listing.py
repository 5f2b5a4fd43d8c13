"""Stored resources in the words of the API: found by ARN, id or name, listed by filter, order and page.

Knows nothing of what a resource is; an operation gives the members it filters by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..call import Call
from ..errors import ConflictException, ResourceNotFoundException
from ..names import id_in
from ..store.resources import Resource
from .paging import page

LATEST = 10**15
"""Later than any creation in milliseconds: what a descending order counts down from."""

Filters = Mapping[str, Callable[[Resource, Any], bool]]


async def find(call: Call, kind: str, identifier: str, arn_kind: str) -> Resource:
    """The resource of an ARN, an id or a name. ResourceNotFoundException in the API's words."""
    id = id_in(identifier, arn_kind) or identifier
    resources = call.services.resources
    found = await resources.find(kind, id) or await resources.named(kind, identifier)
    if found is None:
        raise ResourceNotFoundException(f"The provided identifier could not be found: {identifier[:200]}")
    return found


async def repeated(call: Call, kind: str, request: Mapping[str, Any]) -> Resource | None:
    """What this very request made before, by its clientRequestToken. ConflictException when it was another request."""
    token = request.get("clientRequestToken")
    earlier = await call.services.resources.with_token(kind, token) if token else None
    if earlier is not None and any(earlier.body.get(member) != value for member, value in request.items()):
        raise ConflictException("The clientRequestToken was used before, with other parameters.")
    return earlier


async def listed(
    call: Call, kind: str, request: Mapping[str, Any], filters: Filters
) -> tuple[list[Resource], dict[str, str]]:
    """One page of a kind: creationTimeAfter and -Before, nameContains, `filters`, sortOrder (newest first)."""
    checks = {**COMMON, **filters}
    wanted = [(checks[member], value) for member, value in request.items() if member in checks]
    every = await call.services.resources.list(kind)
    kept = [resource for resource in every if all(check(resource, value) for check, value in wanted)]
    rising = request.get("sortOrder") == "Ascending"
    return page(kept, _rising if rising else _falling, call.operation, request)


COMMON: Filters = {
    "creationTimeAfter": lambda resource, moment: created(resource) > moment,
    "creationTimeBefore": lambda resource, moment: created(resource) < moment,
    "nameContains": lambda resource, part: part in (resource.name or ""),
}
"""Request member -> whether a resource passes."""


def created(resource: Resource) -> datetime:
    return datetime.fromtimestamp(resource.created / 1000, UTC)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _rising(resource: Resource) -> str:
    return f"{resource.created:015d} {resource.id}"


def _falling(resource: Resource) -> str:
    return f"{LATEST - resource.created:015d} {resource.id}"
