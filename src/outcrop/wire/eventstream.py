"""Frames of `application/vnd.amazon.eventstream`, written and read: prelude, headers, payload, two CRCs.

Knows nothing of HTTP or of who makes the events; which member is a header and which the payload is in the model.
Format: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html and smithy.io's event stream specification.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID
from zlib import crc32

import orjson

from ..errors import AccessDeniedException, InvalidSignatureException, ServiceError, ValidationException
from . import validate, values
from .spec import Member, Shape

MAX_FRAME = 24 * 1024 * 1024
"""Largest frame taken in, bytes: botocore's limit of 16 MiB for the payload with room for a signed wrapper."""
MAX_HEADERS = 128 * 1024
MAX_DEPTH = 64

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Frame(NamedTuple):
    headers: dict[str, Any]
    payload: bytes


# ------------------------------------------------------------------ writing


def encode(headers: bytes, payload: bytes) -> bytes:
    """One frame around encoded headers and a payload."""
    prelude = _PRELUDE.pack(len(headers) + len(payload) + 16, len(headers))
    crc = crc32(prelude)
    head = b"".join((prelude, _CRC.pack(crc), headers, payload))
    return head + _CRC.pack(crc32(head))


def encode_headers(headers: Mapping[str, Any]) -> bytes:
    """Headers by the type of their values: str, bytes, bool, int and datetime."""
    return b"".join(_encode_header(name, value) for name, value in headers.items())


def _encode_header(name: str, value: Any) -> bytes:
    raw = name.encode()
    return bytes((len(raw),)) + raw + _encode_value(value)


def _encode_value(value: Any) -> bytes:
    if isinstance(value, bool):
        return b"\x00" if value else b"\x01"
    if isinstance(value, int):
        return struct.pack(">Bi", 4, value) if -(1 << 31) <= value < 1 << 31 else struct.pack(">Bq", 5, value)
    if isinstance(value, datetime):
        return struct.pack(">Bq", 8, (value - _EPOCH) // timedelta(milliseconds=1))
    raw = value.encode() if isinstance(value, str) else bytes(value)
    return struct.pack(">BH", 7 if isinstance(value, str) else 6, len(raw)) + raw


Encode = Callable[[Mapping[str, Any]], bytes]


@cache
def encoder(stream: Shape) -> Encode:
    """The compiled function from an event `{"member": {...}}` of an event stream to its frame."""
    encoders = {name: _event_encoder(member) for name, member in stream.members.items()}

    def encode_event(event: Mapping[str, Any]) -> bytes:
        ((name, value),) = event.items()
        return encoders[name](value)

    return encode_event


def _event_encoder(member: Member) -> Encode:
    heading, payload = _places(member.shape)
    if payload or heading:
        return _split_event_encoder(member, payload, heading)
    write, headers = values.writer(member.shape), _event_headers(member.wire, "application/json")
    return lambda value: encode(headers, orjson.dumps(write(value)))


def _split_event_encoder(member: Member, payload: Member | None, heading: list[str]) -> Encode:
    """Events with members of their own in headers, or with one member as the whole payload."""
    kind = payload.shape.type if payload else "structure"
    headers = _event_headers(member.wire, _CONTENT_TYPES.get(kind, "application/json"))
    write = values.writer(payload.shape if payload else member.shape)

    def encode_event(value: Mapping[str, Any]) -> bytes:
        own = encode_headers({name: value[name] for name in heading if value.get(name) is not None})
        rest = {name: item for name, item in value.items() if name not in heading}
        content: Any = rest.get(payload.name) if payload else rest
        return encode(headers + own, _raw(content) if kind in _CONTENT_TYPES else orjson.dumps(write(content or {})))

    return encode_event


_CONTENT_TYPES = {"blob": "application/octet-stream", "string": "text/plain"}


def _places(shape: Shape) -> tuple[list[str], Member | None]:
    """The members of an event that travel as headers, and the one that is its whole payload."""
    payload = next((member for member in shape.members.values() if member.traits.get("eventpayload")), None)
    return [member.name for member in shape.members.values() if member.traits.get("eventheader")], payload


def _raw(content: bytes | str | None) -> bytes:
    return content.encode() if isinstance(content, str) else content or b""


def _event_headers(name: str, content_type: str) -> bytes:
    return encode_headers({":event-type": name, ":content-type": content_type, ":message-type": "event"})


def encode_exception(stream: Shape, error: ServiceError) -> bytes:
    """The frame that ends a stream with an error: the union's member for it, else its InternalServerException.

    Who may not speak (any longer) hears that in an error frame, the format's own for what no stream models.
    """
    member = _exception_member(stream, error)
    if isinstance(error, AccessDeniedException) and (member is None or member.shape.name == UNKNOWN):
        kind = {":error-code": error.code, ":error-message": error.message, ":message-type": "error"}
        return encode(encode_headers(kind), b"")
    name = member.wire if member else "internalServerException"
    kind = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return encode(encode_headers(kind), values.error_body(error, member.shape if member else None))


def _exception_member(stream: Shape, error: ServiceError) -> Member | None:
    by_shape = {member.shape.name: member for member in stream.members.values() if member.shape.traits.get("exception")}
    names = [kind.__name__ for kind in type(error).__mro__]  # the transport's own errors are kinds of modelled ones
    return next((by_shape[name] for name in (*names, UNKNOWN) if name in by_shape), None)


UNKNOWN = "InternalServerException"
"""The member of a stream for what it does not model."""


# ------------------------------------------------------------------ reading


class Reader:
    """Takes bytes as they come and gives whole frames. Raises ValidationException for frames that are damaged."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete once `data` has come in."""
        self._buffer += data
        while len(self._buffer) >= 12 and len(self._buffer) >= (total := self._total()):
            raw = bytes(self._buffer[:total])
            del self._buffer[:total]
            yield decode(raw)

    def finish(self) -> None:
        """Say that no more bytes will come."""
        if self._buffer:
            raise ValidationException("The event stream ends in the middle of a frame")

    def _total(self) -> int:
        total, headers = _PRELUDE.unpack_from(self._buffer)
        if crc32(self._buffer[:8]) != _CRC.unpack_from(self._buffer, 8)[0]:
            raise ValidationException("The event stream holds a frame whose prelude checksum is wrong")
        if not 16 <= total <= self._limit or headers > min(total - 16, MAX_HEADERS):
            raise ValidationException("The event stream holds a frame of a size that is not allowed")
        return total


def decode(raw: bytes) -> Frame:
    """One whole frame whose prelude has been checked."""
    if crc32(raw[:-4]) != _CRC.unpack_from(raw, len(raw) - 4)[0]:
        raise ValidationException("The event stream holds a frame whose checksum is wrong")
    end = 12 + _PRELUDE.unpack_from(raw)[1]
    try:
        return Frame(dict(_decode_headers(raw[12:end])), raw[end:-4])
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError, ValueError):
        raise ValidationException("The event stream holds a frame whose headers cannot be read") from None


def _decode_headers(raw: bytes) -> Iterator[tuple[str, Any]]:
    at = 0
    while at < len(raw):
        end = at + 1 + raw[at]
        name, kind = raw[at + 1 : end].decode(), raw[end]
        value, at = _decode_value(kind, raw, end + 1)
        yield name, value


_FIXED = {2: ">b", 3: ">h", 4: ">i", 5: ">q"}


def _decode_value(kind: int, raw: bytes, at: int) -> tuple[Any, int]:
    if kind in (0, 1):
        return kind == 0, at
    if kind in _FIXED:
        return struct.unpack_from(_FIXED[kind], raw, at)[0], at + struct.calcsize(_FIXED[kind])
    if kind == 8:
        return _EPOCH + timedelta(milliseconds=struct.unpack_from(">q", raw, at)[0]), at + 8
    if kind == 9:
        return UUID(bytes=raw[at : at + 16]), at + 16
    if kind not in (6, 7):
        raise ValueError(f"unknown header type {kind}")
    (size,) = struct.unpack_from(">H", raw, at)
    content = raw[at + 2 : at + 2 + size]
    if len(content) != size:
        raise ValueError("header value cut short")
    return (content.decode() if kind == 7 else content), at + 2 + size


Verify = Callable[[int, bytes, bytes], None]
"""Checks a signed frame: its date in milliseconds since the epoch, its payload, its signature."""


async def read_events(
    stream: Shape, chunks: AsyncIterator[bytes], verify: Verify | None = None
) -> AsyncIterator[dict[str, Any]]:
    """The parsed and validated events of an input stream, as their bytes come in.

    SDKs wrap every event in a signed frame and end with an empty one; both the wrapped and the bare form are read,
    but with `verify` every frame must be signed. Raises ValidationException for damaged frames and for events that the
    model does not know, and what `verify` raises.
    """
    frames = Reader()
    async for chunk in chunks:
        for frame in frames.feed(chunk):
            if verify is not None:
                _verify(frame, verify)
            for inner in _unwrapped(frame):
                yield _read_event(stream, inner)
    frames.finish()


def _verify(frame: Frame, verify: Verify) -> None:
    date, signature = frame.headers.get(":date"), frame.headers.get(":chunk-signature")
    if not isinstance(date, datetime) or not isinstance(signature, bytes):
        raise InvalidSignatureException("The event stream holds a frame that is not signed")
    verify((date - _EPOCH) // timedelta(milliseconds=1), frame.payload, signature)


def _unwrapped(frame: Frame) -> list[Frame]:
    if ":chunk-signature" not in frame.headers:
        return [frame]
    inner = Reader()
    found = list(inner.feed(frame.payload))
    inner.finish()
    return found


def _read_event(stream: Shape, frame: Frame) -> dict[str, Any]:
    name = frame.headers.get(":event-type")
    if name not in stream.members:
        raise ValidationException(f"The event stream holds an event of unknown type {validate.clip(str(name))!r}")
    shape = stream.members[name].shape
    value = _read_payload(shape, frame)
    validate.require(shape, value)
    return {name: value}


def _read_payload(shape: Shape, frame: Frame) -> dict[str, Any]:
    heading, payload = _places(shape)
    own = {name: frame.headers[name] for name in heading if name in frame.headers}
    if payload and payload.shape.type == "blob":
        return {**own, payload.name: frame.payload}
    if payload and payload.shape.type == "string":
        return {**own, payload.name: frame.payload.decode(errors="replace")}
    if payload:
        return {**own, payload.name: _read_json(payload.shape, frame.payload)}
    return {**own, **_read_json(shape, frame.payload or b"{}")}


def _read_json(shape: Shape, payload: bytes) -> dict[str, Any]:
    return values.reader(shape)(values.load(payload, MAX_DEPTH))
