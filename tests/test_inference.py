"""One turn through one model, on engines that this service runs itself."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from outcrop.call import Call
from outcrop.config import Settings
from outcrop.engines.pool import Engines
from outcrop.errors import (
    ModelErrorException,
    ModelStreamErrorException,
    ResourceNotFoundException,
    ValidationException,
)
from outcrop.inference import Inference, guess
from outcrop.store.objects import Objects
from outcrop.turn import Turn
from tests.api.runtime import FakeCatalog, FakeEngines
from tests.engines.conftest import engines_of, model_of
from tests.stub_engine import DONE, HANG, finish, text
from tests.tiny_model import tiny_gguf

TURN: Turn = {"messages": [{"role": "user", "content": [{"text": "Tell me a long story."}]}]}
NO_END = [[262, False], [264, False]]
"""Never the tokens that end an answer."""
CONTEXT = 32768
LONG: Turn = {
    **TURN,
    "inferenceConfig": {"maxTokens": 30000},
    "additionalModelRequestFields": {"logit_bias": NO_END},
}
"""Half a minute of tokens at least: it is never over before a test has done what it does to it."""
ID = "test.tiny-v1"


def made_call() -> Call:
    return Call("Converse", "bedrock-runtime", "r", services=SimpleNamespace())  # type: ignore[arg-type]


def inference(settings: Settings, engines: Any, path: Any) -> Inference:
    return Inference(settings, FakeCatalog(model_of(path)), engines, Objects(settings))  # type: ignore[arg-type]


@pytest.fixture
async def stubbed(stub, tmp_path):
    made = inference(Settings(home=tmp_path), FakeEngines(stub.endpoint), tmp_path)
    yield made
    await made.close()
    assert made.engines.held == 0  # type: ignore[attr-defined]


async def test_a_turn_is_noted_on_its_call(stubbed):
    call = made_call()
    reply = await stubbed.reply(call, ID, TURN)
    assert reply["message"]["content"] == [{"text": "Hello"}]
    assert call.note["usage"] == reply["usage"]
    assert {"modelId", "stopReason", "firstTokenMs", "latencyMs"} <= call.note.keys()


async def test_an_engine_is_given_back_whatever_happens(stubbed, stub):
    engines = stubbed.engines
    stub.refuse(500)
    with pytest.raises(ModelErrorException):
        await stubbed.reply(made_call(), ID, TURN)
    stub.say(text("a"), HANG)
    async with aclosing(stubbed.deltas(made_call(), ID, TURN)) as deltas:
        await anext(deltas)
        assert engines.held == 1
    assert engines.held == 0
    await asyncio.wait_for(stub.gone.wait(), 20)


async def test_what_cannot_be_answered_takes_no_engine(stubbed):
    with pytest.raises(ValidationException):
        await stubbed.reply(made_call(), ID, {"messages": []})
    with pytest.raises(ResourceNotFoundException):
        await stubbed.count(made_call(), "test.other", TURN)
    assert stubbed.engines.leases == []


async def test_closing_twice_and_closing_unused_is_no_error(stubbed, stub):
    stub.say(text("a"), finish(), DONE)
    await stubbed.close()
    await stubbed.reply(made_call(), ID, TURN)
    await stubbed.close()
    await stubbed.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_gguf(tmp_path_factory.mktemp("inference") / "tiny.gguf", context=CONTEXT)


def pid_of(engines: Engines) -> int:
    (status,) = engines.status()
    assert status.pid
    return status.pid


async def test_an_engine_killed_in_mid_stream_fails_that_stream_and_no_later_one(tiny, tmp_path):
    settings = Settings(home=tmp_path, engine="wheel", engine_threads=1, engine_slots=2)
    async with engines_of(settings) as engines:
        made, victim = inference(settings, engines, tiny), 0
        try:
            with pytest.raises(ModelStreamErrorException):
                async for delta in made.deltas(made_call(), ID, LONG):
                    if "contentBlockDelta" in delta and not victim:  # what came before the kill is still read after it
                        victim = pid_of(engines)
                        os.kill(victim, signal.SIGKILL)
            short: Turn = {**TURN, "inferenceConfig": {"maxTokens": 3}}
            reply = await made.reply(made_call(), ID, short)
            assert reply["usage"]["outputTokens"] <= 3
        finally:
            await made.close()


async def test_a_client_that_leaves_frees_the_slot_at_once(tiny, tmp_path):
    settings = Settings(home=tmp_path, engine="wheel", engine_threads=1, engine_slots=1)
    async with engines_of(settings) as engines:
        made = inference(settings, engines, tiny)
        try:
            async with aclosing(made.deltas(made_call(), ID, LONG)) as deltas:
                await anext(deltas)
            short: Turn = {**TURN, "inferenceConfig": {"maxTokens": 1}}
            await asyncio.wait_for(made.reply(made_call(), ID, short), 10)  # the long one takes longer
        finally:
            await made.close()


@pytest.mark.parametrize(
    ("members", "low", "high"),
    [
        ({"inferenceConfig": {"maxTokens": 10}}, 20, 60),
        ({}, 1024, 1100),
        ({"system": [{"text": "x" * 3000}], "inferenceConfig": {"maxTokens": 10}}, 1000, 1100),
        ({"messages": [{"role": "user", "content": [{"image": {"source": {"bytes": b"x" * 90}}}]}],
          "inferenceConfig": {"maxTokens": 10}}, 1024, 1100),
    ],
)  # fmt: skip
def test_the_queue_is_told_about_how_long_it_will_be(members, low, high):
    assert low <= guess({**TURN, **members}) <= high
