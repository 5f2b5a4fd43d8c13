"""An in-process ASGI client that sends while it reads, for operations with events both ways."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import orjson

from outcrop.wire import eventstream

from .asgi import Answer, scope


class Duplex:
    """One request under way. `send` gives the server bytes, `frame` waits for the next frame of its answer, `end` says
    that no more will come, `vanish` hangs up."""

    def __init__(self, app: Any, target: str, headers: dict[str, str] | None = None) -> None:
        self.answer = Answer()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._frames: asyncio.Queue[eventstream.Frame] = asyncio.Queue()
        self._reader = eventstream.Reader()
        self.task = asyncio.create_task(app(scope("POST", target, headers or {}), self._inbox.get, self._receive))

    async def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
            self.answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            return
        self.answer.sends.append(message["body"])
        self.answer.complete = not message["more_body"]
        if self.answer.status == 200:
            for frame in self._reader.feed(message["body"]):
                self._frames.put_nowait(frame)

    def send(self, data: bytes) -> None:
        self._inbox.put_nowait({"type": "http.request", "body": data, "more_body": True})

    def end(self) -> None:
        self._inbox.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    def vanish(self) -> None:
        self._inbox.put_nowait({"type": "http.disconnect"})

    async def frame(self) -> eventstream.Frame:
        return await asyncio.wait_for(self._frames.get(), 20)

    async def done(self) -> Answer:
        await asyncio.wait_for(asyncio.wait([self.task]), 20)
        return self.answer


def chunk(payload: bytes) -> bytes:
    """A bare event of InvokeModelWithBidirectionalStream."""
    return eventstream.encode(HEADERS, orjson.dumps({"bytes": base64.b64encode(payload).decode()}))


HEADERS = eventstream.encode_headers(
    {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
)
