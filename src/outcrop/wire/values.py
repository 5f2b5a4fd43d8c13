"""JSON values into what handlers see and back, by functions compiled once a shape.

Knows nothing of HTTP. Handlers see the model's member names and Python values: bytes for blobs, aware datetimes for
timestamps, any JSON value for documents. What the model does not know is ignored on the way in, as AWS does, and is a
fault of ours on the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ..errors import ServiceError
from . import scalar
from .errors import SerializationException
from .spec import Member, Shape
from .validate import clip

Read = Callable[[Any], Any]
Write = Callable[[Any], Any]


def load(body: bytes, max_depth: int) -> Any:
    """JSON text into a value. Raises SerializationException for what is not JSON or is nested too deep."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SerializationException(f"The request body is not valid JSON: {clip(str(error))}") from None
    if is_too_deep(body, value, max_depth):
        raise SerializationException(f"The request body is nested deeper than {max_depth} levels")
    return value


def is_too_deep(body: bytes, value: Any, limit: int) -> bool:
    """Whether `value`, read from `body`, is nested more than `limit` deep: most bodies have too few brackets for it."""
    return body.count(b"{") + body.count(b"[") > limit and is_deeper(value, limit)


def is_deeper(value: Any, limit: int) -> bool:
    """Whether a JSON value is nested more than `limit` deep (orjson itself refuses more than 1,024)."""
    level = [value]
    while level and limit > 0:
        limit -= 1
        items = [item for node in level for item in (node.values() if type(node) is dict else node)]
        level = [item for item in items if type(item) is dict or type(item) is list]
    return bool(level)


# ------------------------------------------------------------------ in

_readers: dict[Shape, Read] = {}


def reader(shape: Shape) -> Read:
    """The compiled function from a JSON value to a handler's value. It raises SerializationException."""
    if shape not in _readers:
        _readers[shape] = as_it_is if shape.is_document else _READERS[shape.type](shape)
    return _readers[shape]


def as_it_is(value: Any) -> Any:
    return value


def _read_structure(shape: Shape) -> Read:
    members: dict[str, tuple[str, Read]] = {}

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise scalar.mismatch(value, "a structure")
        parsed: dict[str, Any] = {}
        key = ""
        try:
            for key, item in value.items():
                if key in members and item is not None:
                    name, read_member = members[key]
                    parsed[name] = read_member(item)
        except SerializationException as error:
            raise error.inside(key)  # noqa: B904 - the very same error, one step further out
        return parsed

    _readers[shape] = read  # before its members: shapes may hold themselves
    members.update((member.wire, (name, member_reader(member))) for name, member in shape.members.items())
    return read


def member_reader(member: Member) -> Read:
    if member.is_json:
        return lambda value: scalar.read_json_string(value, orjson.dumps)
    return reader(member.shape)


def _read_list(shape: Shape) -> Read:
    read_item = reader(shape.item.shape)

    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise scalar.mismatch(value, "a list")
        parsed: list[Any] = []
        try:
            for item in value:
                parsed.append(None if item is None else read_item(item))  # noqa: PERF401 - the fault needs its place
        except SerializationException as error:
            raise error.inside(f"{len(parsed) + 1}.member")  # noqa: B904
        return parsed

    return read


def _read_map(shape: Shape) -> Read:
    read_item = reader(shape.value.shape)

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise scalar.mismatch(value, "a map")
        parsed: dict[str, Any] = {}
        key = ""
        try:
            for key, item in value.items():
                parsed[key] = None if item is None else read_item(item)
        except SerializationException as error:
            raise error.inside(key)  # noqa: B904
        return parsed

    return read


_READERS: dict[str, Callable[[Shape], Read]] = {
    "structure": _read_structure,
    "list": _read_list,
    "map": _read_map,
    "string": lambda shape: scalar.read_string,
    "boolean": lambda shape: scalar.read_boolean,
    "blob": lambda shape: scalar.read_blob,
    "timestamp": lambda shape: scalar.read_timestamp,
    "float": lambda shape: scalar.read_float,
    "double": lambda shape: scalar.read_float,
    "byte": lambda shape: scalar.integer_reader("byte"),
    "short": lambda shape: scalar.integer_reader("short"),
    "integer": lambda shape: scalar.integer_reader("integer"),
    "long": lambda shape: scalar.integer_reader("long"),
}


# ------------------------------------------------------------------ out

_writers: dict[tuple[Shape, str | None], Write] = {}


def writer(shape: Shape, timestamp_format: str | None = None) -> Write:
    """The compiled function from a handler's value to what orjson can dump. It raises LookupError for unknown keys."""
    key = (shape, timestamp_format)
    if key not in _writers:
        _writers[key] = as_it_is if shape.is_document else _make_writer(shape, timestamp_format)
    return _writers[key]


def _make_writer(shape: Shape, timestamp_format: str | None) -> Write:
    if shape.type == "timestamp":
        form = timestamp_format or shape.traits.get("timestampFormat") or "unixTimestamp"
        return lambda value: scalar.write_timestamp(value, form)
    return _WRITERS.get(shape.type, lambda shape: as_it_is)(shape)


def _write_structure(shape: Shape) -> Write:
    members: dict[str, tuple[str, Write]] = {}

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for key, item in value.items():
            if item is not None:
                try:
                    wire, write_member = members[key]
                except KeyError:
                    raise LookupError(f"{shape.name} has no member {key!r}") from None
                written[wire] = write_member(item)
        return written

    _writers[shape, None] = write  # before its members: shapes may hold themselves
    members.update((name, (member.wire, member_writer(member))) for name, member in shape.members.items())
    return write


def member_writer(member: Member) -> Write:
    return writer(member.shape, member.timestamp_format if member.shape.type == "timestamp" else None)


def _write_list(shape: Shape) -> Write:
    write_item = writer(shape.item.shape)
    return list if write_item is as_it_is else lambda value: [None if x is None else write_item(x) for x in value]


def _write_map(shape: Shape) -> Write:
    write_item = writer(shape.value.shape)
    return lambda value: {key: None if item is None else write_item(item) for key, item in value.items()}


_WRITERS: dict[str, Callable[[Shape], Write]] = {
    "structure": _write_structure,
    "list": _write_list,
    "map": _write_map,
    "blob": lambda shape: scalar.write_blob,
    "float": lambda shape: scalar.write_float,
    "double": lambda shape: scalar.write_float,
}


def error_body(error: ServiceError, shape: Shape | None) -> bytes:
    """An error's JSON: its message under the model's own spelling, and the modelled members it carries."""
    members = shape.members if shape else {}
    spelt = next((name for name in members if name.lower() == "message"), "message")
    known = {name: value for name, value in error.members.items() if name in members and value is not None}
    written = writer(shape)(known) if shape else {}
    return orjson.dumps({spelt: str(error), **written})
