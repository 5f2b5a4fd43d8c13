"""Tags of what callers made: TagResource, UntagResource, ListTagsForResource.

Knows nothing of the resources but where their first tags are: in the request that made them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..call import Call
from ..errors import ConflictException, ResourceNotFoundException, TooManyTagsException, ValidationException
from ..names import id_in, kind_of
from ..wire.operation import operation

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        ListTagsForResourceRequest,
        ListTagsForResourceResponse,
        TagResourceRequest,
        TagResourceResponse,
        UntagResourceRequest,
        UntagResourceResponse,
    )

LIMIT = 50
"""Tags of one resource, AWS's limit."""

TAGS = "tags"
"""Kind of the record that holds a resource's tags from their first change on; its id is the resource's ARN."""

TAGGABLE = {
    "custom-model": ("custom-model", "customModelTags"),
    "model-customization-job": ("customization-job", "jobTags"),
    "custom-model-deployment": ("custom-model-deployment", "tags"),
    "provisioned-model": ("provisioned-model", "tags"),
    "model-import-job": ("model-import-job", "jobTags"),
    "imported-model": ("imported-model", "importedModelTags"),
    "async-invoke": ("async-invoke", "tags"),
}
"""Kind in the ARN -> kind of the record, and its member that holds the tags it was made with."""

Tags = dict[str, str]


@operation(service="bedrock")
async def tag_resource(call: Call, request: TagResourceRequest) -> TagResourceResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_TagResource.html"""
    check_tags(request["tags"])
    await _change(call, request["resourceARN"], lambda tags: {**tags, **_read(request["tags"])})
    return {}


@operation(service="bedrock")
async def untag_resource(call: Call, request: UntagResourceRequest) -> UntagResourceResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_UntagResource.html"""
    gone = {*request["tagKeys"]}
    await _change(
        call, request["resourceARN"], lambda tags: {key: value for key, value in tags.items() if key not in gone}
    )
    return {}


@operation(service="bedrock")
async def list_tags_for_resource(call: Call, request: ListTagsForResourceRequest) -> ListTagsForResourceResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListTagsForResource.html"""
    arn = request["resourceARN"]
    tags = await _first(call, arn)
    with suppress(ResourceNotFoundException):
        tags = (await call.services.resources.get(TAGS, arn)).body
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def check_tags(tags: Sequence[Any]) -> None:
    """Raise TooManyTagsException, or ValidationException for a key that comes twice."""
    if len(_read(tags)) < len(tags):
        raise ValidationException("A tag key is given more than once.")
    _check_count(_read(tags), "")


async def check_taggable(call: Call, arn: str) -> None:
    """Raise ResourceNotFoundException unless the ARN is of something that a caller made."""
    await _first(call, arn)


async def drop_tags(call: Call, arn: str) -> None:
    """A resource is gone, and its tags and policy with it."""
    for kind in (TAGS, "resource-policy"):
        with suppress(ResourceNotFoundException):
            await call.services.resources.delete(kind, arn)


async def _first(call: Call, arn: str) -> Tags:
    """The tags that a resource was made with. ResourceNotFoundException where there is none of this ARN."""
    arn_kind = kind_of(arn) or ""
    kind, member = TAGGABLE.get(arn_kind, ("", ""))
    try:
        found = await call.services.resources.get(kind, id_in(arn, arn_kind) or "")
    except ResourceNotFoundException as error:
        raise ResourceNotFoundException(f"There is no resource {arn[:1011]}.", resourceName=arn) from error
    return _read(found.body.get(member, []))


async def _change(call: Call, arn: str, edit: Callable[[Tags], Tags]) -> None:
    resources, first = call.services.resources, await _first(call, arn)

    def edited(tags: Tags) -> Tags:
        _check_count(changed := edit(tags), arn)
        return changed

    with suppress(ConflictException):
        await resources.create(TAGS, arn, first)
    await resources.change(TAGS, arn, edited)


def _check_count(tags: Tags, arn: str) -> None:
    if len(tags) > LIMIT:
        raise TooManyTagsException(f"A resource has at most {LIMIT} tags, not {len(tags)}.", resourceName=arn)


def _read(tags: Sequence[Any]) -> Tags:
    return {tag["key"]: tag["value"] for tag in tags}
