"""Embeddings and reranking on engines that this service runs itself: kills, leavers, crowds; then what they answer."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outcrop.call import Call
from outcrop.catalog import Model
from outcrop.config import Settings
from outcrop.engines.pool import Engines
from outcrop.errors import ModelErrorException, ThrottlingException, ValidationException
from outcrop.inference import Inference
from outcrop.store.objects import Objects
from outcrop.vectors import cosine
from tests.api.runtime import FakeCatalog
from tests.engines.conftest import engines_of
from tests.tiny_bert import tiny_bert

ID = "test.tiny-v1"
TEXT = "granite stone tea the basalt " * 6
"""32 tokens."""
CLOSE = 1e-3
"""What llama.cpp's sums in half precision may differ by from one batch to another."""
MANY = [TEXT] * 4000


def call() -> Call:
    return Call("InvokeModel", "bedrock-runtime", "r", services=SimpleNamespace())  # type: ignore[arg-type]


@asynccontextmanager
async def served(
    path: Path, home: Path, reranks: bool = False, **settings: Any
) -> AsyncIterator[tuple[Inference, Engines]]:
    outputs = ("TEXT",) if reranks else ("EMBEDDING",)
    model = Model(ID, "Tiny", "Test", str(path), context_length=128, reranks=reranks, output_modalities=outputs)
    wanted = Settings(home=home, engine="wheel", engine_threads=1, **{"engine_slots": 4, "drain_s": 2.0, **settings})
    async with engines_of(wanted) as engines:
        made = Inference(wanted, FakeCatalog(model), engines, Objects(wanted))  # type: ignore[arg-type]
        try:
            yield made, engines
        finally:
            await made.close()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("encoder") / "encoder.gguf")


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("reranker") / "reranker.gguf", pooling=4)


async def until_busy(engines: Engines) -> int:
    """The pid of the engine, once a request is on it."""
    for _ in range(2000):
        if busy := [status.pid for status in engines.status() if status.active and status.pid]:
            return busy[0]
        await asyncio.sleep(0.005)
    raise AssertionError("no request reached the engine")


async def test_an_engine_killed_midway_fails_that_call_and_no_later_one(encoder, tmp_path):
    async with served(encoder, tmp_path) as (made, engines):
        await made.embed(call(), ID, ["a"])
        running = asyncio.create_task(made.embed(call(), ID, MANY))
        os.kill(await until_busy(engines), signal.SIGKILL)
        with pytest.raises(ModelErrorException):
            await running
        assert len((await made.embed(call(), ID, ["a"])).vectors) == 1


async def test_a_caller_that_leaves_frees_its_place(encoder, tmp_path):
    async with served(encoder, tmp_path, engine_slots=1, queue_limit=0) as (made, engines):
        running = asyncio.create_task(made.embed(call(), ID, MANY))
        await until_busy(engines)
        with pytest.raises(ThrottlingException):
            await made.embed(call(), ID, ["a"])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.wait_for(made.embed(call(), ID, ["a"]), 20)


async def test_texts_that_are_too_long_are_refused_or_cut_and_the_engine_lives(encoder, tmp_path):
    async with served(encoder, tmp_path) as (made, _):
        long = "granite " * 127
        with pytest.raises(ValidationException, match="Max input tokens: 128, request input token count: 129"):
            await made.embed(call(), ID, ["a", long])
        with pytest.raises(ValidationException, match="Max input tokens: 8,"):
            await made.embed(call(), ID, [TEXT], limit=8)
        cut = await made.embed(call(), ID, [long, "granite " * 126, "tea " + long], truncate="END")
        assert cut.tokens == 3 * 128 and cut.cut == {0: 8 * 126 - 1, 2: 8 * 125 + 3}
        assert cut.vectors[0] == pytest.approx(cut.vectors[1], abs=CLOSE)
        start = await made.embed(call(), ID, ["tea " + long], truncate="START")
        assert start.vectors[0] == pytest.approx(cut.vectors[0], abs=CLOSE)


async def test_many_callers_at_once_get_the_same_as_one(encoder, tmp_path):
    async with served(encoder, tmp_path) as (made, _):
        texts = [f"granite {n} stone" * (1 + n % 3) for n in range(40)]
        alone = (await made.embed(call(), ID, texts)).vectors
        assert max(abs(a - b) for a, b in zip(alone[0], alone[1], strict=True)) > 20 * CLOSE
        crowd = await asyncio.gather(*(made.embed(call(), ID, [text]) for text in texts))
        for one, other in zip(alone, crowd, strict=True):
            assert other.vectors[0] == pytest.approx(one, abs=CLOSE)


ODD = ["", " ", "\x00", "\u200b", "한국어", "x" * 5000, "[SEP][CLS]"]


async def test_odd_texts_have_vectors_too(encoder, tmp_path):
    async with served(encoder, tmp_path) as (made, _):
        for text in ODD:
            (vector,) = (await made.embed(call(), ID, [text])).vectors
            assert math.hypot(*vector) == pytest.approx(1, abs=1e-4), text


async def test_vectors_can_be_had_as_the_model_pools_them(encoder, tmp_path):
    async with served(encoder, tmp_path) as (made, _):
        unit = (await made.embed(call(), ID, [TEXT])).vectors[0]
        raw = (await made.embed(call(), ID, [TEXT], unit=False)).vectors[0]
        length = math.hypot(*raw)
        assert abs(length - 1) > 0.01 and [value / length for value in raw] == pytest.approx(unit.tolist(), abs=CLOSE)


async def test_an_embedding_model_ranks_by_cosine(encoder, tmp_path):
    async with served(encoder, tmp_path) as (made, _):
        noted = call()
        ranked = await made.rerank(noted, ID, "granite", ["granite", "tea " * 400])
        one, other = (await made.embed(call(), ID, ["granite", "tea " * 400], truncate="END")).vectors
        assert ranked.scores == pytest.approx([1.0, max(0.0, cosine(one, other))], abs=1e-4)
        assert noted.note["usage"] == {"inputTokens": ranked.tokens} and ranked.tokens == 3 + 3 + 128


async def test_a_reranker_scores_each_document_with_the_query(reranker, tmp_path):
    async with served(reranker, tmp_path, reranks=True) as (made, _):
        documents = ["granite", "tea", "basalt " * 300, "stone"] * 12
        ranked = await made.rerank(call(), ID, "the granite", documents)
        assert len(ranked.scores) == 48 and all(0 <= score <= 1 for score in ranked.scores)
        assert len({round(score, 4) for score in ranked.scores[:4]}) > 1
        assert ranked.scores[:4] == pytest.approx(ranked.scores[4:8], abs=1e-3)
        alone = await made.rerank(call(), ID, "the granite", ["tea"])
        assert alone.scores[0] == pytest.approx(ranked.scores[1], abs=1e-3)
        with pytest.raises(ValidationException, match="is no embedding model: it is for rerank"):
            await made.embed(call(), ID, ["a"])
        with pytest.raises(ValidationException, match="query is too long"):
            await made.rerank(call(), ID, "granite " * 200, ["a"])


async def test_a_chat_goes_to_none_of_them(encoder, tmp_path):
    async with served(encoder, tmp_path) as (made, engines):
        turn: Any = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        with pytest.raises(ValidationException, match="doesn't support the model that you provided"):
            await made.reply(call(), ID, turn)
        raw: Any = {"prompt": "hi"}
        with pytest.raises(ValidationException, match="doesn't support the model that you provided"):
            await made.reply(call(), ID, raw)
        made.catalog.model = replace(made.catalog.model, output_modalities=("TEXT",))  # type: ignore[attr-defined]
        for asked in (made.embed(call(), ID, ["a"]), made.rerank(call(), ID, "q", ["a"])):
            with pytest.raises(ValidationException, match="it is for chat"):
                await asked
        assert engines.status() == []
