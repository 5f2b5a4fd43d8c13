"""An engine that does as it is told: scripted events, refusals, silences, lost connections.

`async with StubEngine() as stub: stub.say(*steps)`; each chat request plays the steps said last.
A step is an event (dict), raw bytes, a number of seconds to wait, or one of DROP (cut the connection) and HANG.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiohttp import web

from outcrop.engines import chat as engine_chat
from outcrop.engines.endpoint import KINDS, Endpoint
from outcrop.engines.post import Client
from outcrop.turn import Delta, Turn

DROP, HANG = "drop", "hang"
DONE = b"data: [DONE]\n\n"


def text(content: str) -> dict[str, Any]:
    return delta(content=content)


def delta(**members: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": members, "finish_reason": None}]}


def call(index: int, name: str | None = None, arguments: str | None = None) -> dict[str, Any]:
    function = {key: value for key, value in {"name": name, "arguments": arguments}.items() if value is not None}
    return delta(tool_calls=[{"index": index, "id": f"call_{index}", "type": "function", "function": function}])


def finish(reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **more}


def usage(prompt: int, completion: int, cached: int = 0) -> dict[str, Any]:
    told = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return {"choices": [], "usage": told}


def progress(total: int, cache: int = 0) -> dict[str, Any]:
    return delta(role="assistant", content=None) | {"prompt_progress": {"total": total, "cache": cache, "processed": 0}}


def sse(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


HELLO = (progress(7), text("Hel"), text("lo"), finish(), usage(7, 2), DONE)


class StubEngine:
    """`bodies` are the requests of /v1/chat/completions; `gone` is set when a client leaves before the end."""

    def __init__(self, kind: str = "llama", **endpoint: Any) -> None:
        self.kind, self.options = kind, endpoint
        self.steps: tuple[Any, ...] = HELLO
        self.refusal: tuple[int, Any] | None = None
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.peers: list[Any] = []
        self.asked, self.gone = asyncio.Event(), asyncio.Event()
        self.running = 0

    def say(self, *steps: Any) -> None:
        self.steps, self.refusal = steps, None

    def refuse(self, status: int, body: Any = None) -> None:
        self.refusal = status, body

    @property
    def body(self) -> dict[str, Any]:
        return self.bodies[-1]

    async def __aenter__(self) -> StubEngine:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._chat)
        app.router.add_post("/v1/chat/completions/input_tokens", self._count)
        app.router.add_post("/apply-template", self._template)
        app.router.add_post("/tokenize", self._tokenize)
        self.runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = Endpoint(f"http://127.0.0.1:{self.runner.addresses[0][1]}", KINDS[self.kind], **self.options)
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.peers.append(request.transport and request.transport.get_extra_info("peername"))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.refusal is not None:
            status, body = self.refusal
            return web.Response(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())
        self.running += 1
        self.asked.set()
        try:
            return await self._play(request)
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise
        finally:
            self.running -= 1

    async def _play(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for step in self.steps:
            if step == DROP:
                assert request.transport is not None
                request.transport.abort()
            elif step == HANG:
                await asyncio.sleep(3600)
            elif isinstance(step, int | float):
                await asyncio.sleep(step)
            else:
                await response.write(step if isinstance(step, bytes) else sse(step))
        return response

    async def _template(self, request: web.Request) -> web.Response:
        return web.json_response({"prompt": render(await request.json())})

    async def _tokenize(self, request: web.Request) -> web.Response:
        return web.json_response({"tokens": [ord(char) for char in (await request.json())["content"]]})

    async def _count(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            return web.Response(status=self.refusal[0], body=json.dumps(self.refusal[1]).encode())
        return web.json_response({"input_tokens": len(render(await request.json()))})


def render(body: dict[str, Any]) -> str:
    """A chat template of our own: one token a character."""
    tools = "".join(f"[{tool['function']['name']}]" for tool in body.get("tools", []))
    return tools + "".join(f"<{message['role']}>{message['content']}" for message in body["messages"])


async def chat(http: Client, turn: Turn, endpoint: Endpoint, cached: int = 0) -> AsyncGenerator[Delta, None]:
    """The deltas of an answer one by one, as the doors see them."""
    async with aclosing(engine_chat.chat(http, turn, endpoint, cached)) as batches:
        async for batch in batches:
            for delta in batch:
                yield delta


def session(total: float = 600) -> Client:
    return Client(total)
