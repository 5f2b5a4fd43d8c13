"""An in-process ASGI client for the gateway's tests: what a server would do, with the client's moods on top."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from outcrop.config import Settings


class FakeTelemetry:
    """Remembers what began and what finished."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.finished: list[tuple[Any, int, BaseException | None]] = []

    def begin(self, call: Any) -> None:
        self.begun.append(call)

    def finish(self, call: Any, status: int, error: BaseException | None = None) -> None:
        self.finished.append((call, status, error))


def fake_services(**settings: Any) -> Any:
    return SimpleNamespace(settings=Settings(**settings), telemetry=FakeTelemetry())


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    sends: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.sends)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.headers["x-amzn-errortype"]


class Client:
    """One request against an ASGI app. `chunks` are sent as separate messages; None is a pause that never ends.

    `hang_up` is set by the test when the client leaves; `hold` (an unset event) makes the client stop reading.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes | None] = b"",
        headers: dict[str, str] | None = None,
        hang_up: asyncio.Event | None = None,
        hold: asyncio.Event | None = None,
        answer: Answer | None = None,
    ) -> Answer:
        chunks = [body] if isinstance(body, bytes) else list(body)
        answer, hang_up = answer or Answer(), hang_up or asyncio.Event()
        given = {"content-type": "application/json"} if headers is None else headers
        await self.app(scope(method, target, given), _receiver(chunks, hang_up), _sender(answer, hold))
        return answer


def scope(method: str, target: str, headers: dict[str, str]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "scheme": "http",
    }


def _receiver(chunks: list[bytes | None], hang_up: asyncio.Event) -> Any:
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if left:
            chunk = left.pop(0)
            if chunk is not None:
                return {"type": "http.request", "body": chunk, "more_body": bool(left)}
        await hang_up.wait()
        return {"type": "http.disconnect"}

    return receive


def _sender(answer: Answer, hold: asyncio.Event | None) -> Any:
    async def send(message: dict[str, Any]) -> None:
        if hold is not None and message["type"] == "http.response.body":
            await hold.wait()
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer.sends.append(message.get("body", b""))
            answer.complete = not message.get("more_body", False)

    return send
