"""Requests into dicts and dicts into responses, by the service model, over functions compiled once an operation.

Knows nothing of sockets or handlers. Handlers see the model's member names and Python values: bytes for blobs, aware
datetimes for timestamps, any JSON value for documents. What the model does not know is ignored, as AWS does.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import orjson

from ..errors import ServiceError, ValidationException
from . import scalar
from .errors import SerializationException
from .spec import Member, Operation, Shape
from .validate import clip

Read = Callable[[Any], Any]
Write = Callable[[Any], Any]


class Incoming(NamedTuple):
    """The parts of a request that an operation's input is read from; `events` replaces the body of an input stream."""

    labels: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    body: bytes
    events: Any = None
    max_depth: int = 64


class Outgoing(NamedTuple):
    """A response; `events` is the iterator behind an event stream, and then there is no body."""

    status: int
    headers: dict[str, str]
    body: bytes
    events: Any = None


# ------------------------------------------------------------------ JSON values in

_readers: dict[Shape, Read] = {}


def reader(shape: Shape) -> Read:
    """The compiled function from a JSON value to a handler's value. It raises SerializationException."""
    if shape not in _readers:
        _readers[shape] = _as_it_is if shape.is_document else _READERS[shape.type](shape)
    return _readers[shape]


def _as_it_is(value: Any) -> Any:
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
    members.update((member.wire, (name, _member_reader(member))) for name, member in shape.members.items())
    return read


def _member_reader(member: Member) -> Read:
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


# ------------------------------------------------------------------ JSON values out

_writers: dict[tuple[Shape, str | None], Write] = {}


def writer(shape: Shape, timestamp_format: str | None = None) -> Write:
    """The compiled function from a handler's value to what orjson can dump. It raises LookupError for unknown keys."""
    key = (shape, timestamp_format)
    if key not in _writers:
        _writers[key] = _as_it_is if shape.is_document else _make_writer(shape, timestamp_format)
    return _writers[key]


def _make_writer(shape: Shape, timestamp_format: str | None) -> Write:
    if shape.type == "timestamp":
        form = timestamp_format or shape.traits.get("timestampFormat") or "unixTimestamp"
        return lambda value: scalar.write_timestamp(value, form)
    return _WRITERS.get(shape.type, lambda shape: _as_it_is)(shape)


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
    members.update((name, (member.wire, _member_writer(member))) for name, member in shape.members.items())
    return write


def _member_writer(member: Member) -> Write:
    return writer(member.shape, member.timestamp_format if member.shape.type == "timestamp" else None)


def _write_list(shape: Shape) -> Write:
    write_item = writer(shape.item.shape)
    return list if write_item is _as_it_is else lambda value: [None if x is None else write_item(x) for x in value]


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


# ------------------------------------------------------------------ text in (labels, query, headers)


def text_reader(member: Member) -> Callable[[str], Any]:
    """From the text of a label, a query item or a header to a handler's value."""
    if member.is_json:
        return _read_json_header
    if member.shape.type == "list":
        return _text_list_reader(member.shape.item)
    return _TEXT_READERS.get(member.shape.type, _number_reader)(member.shape)


def _number_reader(shape: Shape) -> Callable[[str], Any]:
    read = reader(shape)
    return lambda text: read(scalar.parse_number(text))


_TEXT_READERS: dict[str, Callable[[Shape], Callable[[str], Any]]] = {
    "string": lambda shape: _as_it_is,
    "boolean": lambda shape: scalar.parse_boolean,
    "timestamp": lambda shape: scalar.parse_timestamp,
    "blob": lambda shape: scalar.read_blob,
}


def _read_json_header(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise SerializationException("Invalid base64 content") from None


def _text_list_reader(item: Member) -> Callable[[str], list[Any]]:
    """A list in one header: items between commas, quoted where they hold one; an HTTP date holds one unquoted."""
    read = text_reader(item)
    split = _split_dates if item.shape.type == "timestamp" else _split_quoted
    return lambda text: [read(part) for part in split(text)]


def _split_dates(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    return [f"{day}, {rest}" for day, rest in zip(parts[::2], parts[1::2], strict=False)] if "GMT" in text else parts


def _split_quoted(text: str) -> list[str]:
    parts, part, quoted, escaped = [], "", False, False
    for char in text:
        if escaped:
            part, escaped = part + char, False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts, part = [*parts, part], ""
        elif quoted or not char.isspace() or part:
            part += char
    return [*(one.rstrip() for one in parts), part.rstrip()]


# ------------------------------------------------------------------ requests

Fill = Callable[[Incoming, dict[str, Any]], None]
"""Reads one place of a request into the parsed input."""


@cache
def request_reader(operation: Operation) -> Callable[[Incoming], dict[str, Any]]:
    """The compiled function from a request to an operation's input."""
    fills = [make(operation) for make in (_labels, _query, _headers, _body)]
    steps = [fill for fill in fills if fill]

    def read(request: Incoming) -> dict[str, Any]:
        parsed: dict[str, Any] = {}
        for fill in steps:
            fill(request, parsed)
        return parsed

    return read


def _labels(operation: Operation) -> Fill | None:
    members = [(member, text_reader(member)) for member in operation.input.at("uri")]

    def fill(request: Incoming, parsed: dict[str, Any]) -> None:
        for member, read in members:
            try:
                parsed[member.name] = read(unquote(request.labels[member.wire], errors="strict"))
            except UnicodeDecodeError:
                raise ValidationException(f"The path's {member.name} is not UTF-8") from None
            except SerializationException as error:
                raise error.inside(member.name)  # noqa: B904

    return fill if members else None


def _query(operation: Operation) -> Fill | None:
    members = {member.wire: member for member in operation.input.at("querystring") if member.shape.type != "map"}
    rest = [member for member in operation.input.at("querystring") if member.shape.type == "map"]
    readers = {name: text_reader(_one(member)) for name, member in members.items()}

    def fill(request: Incoming, parsed: dict[str, Any]) -> None:
        pairs = _pairs(request.query)
        for name, text in pairs:
            if name in readers:
                _put(parsed, members[name], _within(members[name].name, readers[name], text))
        for member in rest:
            parsed[member.name] = _query_map(member, pairs)

    return fill if members or rest else None


def _one(member: Member) -> Member:
    """In a query a list is a repeated item."""
    return member.shape.item if member.shape.type == "list" else member


def _put(parsed: dict[str, Any], member: Member, value: Any) -> None:
    if member.shape.type == "list":
        parsed.setdefault(member.name, []).append(value)
    else:
        parsed.setdefault(member.name, value)


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=1000) if query else []
    except ValueError:
        raise ValidationException("The query string cannot be read") from None


def _query_map(member: Member, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    if member.shape.value.shape.type != "list":
        return dict(reversed(pairs))
    lists: dict[str, Any] = {}
    for name, text in pairs:
        lists.setdefault(name, []).append(text)
    return lists


def _headers(operation: Operation) -> Fill | None:
    members = [(member, member.wire.lower(), text_reader(member)) for member in operation.input.at("header")]
    prefixed = operation.input.at("headers")

    def fill(request: Incoming, parsed: dict[str, Any]) -> None:
        for member, name, read in members:
            if name in request.headers:
                parsed[member.name] = _within(member.name, read, request.headers[name])
        for member in prefixed:
            parsed[member.name] = _prefixed(request.headers, (member.traits.get("locationName") or "").lower())

    return fill if members or prefixed else None


def _prefixed(headers: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)}


def _within(name: str, read: Read, text: str) -> Any:
    try:
        return read(text)
    except SerializationException as error:
        raise error.inside(name)  # noqa: B904


def _body(operation: Operation) -> Fill | None:
    if payload := operation.input.payload:
        return _payload(payload)
    members = {member.wire: (member.name, _member_reader(member)) for member in operation.input.at(None)}
    return _json_body(members) if members else None


def _json_body(members: dict[str, tuple[str, Read]]) -> Fill:
    def fill(request: Incoming, parsed: dict[str, Any]) -> None:
        body = _load(request) if request.body else {}
        if type(body) is not dict:
            raise scalar.mismatch(body, "a structure")
        for key, item in body.items():
            if key in members and item is not None:
                name, read = members[key]
                parsed[name] = _within(name, read, item)

    return fill


def _payload(member: Member) -> Fill:
    """The whole body in one member: bytes, text, JSON, or the events of an input stream."""
    name, kind = member.name, member.shape.type

    def fill(request: Incoming, parsed: dict[str, Any]) -> None:
        if member.shape.is_event_stream:
            parsed[name] = request.events
        elif not request.body:
            return
        elif kind == "blob":
            parsed[name] = request.body
        elif kind == "string":
            parsed[name] = _decode(request.body)
        else:
            parsed[name] = _within(name, reader(member.shape), _load(request))

    return fill


def read_json(shape: Shape, body: bytes, max_depth: int = 64) -> Any:
    """JSON text into a handler's value of a shape."""
    return reader(shape)(_load(Incoming({}, "", {}, body, None, max_depth)))


def _load(request: Incoming) -> Any:
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise SerializationException(f"The request body is not valid JSON: {clip(str(error))}") from None
    if request.body.count(b"{") + request.body.count(b"[") > request.max_depth and is_deeper(value, request.max_depth):
        raise SerializationException(f"The request body is nested deeper than {request.max_depth} levels")
    return value


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise SerializationException("The request body is not UTF-8") from None


def is_deeper(value: Any, limit: int) -> bool:
    """Whether a JSON value is nested more than `limit` deep (orjson itself refuses more than 1,024)."""
    level = [value]
    while level and limit > 0:
        limit -= 1
        items = [item for node in level for item in (node.values() if type(node) is dict else node)]
        level = [item for item in items if type(item) is dict or type(item) is list]
    return bool(level)


# ------------------------------------------------------------------ responses


@cache
def response_writer(operation: Operation) -> Callable[[Mapping[str, Any]], Outgoing]:
    """The compiled function from a handler's result to a response. A key that the model lacks raises LookupError."""
    shape, payload = operation.output, operation.output.payload
    headers = _header_writer(shape)
    body = _payload_writer(payload) if payload else _body_writer(shape)
    codes = [member.name for member in shape.at("statusCode")]

    def write(result: Mapping[str, Any]) -> Outgoing:
        if not shape.members.keys() >= result.keys():
            raise LookupError(f"{shape.name} has no member {min(result.keys() - shape.members.keys())!r}")
        content_type, content, events = body(result)
        status = next((result[name] for name in codes if result.get(name)), operation.status)
        if status == 204:  # HTTP allows it no body
            return Outgoing(status, headers(result), b"", None)
        return Outgoing(status, {"content-type": content_type, **headers(result)}, content, events)

    return write


def error_body(error: ServiceError, shape: Shape | None) -> bytes:
    """An error's JSON: its message under the model's own spelling, and the modelled members it carries."""
    members = shape.members if shape else {}
    spelt = next((name for name in members if name.lower() == "message"), "message")
    known = {name: value for name, value in error.members.items() if name in members and value is not None}
    written = writer(shape)(known) if shape else {}
    return orjson.dumps({spelt: str(error), **written})


Body = Callable[[Mapping[str, Any]], tuple[str, bytes, Any]]


def _body_writer(shape: Shape) -> Body:
    members = {member.name: (member.wire, _member_writer(member)) for member in shape.at(None)}

    def write(result: Mapping[str, Any]) -> tuple[str, bytes, Any]:
        written: dict[str, Any] = {}
        for name, item in result.items():
            if name in members and item is not None:
                wire, write_member = members[name]
                written[wire] = write_member(item)
        return "application/json", b"" if nothing else orjson.dumps(written), None

    nothing = bool(shape.members) and not members  # all of it travels in headers
    return write


def _payload_writer(member: Member) -> Body:
    name, kind, write_json = member.name, member.shape.type, writer(member.shape)

    def write(result: Mapping[str, Any]) -> tuple[str, bytes, Any]:
        value = result.get(name)
        if member.shape.is_event_stream:
            return "application/vnd.amazon.eventstream", b"", value
        if kind == "blob":
            return "application/octet-stream", value.encode() if isinstance(value, str) else value or b"", None
        if kind == "string":
            return "text/plain", (value or "").encode(), None
        return "application/json", b"" if value is None else orjson.dumps(write_json(value)), None

    return write


def _header_writer(shape: Shape) -> Callable[[Mapping[str, Any]], dict[str, str]]:
    members = [(member.name, member.wire.lower(), text_writer(member)) for member in shape.at("header")]
    prefixed = [(member.name, member.traits.get("locationName") or "") for member in shape.at("headers")]

    def write(result: Mapping[str, Any]) -> dict[str, str]:
        headers = {wire: text(result[name]) for name, wire, text in members if result.get(name) is not None}
        for name, prefix in prefixed:
            headers.update((f"{prefix}{key}".lower(), value) for key, value in (result.get(name) or {}).items())
        return headers

    return write


def text_writer(member: Member) -> Callable[[Any], str]:
    """From a handler's value to the text of a header."""
    if member.is_json:
        return lambda value: scalar.write_blob(value if isinstance(value, str) else orjson.dumps(value))
    if member.shape.type == "timestamp":
        form = member.timestamp_format or "rfc822"
        return lambda value: str(scalar.write_timestamp(value, form))
    if member.shape.type == "list":
        write = text_writer(member.shape.item)
        quote = _quote if member.shape.item.shape.type == "string" else str
        return lambda value: ", ".join(quote(write(item)) for item in value)
    return _TEXT_WRITERS.get(member.shape.type, str)


def _quote(text: str) -> str:
    if not any(char in text for char in ',"'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_TEXT_WRITERS: dict[str, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "float": lambda value: str(scalar.write_float(value)),
    "double": lambda value: str(scalar.write_float(value)),
    "blob": scalar.write_blob,
}
