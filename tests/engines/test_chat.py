"""The way to an engine and back, with an engine that misbehaves, and with a real one."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from outcrop.engines import tokens
from outcrop.engines.endpoint import KINDS, Endpoint
from outcrop.errors import (
    ModelErrorException,
    ModelNotReadyException,
    ModelStreamErrorException,
    ModelTimeoutException,
    ThrottlingException,
    ValidationException,
)
from outcrop.turn import Delta, Reply, Turn, gather
from tests.stub_engine import DONE, DROP, HANG, StubEngine, chat, finish, progress, session, sse, text, usage

from .test_process import eventually

TURN: Turn = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


async def ask(stub: StubEngine, turn: Turn = TURN, **timeouts: float) -> list[Delta]:
    async with session(**timeouts) as http:
        return [delta async for delta in chat(http, turn, stub.endpoint)]


def words(deltas: list[Delta]) -> str:
    return "".join(delta.get("contentBlockDelta", {}).get("delta", {}).get("text", "") for delta in deltas)


# what the connection does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [(), (DROP,), (progress(7), DROP), (progress(7),), (progress(7), DONE)])
async def test_an_engine_lost_before_the_first_token_is_a_model_error(stub, steps):
    stub.say(*steps)
    with pytest.raises(ModelErrorException) as error:
        await ask(stub)
    assert error.value.members == {"originalStatusCode": 500}


@pytest.mark.parametrize(
    "steps", [(DROP,), (), (b"data: {not json\n\n",), (b"data: 7\n\n",), ({"error": "oom"},), (DONE,)]
)
async def test_an_engine_lost_in_mid_stream_is_a_stream_error(stub, steps):
    stub.say(text("a"), *steps)
    async with session() as http:
        deltas = chat(http, TURN, stub.endpoint)
        assert "messageStart" in await anext(deltas)
        assert "contentBlockDelta" in await anext(deltas)
        with pytest.raises(ModelStreamErrorException):
            await anext(deltas)


async def test_nobody_at_the_address_is_a_model_error():
    with pytest.raises(ModelErrorException):
        async with session() as http:
            await anext(chat(http, TURN, Endpoint("http://127.0.0.1:1", KINDS["llama"])))


@pytest.mark.parametrize("steps", [(HANG,), (progress(7), HANG), (text("a"), HANG)])
async def test_an_engine_that_never_ends_is_a_timeout(stub, steps):
    stub.say(*steps)
    with pytest.raises(ModelTimeoutException):
        await ask(stub, total=0.2)
    await asyncio.wait_for(stub.gone.wait(), 20)


async def test_a_client_that_leaves_stops_the_engine_at_once(stub):
    stub.say(text("a"), HANG)
    async with session() as http:
        async with aclosing(chat(http, TURN, stub.endpoint)) as deltas:
            await anext(deltas)
        await asyncio.wait_for(stub.gone.wait(), 20)
    assert stub.running == 0


async def test_a_cancelled_request_stops_the_engine_at_once(stub):
    stub.say(HANG)
    async with session() as http:
        task = asyncio.create_task(gather(chat(http, TURN, stub.endpoint)))
        await asyncio.wait_for(stub.asked.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(stub.gone.wait(), 20)


async def test_events_may_be_cut_anywhere_and_carry_more_than_data(stub):
    raw = b": ping\n\nevent: x\nid: 7\n" + sse(text("Hé")) + b"data:" + sse(text("llo"))[6:] + sse(finish()) + DONE
    stub.say(*(part for at in range(0, len(raw), 7) for part in (raw[at : at + 7], 0.001)))
    assert words(await ask(stub)) == "Héllo"


async def test_lines_may_end_as_windows_ends_them(stub):
    stub.say(sse(text("a")).replace(b"\n", b"\r\n"), sse(finish()).replace(b"\n", b"\r\n"), b"data: [DONE]\r\n\r\n")
    assert words(await ask(stub)) == "a"


async def test_an_event_without_end_does_not_fill_the_memory(stub, monkeypatch):
    monkeypatch.setattr("outcrop.engines.post.LONGEST_EVENT", 10_000)
    stub.say(text("a"), b"data: " + b"x" * 50_000, HANG)
    with pytest.raises(ModelStreamErrorException, match="without end"):
        await ask(stub)
    await asyncio.wait_for(stub.gone.wait(), 20)


async def test_output_the_engine_cannot_parse_ends_the_answer_even_if_the_engine_says_no_more(stub):
    stub.say(text("a"), {"error": {"message": "Failed to parse input at pos 1"}})
    assert (await ask(stub))[-2] == {"messageStop": {"stopReason": "malformed_model_output"}}


# what it says ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, {"error": {"message": "bad"}}, ValidationException, "The model returned the following errors: bad"),
        (422, {"message": "bad"}, ValidationException, "The model returned the following errors: bad"),
        (413, b"", ValidationException, "The model returned the following errors: HTTP 413"),
        (400, {"error": {"type": "exceed_context_size_error", "message": "request (9 tokens) exceeds the"}},
         ValidationException, "Input is too long for requested model. request (9 tokens)"),
        (400, {"message": "This model's maximum context length is 8 tokens"}, ValidationException, "Input is too long"),
        (429, {}, ThrottlingException, "Too many requests"),
        (503, {"error": {"message": "Loading model"}}, ModelNotReadyException, "The model is not ready"),
        (500, {"error": "no"}, ModelErrorException, "The model's engine failed: no"),
        (500, b"<html>", ModelErrorException, "The model's engine failed: HTTP 500"),
        (502, [1], ModelErrorException, "The model's engine failed: [1]"),
        (401, {"error": {"message": "key"}}, ModelErrorException, "The model's engine failed: key"),
    ],
)  # fmt: skip
async def test_refusals(stub, status, body, kind, message):
    stub.refuse(status, body)
    with pytest.raises(kind) as error:
        await ask(stub)
    assert type(error.value) is kind
    assert error.value.message.startswith(message)
    if kind is ModelErrorException:
        assert error.value.members == {"originalStatusCode": status}


async def test_a_key_is_sent_where_there_is_one():
    async with StubEngine("openai", model="gpt", key="secret") as stub:
        await ask(stub)
    assert (stub.headers[0]["authorization"], stub.body["model"]) == ("Bearer secret", "gpt")


async def test_two_streams_at_once_keep_apart(stub):
    stub.say(text("a"), 0.05, text("b"), finish(), usage(1, 2), DONE)
    first, second = await asyncio.gather(ask(stub), ask(stub))
    assert words(first) == words(second) == "ab"


@pytest.mark.parametrize(("kind", "connections"), [("openai", 1), ("llama", 3)])
async def test_a_connection_is_used_again_where_the_server_keeps_it(kind, connections):
    async with StubEngine(kind) as stub, session() as http:
        for _ in range(3):
            await gather(chat(http, TURN, stub.endpoint))
        assert len(set(stub.peers)) == connections


async def test_a_real_engine_that_closes_after_a_stream_loses_no_request(tiny_url):
    endpoint = Endpoint(tiny_url, KINDS["llama"])
    async with session() as http:
        for _ in range(10):
            await gather(chat(http, said(1), endpoint))
            await tokens.count(http, said(1), endpoint)


# a real engine -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def asked(url: str, turn: Turn, cached: int = 0) -> AsyncIterator[Any]:
    async with session() as http:
        yield chat(http, turn, Endpoint(url, KINDS["llama"]), cached)


async def reply(url: str, turn: Turn) -> Reply:
    async with asked(url, turn) as deltas:
        return await gather(deltas)


def said(limit: int = 24, text: str = "Tell me a story", **more: Any) -> Turn:
    config = {"maxTokens": limit, "temperature": 0, **more.pop("inferenceConfig", {})}
    messages = [{"role": "user", "content": [{"text": text}]}, *more.pop("then", [])]
    return {"messages": messages, "inferenceConfig": config, **more}  # type: ignore[typeddict-item]


async def test_a_real_engine_streams_what_it_answers(tiny_url):
    first, second = await reply(tiny_url, said()), await reply(tiny_url, said())
    assert first["message"] == second["message"]
    assert first["usage"]["outputTokens"] == 24
    assert first["stopReason"] == "max_tokens"


async def test_the_prompts_tokens_are_known_at_the_start(tiny_url):
    async with asked(tiny_url, said()) as deltas:
        events = [delta async for delta in deltas]
    started, ended = events[0]["messageStart"]["usage"], events[-1]["metadata"]["usage"]
    assert started["inputTokens"] == ended["inputTokens"] > 10


async def test_a_full_context_is_told_from_a_reached_limit(tiny_url):
    full = await reply(tiny_url, said(5000, "x" * 1990))
    assert full["stopReason"] == "model_context_window_exceeded"
    assert full["usage"]["totalTokens"] == 2048


async def test_a_prompt_beyond_the_context_is_refused(tiny_url):
    with pytest.raises(ValidationException, match="Input is too long for requested model"):
        await reply(tiny_url, said(text="x" * 4000))


async def test_a_stop_sequence_stops_and_is_named(tiny_url):
    alphabet = {"additionalModelRequestFields": {"logit_bias": [[chr(code), 40] for code in range(97, 123)]}}
    whole = (await reply(tiny_url, said(**alphabet)))["message"]["content"][0]["text"]
    stop = whole[6:8]
    cut = await reply(tiny_url, said(inferenceConfig={"stopSequences": ["never said", stop]}, **alphabet))
    assert (cut["stopReason"], cut["fields"]) == ("stop_sequence", {"stop_sequence": stop})
    assert cut["message"]["content"] == [{"text": whole[: whole.index(stop)]}]


async def test_an_answer_goes_on_from_the_assistants_last_words(tiny_url):
    then = [{"role": "assistant", "content": [{"text": "Once upon a"}]}]
    answer = await reply(tiny_url, said(then=then))
    assert "Once upon" not in json.dumps(answer["message"])


async def test_a_seed_makes_chance_repeatable(tiny_url):
    def turn(seed: int) -> Turn:
        return said(inferenceConfig={"temperature": 1}, additionalModelRequestFields={"seed": seed, "top_k": 0})

    answers = [(await reply(tiny_url, turn(seed)))["message"] for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize("fields", [{"top_k": "many"}, {"seed": []}, {"temperature": "hot"}])
async def test_fields_of_the_wrong_kind_are_refused_by_name(tiny_url, fields):
    with pytest.raises(ValidationException, match=next(iter(fields))):
        await reply(tiny_url, said(additionalModelRequestFields=fields))


async def test_the_real_engine_stops_when_the_client_leaves(tiny_url):
    async with session() as http, aclosing(chat(http, said(1900), Endpoint(tiny_url, KINDS["llama"]))) as deltas:
        await anext(deltas)
    await asyncio.sleep(0.05)  # the connection is closed by the loop, which asking for the slot holds up
    await eventually(lambda: not slot(tiny_url)["is_processing"], 60)
    assert slot(tiny_url)["n_prompt_tokens"] < 1900, "it wrote to the end for nobody"


def slot(url: str) -> dict[str, Any]:
    """What the engine says of its one slot; `n_prompt_tokens` are all that it holds, those of the answer too."""
    with urllib.request.urlopen(f"{url}/slots", timeout=60) as answer:
        return json.load(answer)[0]


async def test_leaving_leaks_nothing(stub):
    stub.say(text("a"), HANG)
    before = len(asyncio.all_tasks())
    async with session() as http:
        for _ in range(20):
            async with aclosing(chat(http, TURN, stub.endpoint)) as deltas:
                await anext(deltas)
        await eventually(lambda: (stub.running, len(http.connections)) == (0, 1))  # the one that was opened ahead
    await eventually(lambda: len(asyncio.all_tasks()) == before)
