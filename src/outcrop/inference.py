"""One turn through one model: resolve, check, wait for an engine, answer, and note what happened.

Every door comes through here. Knows nothing of HTTP doors or of how engines are run.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import orjson

from . import attachments, rules
from .call import Call
from .catalog import Catalog, Model
from .config import Settings
from .engines import tokens, vectors
from .engines.chat import chat
from .engines.endpoint import Endpoint
from .engines.pool import Engines
from .engines.post import Client
from .engines.vectors import Embedded, Ranked
from .errors import ModelErrorException, ModelStreamErrorException, ValidationException
from .store.objects import Objects
from .turn import Delta, Gathered, Reply, Turn

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
        async with aclosing(self._batches(call, model_id, turn)) as batches:
            async for batch in batches:
                for delta in batch:
                    yield delta

    async def reply(self, call: Call, model_id: str, turn: Turn) -> Reply:
        """The whole answer at once. An engine that fails half way is a ModelErrorException: nothing streams here."""
        return (await self.gathered(call, model_id, turn)).reply()

    async def gathered(self, call: Call, model_id: str, turn: Turn) -> Gathered:
        """What `reply` is made of."""
        whole = Gathered()
        try:
            async with aclosing(self._batches(call, model_id, turn)) as batches:
                async for batch in batches:
                    whole.add(batch)
        except ModelStreamErrorException as error:
            raise ModelErrorException(error.message, originalStatusCode=500) from error
        return whole

    async def _batches(self, call: Call, model_id: str, turn: Turn) -> AsyncGenerator[list[Delta], None]:
        """The answer's deltas, all that came in together at a time, noted on the call."""
        async with self._ready(call, model_id, turn) as (turn, endpoint):
            cached = await tokens.cached(self.http, turn, endpoint)
            async with aclosing(chat(self.http, turn, endpoint, cached)) as batches:
                async for batch in batches:
                    _note(call, batch)
                    yield batch

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
        call.note["invoked"] = slot
        rules.check_task(model)
        if "prompt" not in turn:
            rules.check(turn, model)
        turn = await attachments.inline(turn, self.objects)
        async with self.engines.lease(model, slot=slot, tokens=guess(turn)) as endpoint:
            yield turn, endpoint

    async def embed(
        self, call: Call, model_id: str, texts: Sequence[str], *, truncate: str = vectors.NONE, unit: bool = True,
        limit: int | None = None,
    ) -> Embedded:  # fmt: skip
        """One vector for each text, in their order: of length 1, or as the model pools them with `unit` False.

        `truncate` is NONE (too long is a ValidationException), START or END; `limit` are tokens below the model's own.
        """
        model = await self._model(call, model_id, "embedding")
        most = min(limit or model.context_length, model.context_length)
        async with self.engines.lease(model) as endpoint:
            embedded = await vectors.embed(self.http, endpoint, texts, most, truncate, unit)
        _note_read(call, embedded.tokens)
        return embedded

    async def rerank(self, call: Call, model_id: str, query: str, documents: Sequence[str]) -> Ranked:
        """The relevance of each document to the query, 0 to 1, in the documents' order: by a reranker, or by the
        cosine of the two texts' vectors where the model is one for embeddings."""
        model = await self._model(call, model_id, "rerank", "embedding")
        judge = vectors.rerank if model.task == "rerank" else vectors.compare
        async with self.engines.lease(model) as endpoint:
            ranked = await judge(self.http, endpoint, query, documents, model.context_length)
        _note_read(call, ranked.tokens)
        return ranked

    async def _model(self, call: Call, model_id: str, *tasks: str) -> Model:
        """The model, which must be for one of `tasks`."""
        model = await self.catalog.resolve(model_id)
        call.note["modelId"] = model.id
        call.note["invoked"] = True
        if model.task not in tasks:
            raise ValidationException(f"The model {model.id} is no {' or '.join(tasks)} model: it is for {model.task}.")
        return model

    async def close(self) -> None:
        await self.http.close()


def _note(call: Call, batch: list[Delta]) -> None:
    for delta in batch:
        if "contentBlockDelta" in delta:
            continue
        if "messageStart" in delta:
            call.note["firstTokenMs"] = round((time.monotonic() - call.started) * 1000)
        elif "messageStop" in delta:
            call.note["stopReason"] = delta["messageStop"]["stopReason"]
        elif "metadata" in delta:
            call.note["usage"] = delta["metadata"]["usage"]
            call.note["latencyMs"] = delta["metadata"]["metrics"]["latencyMs"]


def _note_read(call: Call, tokens: int) -> None:
    """A call that read and wrote no words."""
    call.note["usage"] = {"inputTokens": tokens}
    call.note["latencyMs"] = round((time.monotonic() - call.started) * 1000)
    call.note["outputModality"] = "EMBEDDING"


def guess(turn: Turn) -> int:
    """About how many tokens prompt and answer will come to, for the queue."""
    said = [turn.get("messages"), turn.get("system"), turn.get("toolConfig"), turn.get("prompt")]
    prompt = len(orjson.dumps(said, default=lambda image: "x" * IMAGE_TOKENS * BYTES_A_TOKEN)) // BYTES_A_TOKEN
    return prompt + turn.get("inferenceConfig", {}).get("maxTokens", ANSWER_TOKENS)
