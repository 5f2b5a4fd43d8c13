"""An engine for embeddings and reranking that does as it is told: right answers, odd ones, refusals, lost connections.

`async with VectorEngine() as engine`. A text's vector is (its length, 1, 0, ...) of 4 numbers; a document's score is
its length / 10. A token is a character, [1] before and [2] after a text.
"""

from __future__ import annotations

import asyncio
import base64
import json
from array import array
from typing import Any

from aiohttp import web

from outcrop.engines.endpoint import KINDS, Endpoint

DROP, HANG = "drop", "hang"


class VectorEngine:
    """`answer` (JSON, bytes, DROP or HANG) takes the place of the right one; `refusal` is (status, JSON)."""

    def __init__(self, kind: str = "llama", **endpoint: Any) -> None:
        self.kind, self.options = kind, endpoint
        self.answer: Any = None
        self.refusal: tuple[int, Any] | None = None
        self.plain = False
        self.bodies: list[dict[str, Any]] = []
        self.asked, self.gone = asyncio.Event(), asyncio.Event()
        self.at_once = self.most = 0

    async def __aenter__(self) -> VectorEngine:
        app = web.Application(client_max_size=64 << 20)
        for path in ("/v1/embeddings", "/v1/rerank", "/tokenize", "/detokenize"):
            app.router.add_post(path, self._handle)
        self.runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = Endpoint(f"http://127.0.0.1:{self.runner.addresses[0][1]}", KINDS[self.kind], **self.options)
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.path in ("/tokenize", "/detokenize"):
            return web.json_response(_tokens(body))
        self.bodies.append(body)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.asked.set()
        try:
            return await self._play(request, body)
        except asyncio.CancelledError:
            self.gone.set()
            raise
        finally:
            self.at_once -= 1

    async def _play(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        if self.refusal is not None:
            return web.json_response(self.refusal[1], status=self.refusal[0])
        if self.answer == HANG:
            await asyncio.sleep(3600)
        if self.answer == DROP:
            assert request.transport is not None
            request.transport.abort()
        if self.answer is not None:
            told = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
            return web.Response(body=told)
        await asyncio.sleep(0)
        return web.json_response(self._embedded(body) if "input" in body else _ranked(body))

    def _embedded(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = [self._row(place, item) for place, item in enumerate(body["input"])]
        return {"data": rows[::-1], "usage": {"prompt_tokens": sum(len(item) for item in body["input"])}}

    def _row(self, place: int, item: Any) -> dict[str, Any]:
        values = [float(len(item)), 1.0, 0.0, -1.0]
        packed = base64.b64encode(array("f", values).tobytes()).decode()
        return {"index": place, "embedding": values if self.plain else packed}


def _tokens(body: dict[str, Any]) -> dict[str, Any]:
    if "tokens" in body:
        return {"content": "".join(chr(token) for token in body["tokens"])}
    ids = [ord(char) for char in body["content"]]
    return {"tokens": [1, *ids, 2] if body.get("add_special") else ids}


def _ranked(body: dict[str, Any]) -> dict[str, Any]:
    scores = [len(document) / 10 for document in body["documents"]]
    rows = [{"index": place, "relevance_score": score} for place, score in enumerate(scores)]
    return {"results": rows[::-1], "usage": {"prompt_tokens": len(body["query"]) * len(scores)}}
