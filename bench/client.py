"""A raw HTTP/1.1 client on one kept-alive connection: cheap enough that what it measures is the other side.

Knows nothing of Bedrock. Requests are ready bytes; an answer's body goes to a sink as it comes in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from struct import Struct
from typing import Any

_LENGTH = Struct(">I")


class Frames:
    """Counts whole event-stream frames by their preludes."""

    def __init__(self) -> None:
        self.events = 0
        self._rest = b""

    def __call__(self, data: bytes) -> None:
        data, at = self._rest + data if self._rest else data, 0
        end = len(data)
        while at + 4 <= end and (next := at + _LENGTH.unpack_from(data, at)[0]) <= end:
            at = next
            self.events += 1
        self._rest = data[at:]


class Lines:
    """Counts server-sent events."""

    def __init__(self) -> None:
        self.events = 0

    def __call__(self, data: bytes) -> None:
        self.events += data.count(b"data: ")


class Whole:
    """Keeps nothing: one answer is one event."""

    events = 1

    def __call__(self, data: bytes) -> None:
        pass


SINKS: dict[str, Callable[[], Any]] = {"frames": Frames, "lines": Lines, "whole": Whole}


class Connection(asyncio.Protocol):
    """Sends one request at a time. `done(connection)` is called when an answer is complete."""

    def __init__(self, sink: Callable[[], Any], marker: bytes, done: Callable[[Connection], None]) -> None:
        self._make_sink, self._marker, self._done = sink, marker, done
        self.status, self.sent, self.first, self.ended = 0, 0.0, 0.0, 0.0
        self.sink: Any = None
        self.broken: Exception | None = None
        self.last = b""
        """The end of an answer of known length: what an error says."""
        self._under_way = False

    @property
    def rest(self) -> bytes:
        """What has come in and was not yet taken for a part of the answer; for errors."""
        return self._buffer[:2000]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, request: bytes) -> None:
        if self.transport.is_closing():
            raise ConnectionError("the server closed the connection")
        self._buffer, self._left, self._chunked = b"", -1, False
        self.status, self.first, self.sink = 0, 0.0, self._make_sink()
        self._under_way = True
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._look(data)
        self._buffer = self._buffer + data if self._buffer else data
        if self.status or self._head():
            self._body()

    def connection_lost(self, error: Exception | None) -> None:
        if self._under_way:
            self._end(error or ConnectionError("closed in the middle of an answer"))

    def _look(self, data: bytes) -> None:
        """Note when the marker of a first token comes in; empty: with the first bytes. Writers keep events whole."""
        if not self.first and self._marker in data:
            self.first = time.perf_counter()

    def _head(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        self.status, fields = int(head[9:12]), head.lower()
        self._chunked = b"transfer-encoding: chunked" in fields
        if not self._chunked:
            self._left = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0])
        self._buffer = rest
        return True

    def _body(self) -> None:
        if self._chunked:
            self._chunks()
            return
        self._left -= len(self._buffer)
        self.sink(self._buffer)
        self.last, self._buffer = self._buffer[-300:], b""
        if self._left <= 0:
            self._end()

    def _chunks(self) -> None:
        data, at = self._buffer, 0
        while (line := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:line], 16)
            after = line + 2 + size
            if len(data) < after + 2:
                break
            if not size:
                return self._end()
            self.sink(data[line + 2 : after])
            at = after + 2
        self._buffer = data[at:]

    def _end(self, error: Exception | None = None) -> None:
        self._under_way, self.broken, self.ended = False, error, time.perf_counter()
        self._done(self)
