"""The four Bedrock service models that ship inside botocore: operations, shapes, errors, read once and kept small.

Knows nothing of requests; the router, parsers and validators ask here. It reads botocore's data files, not botocore.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import orjson

SERVICES = ("bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime")


class Shape:
    """One shape of a service model. Compared by identity: there is one object a shape of a service."""

    def __init__(self, name: str, traits: Mapping[str, Any], service: Service) -> None:
        self.name = name
        self.type: str = traits["type"]
        self.traits = traits
        self._service = service

    def __repr__(self) -> str:
        return f"<{self.type} {self._service.name}.{self.name}>"

    @cached_property
    def members(self) -> dict[str, Member]:
        """A structure's members by the name that handlers use, in the model's order."""
        return {name: self._member(name, traits) for name, traits in self.traits.get("members", {}).items()}

    @cached_property
    def item(self) -> Member:
        """A list's member."""
        return self._member("member", self.traits["member"])

    @cached_property
    def key(self) -> Member:
        return self._member("key", self.traits["key"])

    @cached_property
    def value(self) -> Member:
        return self._member("value", self.traits["value"])

    @property
    def required(self) -> list[str]:
        return self.traits.get("required", [])

    @property
    def enum(self) -> list[str]:
        return self.traits.get("enum", [])

    @property
    def is_document(self) -> bool:
        """Any JSON value, passed through as it is."""
        return bool(self.traits.get("document"))

    @property
    def is_union(self) -> bool:
        return bool(self.traits.get("union"))

    @property
    def is_event_stream(self) -> bool:
        return bool(self.traits.get("eventstream"))

    @property
    def is_sensitive(self) -> bool:
        return bool(self.traits.get("sensitive"))

    @property
    def payload(self) -> Member | None:
        """The member that is the whole HTTP body."""
        return self.members[self.traits["payload"]] if "payload" in self.traits else None

    def at(self, *locations: str | None) -> list[Member]:
        """The members that travel in these places (`uri`, `querystring`, `header`, `headers`, `statusCode`, None)."""
        return [member for member in self.members.values() if member.location in locations]

    def _member(self, name: str, traits: Mapping[str, Any]) -> Member:
        wire = traits.get("locationName", name)
        return Member(name, self._service.shape(traits["shape"]), wire, traits.get("location"), traits)


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A place that holds a shape: `wire` is its name in transit, `location` where it travels (None: the body)."""

    name: str
    shape: Shape
    wire: str
    location: str | None
    traits: Mapping[str, Any]

    @property
    def timestamp_format(self) -> str | None:
        return self.traits.get("timestampFormat") or self.shape.traits.get("timestampFormat")

    @property
    def is_json(self) -> bool:
        """A string that holds JSON (the `jsonvalue` trait)."""
        return bool(self.traits.get("jsonvalue"))


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation: its request line, its shapes and the errors it models (by name)."""

    name: str
    service: str
    method: str
    uri: str
    status: int
    input: Shape
    output: Shape
    errors: Mapping[str, Shape] = field(repr=False)
    input_stream: Member | None = field(repr=False)
    output_stream: Member | None = field(repr=False)


def error_status(shape: Shape, default: int) -> int:
    """The HTTP status that the model gives an error shape."""
    return shape.traits.get("error", {}).get("httpStatusCode", default)


class Service:
    """One service model. Operations and shapes are made when they are first asked for."""

    def __init__(self, name: str, model: Mapping[str, Any]) -> None:
        self.name = name
        self.metadata = model["metadata"]
        self._shapes = model["shapes"]
        self._operations = model["operations"]
        self._made_shapes: dict[str, Shape] = {}
        self._made_operations: dict[str, Operation] = {}

    def shape(self, name: str) -> Shape:
        if name not in self._made_shapes:
            self._made_shapes[name] = Shape(name, self._shapes[name], self)
        return self._made_shapes[name]

    @property
    def operation_names(self) -> list[str]:
        return list(self._operations)

    def operation(self, name: str) -> Operation:
        if name not in self._made_operations:
            self._made_operations[name] = self._make(name, self._operations[name])
        return self._made_operations[name]

    def operations(self) -> Iterator[Operation]:
        return (self.operation(name) for name in self._operations)

    def routes(self) -> Iterator[tuple[str, str, str]]:
        """(method, uri template, operation name) of every operation, without making any."""
        for name, raw in self._operations.items():
            yield raw["http"]["method"], raw["http"]["requestUri"], name

    def _make(self, name: str, raw: Mapping[str, Any]) -> Operation:
        takes, gives = self._io(raw, "input"), self._io(raw, "output")
        return Operation(
            name=name,
            service=self.name,
            method=raw["http"]["method"],
            uri=raw["http"]["requestUri"],
            status=raw["http"].get("responseCode", 200),
            input=takes,
            output=gives,
            errors={error["shape"]: self.shape(error["shape"]) for error in raw.get("errors", [])},
            input_stream=_stream(takes),
            output_stream=_stream(gives),
        )

    def _io(self, raw: Mapping[str, Any], side: str) -> Shape:
        if side in raw:
            return self.shape(raw[side]["shape"])
        return Shape(f"{raw.get('name', '')}{side.capitalize()}", {"type": "structure", "members": {}}, self)


def _stream(shape: Shape) -> Member | None:
    return next((member for member in shape.members.values() if member.shape.is_event_stream), None)


@cache
def load(service: str) -> Service:
    """The newest model of a service in the installed botocore."""
    return Service(service, _without_docs(orjson.loads(_model_bytes(service))))


def services() -> list[Service]:
    return [load(name) for name in SERVICES]


def _model_bytes(service: str) -> bytes:
    spec = importlib.util.find_spec("botocore")
    assert spec is not None and spec.submodule_search_locations
    versions = Path(spec.submodule_search_locations[0], "data", service)
    folder = max(path for path in versions.iterdir() if path.is_dir())
    packed = folder / "service-2.json.gz"
    return gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / "service-2.json").read_bytes()


def _without_docs(node: Any) -> Any:
    """Drop the prose: two thirds of a model's memory."""
    if isinstance(node, dict):
        return {key: _without_docs(value) for key, value in node.items() if not _is_prose(key, value)}
    return [_without_docs(value) for value in node] if isinstance(node, list) else node


def _is_prose(key: str, value: Any) -> bool:
    return key in ("documentation", "deprecatedMessage", "deprecatedSince") and isinstance(value, str)
