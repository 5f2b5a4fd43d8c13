"""Which S3 operation a request line means.

Knows nothing of handlers. S3 tells operations apart by method, by whether bucket and key are there, and by names in the
query and headers: the service model has all of these, and the operation that asks for the most of them wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ...wire import spec

LEVELS = {"": 0, "{Bucket}": 1, "{Key+}": 2}
TWINS = frozenset({"ListDirectoryBuckets", "WriteGetObjectResponse"})
"""Of other kinds of buckets and hosts; their request lines are those of others or no one's."""


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    query: Mapping[str, str | None]
    """What must be in the query: name -> value, or None for any."""
    headers: frozenset[str]
    takes: frozenset[str]
    """What may be in the query besides."""

    def fits(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        named = all(name in query and value in (None, query[name]) for name, value in self.query.items())
        return named and self.headers <= headers.keys()

    def leaves_out(self, names: frozenset[str]) -> bool:
        """Whether it would overlook one of these: `DELETE /bucket?policy` must never delete a bucket."""
        return not names <= self.query.keys() | self.takes


@cache
def model() -> spec.Service:
    """The S3 model; reading it takes a tenth of a second."""
    return spec.load("s3")


def find(method: str, bucket: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """The operation's name, or None."""
    level = 2 if key else 1 if bucket else 0
    telling = _telling_names() & query.keys()
    fitting = (route for route in _table().get((method, level), ()) if route.fits(query, headers))
    return next((route.name for route in fitting if not route.leaves_out(telling)), None)


@cache
def _telling_names() -> frozenset[str]:
    """Names in queries that tell one operation from another."""
    return frozenset(name for routes in _table().values() for route in routes for name in route.query)


@cache
def _table() -> dict[tuple[str, int], list[Route]]:
    """(method, level) -> routes, the one that asks for the most first."""
    table: dict[tuple[str, int], list[Route]] = {}
    for method, uri, name in model().routes():
        if name not in TWINS:
            path, _, query = uri.partition("?")
            table.setdefault((method, LEVELS[path.rpartition("/")[2]]), []).append(_route(name, query))
    for routes in table.values():
        routes.sort(key=lambda route: -len(route.query) - len(route.headers))
    return table


def _route(name: str, query: str) -> Route:
    shape = model().operation(name).input
    required = [shape.members[member] for member in shape.required]
    names: dict[str, str | None] = {m.wire: None for m in required if m.location == "querystring"}
    headers = frozenset(m.wire.lower() for m in required if m.location == "header")
    takes = frozenset(member.wire for member in shape.at("querystring"))
    return Route(name, names | dict(_fixed(query)), headers, takes)


def _fixed(query: str) -> Iterator[tuple[str, str | None]]:
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        yield name, value or None
