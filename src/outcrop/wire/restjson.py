"""Requests into an operation's input and its output into responses, over functions compiled once an operation.

Knows nothing of sockets or handlers; `values` knows JSON, `text` knows labels, queries and headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import orjson

from ..errors import ValidationException
from . import scalar
from .errors import SerializationException
from .spec import Member, Operation, Shape
from .text import text_reader, text_writer
from .values import Read, load, member_reader, member_writer, reader, writer
from .values import is_deeper as is_deeper  # handlers of raw bodies ask these here
from .values import is_too_deep as is_too_deep


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
    members = {member.wire: (member.name, member_reader(member)) for member in operation.input.at(None)}
    return _json_body(members) if members else None


def _json_body(members: dict[str, tuple[str, Read]]) -> Fill:
    def fill(request: Incoming, parsed: dict[str, Any]) -> None:
        body = load(request.body, request.max_depth) if request.body else {}
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
            parsed[name] = _within(name, reader(member.shape), load(request.body, request.max_depth))

    return fill


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise SerializationException("The request body is not UTF-8") from None


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


Body = Callable[[Mapping[str, Any]], tuple[str, bytes, Any]]


def _body_writer(shape: Shape) -> Body:
    members = {member.name: (member.wire, member_writer(member)) for member in shape.at(None)}

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
