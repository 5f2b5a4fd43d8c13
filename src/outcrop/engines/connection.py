"""One HTTP/1.1 connection: a request goes out as bytes, its answer comes in, one after the other.

Knows nothing of JSON or of other connections. `httptools` (the parser of Node.js) reads the answers.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, cast

import httptools

LONGEST_HEAD = 64 << 10
"""Bytes of an answer's status line and headers before its sender counts as broken."""
MOST_UNREAD = 256 << 10
"""Bytes of an answer that may wait to be read before the other side is held back."""


class Broken(ConnectionError):
    """The connection was lost in the middle of an answer, or what came in is no HTTP."""


class Connection(asyncio.Protocol):
    """`send`, then `head`, then `read` until it is empty. Once `complete`, and while `reusable`, it may `send` again.

    `head` and `read` raise TimeoutError when the time given to `send` is up, Broken or another OSError when the
    connection is lost.
    """

    def __init__(self) -> None:
        self.closed = False
        self.complete = True
        """Nothing of an answer is still to come."""
        self.reusable = False
        """The other side will take one more request once this answer is complete."""
        self.status = 0
        """Of the answer under way; 0 until its head is in."""
        self.location = ""
        """Where a redirect leads."""
        self.idle_since = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._limit: asyncio.TimerHandle | None = None

    def send(self, request: bytes, limit_s: float) -> None:
        """Begin an exchange that may take `limit_s` seconds in all."""
        self._parser: Any = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._unread = self._head_size = self.status = 0
        self._failure: BaseException | None = Broken("closed before it was used") if self.closed else None
        self._framed = self._held = self.complete = self.reusable = False
        self._limit = asyncio.get_running_loop().call_later(limit_s, self.fail, TimeoutError("no answer in time"))
        self._transport.write(request)

    @property
    def untouched(self) -> bool:
        """No byte of an answer has come in."""
        return not self._head_size

    async def head(self) -> int:
        """The answer's status."""
        while not self.status:
            await self._news()
        return self.status

    async def read(self) -> bytes:
        """What has come in of the body since the last call; empty at its end."""
        while not self._pieces:
            if self.complete:
                return b""
            await self._news()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces, self._unread = [], 0
        if self._held:
            self._held = False
            self._transport.resume_reading()
        return data

    def fail(self, error: BaseException) -> None:
        """Give the exchange under way up: whoever waits for it gets `error`, and the connection is lost."""
        if not self.complete:
            self._failure = self._failure or error
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Close at once; the other side may still be sending."""
        self._stop_the_clock()
        self.closed, self.reusable = True, False
        self._transport.abort()

    async def _news(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _stop_the_clock(self) -> None:
        if self._limit is not None:
            self._limit.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.complete:  # nobody asked
            return self.abort()
        self._head_size += 0 if self.status else len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return self._garbage(error)
        if not self.status and self._head_size > LONGEST_HEAD:
            return self.fail(Broken("the head of an answer is too long"))
        if self._unread > MOST_UNREAD and not self.complete:
            self._held = True
            self._transport.pause_reading()
        self._wake()

    def _garbage(self, error: Exception) -> None:
        """What came in is no HTTP. After a whole answer that spoils the connection, and not the answer."""
        if not self.complete:
            return self.fail(Broken(f"no HTTP: {error}"))
        self.abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed, self.reusable, self._parser = True, False, None  # it holds us, too
        if self.complete:
            return
        self._stop_the_clock()
        if self.status and not self._framed and exc is None:
            self.complete = True  # a body without a length ends with the connection
        else:
            self._failure = self._failure or exc or Broken("closed in the middle of an answer")
        self._wake()

    # what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._framed = self._framed or name in (b"content-length", b"transfer-encoding")
        if name == b"location":
            self.location = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self.complete:  # 1xx only announce an answer
            self.status, self.reusable = status, self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self._pieces.append(body)
            self._unread += len(body)

    def on_message_complete(self) -> None:
        if self.complete:  # a second answer to one request
            self.reusable = False
        elif self.status:
            self.complete = True
            self._stop_the_clock()


async def connect(host: str, port: int, tls: ssl.SSLContext | None = None) -> Connection:
    """An open connection. Raises OSError (ssl.SSLError is one)."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, host, port, ssl=tls)
    return connection
