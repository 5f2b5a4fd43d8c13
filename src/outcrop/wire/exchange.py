"""One HTTP exchange over bare ASGI: the request's head and body in, the answer out, and word of a client that left.

Knows nothing of AWS. Every wait on the client has a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

from .errors import ClientDisconnected, RequestEntityTooLargeException, RequestTimeoutException, SerializationException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SLOWEST_READER_S = 300.0
"""A client that takes in nothing for so long is taken for gone: it holds an engine's slot meanwhile."""
WATCH_AFTER_S = 0.02
"""How long a request runs before anyone watches for a client that hangs up."""


class Exchange:
    """The request as the server handed it over, and whether an answer has begun."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.raw_path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers = _headers(scope["headers"])
        self.secure = scope.get("scheme") == "https"
        self.status = 0
        self._receive = receive
        self._send = send

    async def body(self, limit: int, pause_s: float) -> bytes:
        """The whole body. Raises for one larger than `limit` bytes, or when the client pauses for too long."""
        declared = self._declared()
        if declared is not None and declared > limit:
            raise too_large(limit)
        body = b"".join([chunk async for chunk in self.chunks(limit, pause_s, declared)])
        if declared is not None and declared != len(body):
            raise SerializationException("The request body is not as long as its Content-Length")
        return body

    async def chunks(self, limit: int, pause_s: float | None, declared: int | None = None) -> AsyncIterator[bytes]:
        """The body as it comes in. Once all of `declared` is here nobody waits to be told that there is no more."""
        size, more = 0, True
        while more:
            message = await self._next(pause_s)
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            more = more and (declared is None or size < declared)
            if size > limit:
                raise too_large(limit)
            if chunk:
                yield chunk

    async def _next(self, pause_s: float | None) -> MutableMapping[str, Any]:
        try:
            async with asyncio.timeout(pause_s):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeoutException("The request body did not arrive in time") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        return message

    def _declared(self) -> int | None:
        """Content-Length, where there is one."""
        declared = self.headers.get("content-length", "")
        return int(declared) if declared.isdecimal() else None

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and the headers."""
        self.status = status
        raw = [(name.encode("latin-1"), clean(value)) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes, more: bool = True) -> None:
        """Send a piece of the body. Raises ClientDisconnected when the client takes nothing in for too long."""
        try:
            async with asyncio.timeout(SLOWEST_READER_S):
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError:
            raise ClientDisconnected from None

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole answer. It waits for nobody: the server takes it as it is."""
        length = {} if status == 204 else {"content-length": str(len(body))}
        await self.start(status, {**headers, **length})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def gone(self, after_s: float | None = WATCH_AFTER_S) -> Gone:
        """A block that is left with ClientDisconnected as soon as the client hangs up. With None it is watched for
        from `watch()` on, since only one may read from the client at a time."""
        return Gone(self._receive, after_s)


class Gone:
    """Cancels the block it guards when the client hangs up. Nothing else may read from the client in that block.

    It begins to watch after `after_s`: a task and a wait on the server are dear for a request that is done by then.
    """

    def __init__(self, receive: Receive, after_s: float | None) -> None:
        self._receive, self._after_s = receive, after_s
        self._seen = False
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Gone:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        if self._after_s is not None:
            self._timer = asyncio.get_running_loop().call_later(self._after_s, self.watch)
        return self

    def watch(self) -> None:
        """Begin to watch."""
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave()

    def leave(self) -> None:
        """Leave the block: the client has been seen to hang up."""
        self._seen = True
        self._task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if not self._seen:
            return
        if kind is None:  # the cancellation is still on its way: take it here
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass
        self._task.uncancel()
        raise ClientDisconnected from None


def too_large(limit: int) -> RequestEntityTooLargeException:
    return RequestEntityTooLargeException(f"The request body is larger than {limit} bytes")


def clean(value: str) -> bytes:
    """A header value without what would end it."""
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; repeated ones joined as HTTP says."""
    headers: dict[str, str] = {}
    for name_, value_ in raw:
        name, value = name_.decode("latin-1").lower(), value_.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
