"""Frames: what we write botocore reads, what is damaged nobody reads."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer, EventStreamMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.errors import ValidationException
from outcrop.wire import eventstream, spec
from outcrop.wire.eventstream import Reader, encode, encode_headers
from outcrop.wire.spec import Service, Shape

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
HEADERS = {"s": "text \u00e9", "b": b"\x00\xff", "t": True, "f": False, "i": -5, "l": 1 << 40, "w": MOMENT}


def theirs(data: bytes) -> list[EventStreamMessage]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def ours(data: bytes) -> list[eventstream.Frame]:
    reader = Reader()
    found = list(reader.feed(data))
    reader.finish()
    return found


def damaged(at: int) -> bytes:
    frame = bytearray(encode(encode_headers({"a": "b"}), b"payload"))
    frame[at] ^= 0x40
    return bytes(frame)


@pytest.mark.parametrize("at", range(len(damaged(0))))
def test_a_flipped_bit_anywhere_is_seen(at: int) -> None:
    with pytest.raises(ValidationException):
        ours(damaged(at))


def test_a_frame_cut_short_is_seen() -> None:
    whole = encode(b"", b"payload")
    for end in range(1, len(whole)):
        with pytest.raises(ValidationException):
            ours(whole[:end])


def test_frames_before_a_damaged_one_are_read() -> None:
    read = Reader().feed(encode(b"", b"fine") + damaged(20))
    assert next(read).payload == b"fine"
    with pytest.raises(ValidationException):
        next(read)


@pytest.mark.parametrize(
    ("total", "headers"), [(15, 0), (0, 0), (1 << 31, 0), (16, 1), (200_100, 200_000), (20, 1 << 31)]
)
def test_sizes_that_cannot_be_are_refused_before_they_are_waited_for(total: int, headers: int) -> None:
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(ValidationException):
        list(Reader().feed(prelude + struct.pack(">I", crc32(prelude))))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x05abc",  # a name cut short
        b"\x01a\x0a",  # an unknown type
        b"\x01a\x07\x00\x05ab",  # a value cut short
        b"\x01a\x04\x00",  # a number cut short
        b"\x01\xff\x00",  # a name that is not UTF-8
        b"\x01a\x07\x00\x01\xff",  # text that is not UTF-8
        b"\x01a\x08\x7f\xff\xff\xff\xff\xff\xff\xff",  # a time out of range
        b"\x01a\x09\x00",  # a UUID cut short
    ],
)
def test_headers_that_cannot_be_read_are_refused(raw: bytes) -> None:
    with pytest.raises(ValidationException):
        ours(encode(raw, b""))


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_frames_or_a_validation_exception(data: bytes) -> None:
    try:
        ours(data)
    except ValidationException:
        pass


@given(st.binary(max_size=100))
@settings(max_examples=300, deadline=None)
def test_any_headers_in_a_sound_frame_are_read_or_a_validation_exception(headers: bytes) -> None:
    try:
        ours(encode(headers, b""))
    except ValidationException:
        pass


def test_botocore_reads_what_we_write() -> None:
    (message,) = theirs(encode(encode_headers(HEADERS), b"payload"))
    assert message.payload == b"payload"
    assert message.headers == {**HEADERS, "w": int(MOMENT.timestamp() * 1000)}


def test_we_read_what_we_write() -> None:
    (frame,) = ours(encode(encode_headers(HEADERS), b"payload"))
    assert frame == (HEADERS, b"payload")


def test_we_read_the_types_that_we_never_write() -> None:
    raw = b"\x01b\x02\xfb\x01s\x03\xff\xfe\x01u\x09" + bytes(range(16))
    assert ours(encode(raw, b""))[0].headers == {"b": -5, "s": -2, "u": UUID(bytes=bytes(range(16)))}


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_frames_may_arrive_in_any_pieces(payloads: list[bytes], step: int) -> None:
    data = b"".join(encode(encode_headers({"n": at}), payload) for at, payload in enumerate(payloads))
    reader, found = Reader(), []
    for at in range(0, len(data), step):
        found += [frame.payload for frame in reader.feed(data[at : at + step])]
    reader.finish()
    assert found == payloads


# ------------------------------------------------------------------ events in

STREAM = spec.load("bedrock-runtime").operation("InvokeModelWithBidirectionalStream").input_stream
assert STREAM is not None
INPUT: Shape = STREAM.shape
CHUNK = encode(encode_headers({":event-type": "chunk", ":message-type": "event"}), b'{"bytes":"YWI="}')


async def events(*chunks: bytes) -> list[dict]:
    async def feed() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [event async for event in eventstream.read_events(INPUT, feed())]


def signed(payload: bytes) -> bytes:
    return encode(encode_headers({":date": MOMENT, ":chunk-signature": b"s" * 32}), payload)


async def test_bare_and_signed_events_are_read() -> None:
    event = {"chunk": {"bytes": b"ab"}}
    assert await events(CHUNK, signed(CHUNK), signed(b"")) == [event, event]


@pytest.mark.parametrize(
    "frame",
    [
        encode(encode_headers({":event-type": "nothing"}), b"{}"),
        encode(b"", b"{}"),
        encode(encode_headers({":event-type": "chunk"}), b"{"),
        encode(encode_headers({":event-type": "chunk"}), b'{"bytes":1}'),
        encode(encode_headers({":event-type": 5}), b"{}"),
        signed(b"not a frame at all, but long enough to be one"),
        signed(CHUNK[:-1]),
    ],
)
async def test_events_that_cannot_be_read_are_refused(frame: bytes) -> None:
    with pytest.raises(ValidationException):
        await events(frame)


# ------------------------------------------------------------------ members in headers and payloads


def split_stream() -> Shape:
    """A stream whose events have members in headers and whole payloads; Bedrock has none, the format does."""

    def member(shape: str, **traits: bool) -> dict:
        return {"shape": shape, **traits}

    shapes = {
        "Str": {"type": "string"},
        "Blob": {"type": "blob"},
        "Inner": {"type": "structure", "members": {"x": member("Str")}},
        "Raw": {
            "type": "structure",
            "members": {"h": member("Str", eventheader=True), "p": member("Blob", eventpayload=True)},
        },
        "Text": {"type": "structure", "members": {"p": member("Str", eventpayload=True)}},
        "Deep": {"type": "structure", "members": {"p": member("Inner", eventpayload=True)}},
        "Mixed": {"type": "structure", "members": {"h": member("Str", eventheader=True), "x": member("Str")}},
        "Stream": {
            "type": "structure",
            "eventstream": True,
            "members": {name.lower(): member(name) for name in ("Raw", "Text", "Deep", "Mixed")},
        },
    }
    return Service("s", {"metadata": {}, "operations": {}, "shapes": shapes}).shape("Stream")


@pytest.mark.parametrize(
    ("event", "content_type"),
    [
        ({"raw": {"h": "head", "p": b"\x00bytes"}}, "application/octet-stream"),
        ({"raw": {"p": b""}}, "application/octet-stream"),
        ({"text": {"p": "text"}}, "text/plain"),
        ({"deep": {"p": {"x": "y"}}}, "application/json"),
        ({"mixed": {"h": "head", "x": "y"}}, "application/json"),
    ],
)
async def test_events_split_over_headers_and_payload_go_both_ways(event: dict, content_type: str) -> None:
    stream = split_stream()
    data = eventstream.encoder(stream)(event)
    assert theirs(data)[0].headers[":content-type"] == content_type

    async def feed() -> AsyncIterator[bytes]:
        yield data

    assert [read async for read in eventstream.read_events(stream, feed())] == [event]
