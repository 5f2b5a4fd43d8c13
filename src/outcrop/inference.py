"""One turn through one model: resolve, check, wait for an engine, answer, and note what happened.

Every door comes through here. Knows nothing of HTTP doors or of how engines are run.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import orjson

from . import attachments, rules
from .call import Call
from .catalog import Catalog
from .config import Settings
from .engines import tokens
from .engines.chat import chat
from .engines.endpoint import Endpoint
from .engines.pool import Engines
from .engines.post import Client
from .errors import ModelErrorException, ModelStreamErrorException
from .store.objects import Objects
from .turn import Delta, Reply, Turn, gather

BYTES_A_TOKEN = 3
IMAGE_TOKENS = 1024
ANSWER_TOKENS = 1024
"""An answer whose length nobody limited."""


class Inference:
    """Answers turns. One for the whole service; `close()` ends its connections."""

    def __init__(self, settings: Settings, catalog: Catalog, engines: Engines, objects: Objects) -> None:
        self.settings = settings
        self.catalog = catalog
        self.engines = engines
        self.objects = objects
        self.http = Client(settings.request_timeout_s)
        """The way to engines."""

    async def deltas(self, call: Call, model_id: str, turn: Turn) -> AsyncGenerator[Delta, None]:
        """Stream the answer. The first delta comes with the first token: whoever awaits it before answering turns
        every earlier failure into a real error. Closing the iterator stops the engine."""
        async with self._ready(call, model_id, turn) as (turn, endpoint):
            cached = await tokens.cached(self.http, turn, endpoint)
            async with aclosing(chat(self.http, turn, endpoint, cached)) as stream:
                async for delta in stream:
                    if "contentBlockDelta" not in delta:
                        _note(call, delta)
                    yield delta

    async def reply(self, call: Call, model_id: str, turn: Turn) -> Reply:
        """The whole answer at once. An engine that fails half way is a ModelErrorException: nothing streams here."""
        try:
            return await gather(self.deltas(call, model_id, turn))
        except ModelStreamErrorException as error:
            raise ModelErrorException(error.message, originalStatusCode=500) from error

    async def count(self, call: Call, model_id: str, turn: Turn) -> int:
        """Input tokens of the turn, exactly as `reply` would use them."""
        async with self._ready(call, model_id, turn, slot=False) as (turn, endpoint):
            return await tokens.count(self.http, turn, endpoint)

    @asynccontextmanager
    async def _ready(
        self, call: Call, model_id: str, turn: Turn, slot: bool = True
    ) -> AsyncIterator[tuple[Turn, Endpoint]]:
        """The turn as the engine will see it, and an engine that is held until the answer is out."""
        model = await self.catalog.resolve(model_id)
        call.note["modelId"] = model.id
        rules.check(turn, model)
        turn = await attachments.inline(turn, self.objects)
        async with self.engines.lease(model, slot=slot, tokens=guess(turn)) as endpoint:
            yield turn, endpoint

    async def close(self) -> None:
        await self.http.close()


def _note(call: Call, delta: Delta) -> None:
    if "messageStart" in delta:
        call.note["firstTokenMs"] = round((time.monotonic() - call.started) * 1000)
    elif "messageStop" in delta:
        call.note["stopReason"] = delta["messageStop"]["stopReason"]
    elif "metadata" in delta:
        call.note["usage"] = delta["metadata"]["usage"]
        call.note["latencyMs"] = delta["metadata"]["metrics"]["latencyMs"]


def guess(turn: Turn) -> int:
    """About how many tokens prompt and answer will come to, for the queue."""
    said = [turn.get("messages"), turn.get("system"), turn.get("toolConfig")]
    prompt = len(orjson.dumps(said, default=lambda image: "x" * IMAGE_TOKENS * BYTES_A_TOKEN)) // BYTES_A_TOKEN
    return prompt + turn.get("inferenceConfig", {}).get("maxTokens", ANSWER_TOKENS)
