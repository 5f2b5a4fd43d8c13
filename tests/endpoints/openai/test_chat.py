from __future__ import annotations

import asyncio

import pytest

from tests.endpoints.openai.conftest import HELLO, MODEL, House, events, refused
from tests.stub_engine import DONE, DROP, HANG, call, delta, finish, text, usage


async def test_an_answer(house: House) -> None:
    answer = await house.chat(temperature=0)
    assert answer.status == 200
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert (body["model"], body["choices"][0]["message"]["content"]) == (MODEL.id, "Hello")
    assert body["usage"]["total_tokens"] == 9
    assert house.stub.body["messages"] == HELLO
    assert house.note["invoked"]
    assert house.note["usage"]["outputTokens"] == 2


async def test_both_prefixes_and_an_alias(house: House) -> None:
    body = b'{"model": "us.gpt-test", "messages": [{"role": "user", "content": "hi"}]}'
    answer = await house.client("POST", "/openai/v1/chat/completions", body)
    assert (answer.status, answer.json()["model"]) == (200, "us.gpt-test")


async def test_a_stream(house: House) -> None:
    answer = await house.chat(stream=True)
    *chunks, last = events(answer)
    assert last == "[DONE]"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "Hello"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert not any("usage" in chunk for chunk in chunks)


async def test_a_stream_that_tells_its_usage(house: House) -> None:
    *chunks, last, _ = events(await house.chat(stream=True, stream_options={"include_usage": True}))
    assert {chunk["usage"] for chunk in chunks} == {None}
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 9)


async def test_several_answers_with_seeds_of_their_own(house: House) -> None:
    body = (await house.chat(n=3, seed=5)).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert {asked["seed"] for asked in house.stub.bodies} == {5, 6, 7}
    assert [body["usage"][f"{kind}_tokens"] for kind in ("prompt", "completion", "total")] == [7, 6, 13]
    assert house.note["usage"] == {"inputTokens": 21, "outputTokens": 6, "totalTokens": 27}


async def test_several_answers_streamed_side_by_side(house: House) -> None:
    *chunks, last, _ = events(await house.chat(n=2, stream=True, stream_options={"include_usage": True}))
    said = ["", ""]
    for chunk in chunks:
        [choice] = chunk["choices"]
        said[choice["index"]] += choice["delta"].get("content", "")
    assert said == ["Hello", "Hello"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert last["usage"]["completion_tokens"] == 4


async def test_logprobs_are_the_engines(house: House) -> None:
    piece = text("Hi")
    piece["choices"][0]["logprobs"] = {"content": [{"id": 3, "token": "Hi", "logprob": -0.25, "top_logprobs": []}]}
    house.stub.say(piece, finish(), usage(7, 1), DONE)
    body = (await house.chat(logprobs=True, top_logprobs=1)).json()
    assert (house.stub.body["logprobs"], house.stub.body["top_logprobs"]) == (True, 1)
    told = [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}]
    assert body["choices"][0]["logprobs"]["content"] == told


async def test_reasoning_and_cached_tokens_are_told(house: House) -> None:
    house.stub.say(delta(reasoning_content="hm"), text("Hi"), finish(), usage(9, 2, cached=6), DONE)
    body = (await house.chat()).json()
    assert body["choices"][0]["message"]["reasoning_content"] == "hm"
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 6
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 1


async def test_two_calls_at_once(house: House) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    steps = (call(0, "f", "{}"), call(1, "g"), call(1, arguments='{"a": 1}'), finish("tool_calls"), usage(9, 2), DONE)
    house.stub.say(*steps)
    choice = (await house.chat(tools=tools)).json()["choices"][0]
    assert [one["function"] for one in choice["message"]["tool_calls"]] == [
        {"name": "f", "arguments": "{}"},
        {"name": "g", "arguments": '{"a":1}'},
    ]
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("n", [1, 2])
async def test_an_engine_that_dies_in_mid_stream_ends_it_with_an_error(house: House, n: int) -> None:
    house.stub.say(text("Hel"), DROP)
    answer = await house.chat(stream=True, n=n)
    assert answer.status == 200
    last = events(answer)[-1]
    assert (last["error"]["type"], last["error"]["code"]) == ("server_error", None)
    assert answer.complete


@pytest.mark.parametrize("n", [1, 2])
async def test_an_engine_that_dies_before_the_first_token_is_a_500(house: House, n: int) -> None:
    house.stub.say(DROP)
    refused(await house.chat(stream=True, n=n), 500, "engine", type="server_error")
    refused(await house.chat(n=n), 500, "engine", type="server_error")


@pytest.mark.parametrize("n", [1, 3])
async def test_a_client_that_hangs_up_stops_the_engine(house: House, n: int) -> None:
    house.stub.say(text("Hel"), HANG)
    hang_up = asyncio.Event()
    asked = house.post("/chat/completions", hang_up=hang_up, messages=HELLO, stream=True, n=n)
    task = asyncio.create_task(asked)
    await asyncio.wait_for(house.stub.asked.wait(), 20)
    hang_up.set()
    await asyncio.wait_for(task, 20)
    await asyncio.wait_for(house.stub.gone.wait(), 20)
    assert house.engines.held == 0
    assert house.telemetry.finished[-1][1] in (200, 499)


async def test_two_callers_at_once_get_their_own(house: House) -> None:
    house.stub.say(0.05, text("Hel"), 0.05, text("lo"), finish(), usage(7, 2), DONE)
    answers = await asyncio.gather(*(house.chat(stream=place % 2 == 0) for place in range(6)))
    assert len({answer.headers["x-request-id"] for answer in answers}) == 6
    assert [answer.status for answer in answers] == [200] * 6


async def test_what_a_body_cannot_be(house: House) -> None:
    refused(await house.chat(model=None), 400, "Missing required parameter: 'model'.", param="model")
    refused(await house.chat(model=7), 400, "expected a string", param="model")
    refused(await house.chat(model="gpt-9"), 404, "`gpt-9` does not exist", code="model_not_found")
    refused(await house.chat(foo=1), 400, "Unrecognized request argument supplied: foo", param="foo")
    refused(await house.chat(n=0), 400, "from 1 to 128", param="n")
    refused(await house.chat(stream="yes"), 400, "expected a boolean", param="stream")
    refused(await house.chat(stream_options=3), 400, param="stream_options")
    refused(await house.chat(messages=[{"role": "assistant", "content": "a"}]), 400, "start with a user message")
    assert house.stub.bodies == []


async def test_what_an_engine_refuses(house: House) -> None:
    told = {"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}
    house.stub.refuse(400, told)
    refused(await house.chat(), 400, "too long", code="context_length_exceeded")
    house.stub.refuse(429)
    refused(await house.chat(), 429, type="requests", code="rate_limit_exceeded")
    house.stub.refuse(503)
    refused(await house.chat(), 503, type="server_error")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{" * 100, "application/json", 400),
        (b'{"model": "test.tiny-v1", "messages": ' + b"[" * 99 + b"]" * 99 + b"}", "application/json", 400),
        (b"{}", "text/plain", 400),
        (b"\xff{}", "application/json", 400),
        (b" " * (26 << 20), "application/json", 413),
    ],
)
async def test_bodies_that_are_none(house: House, body: bytes, content_type: str, status: int) -> None:
    answer = await house.client("POST", "/v1/chat/completions", body, {"content-type": content_type})
    refused(answer, status, type="invalid_request_error")


@pytest.mark.parametrize(("stream", "kept"), [(False, "Hello"), (True, "chat.completion.chunk")])
async def test_the_invocation_log_gets_what_was_asked_and_answered(house: House, stream: bool, kept: str) -> None:
    house.log.enabled = True
    await house.chat(stream=stream, metadata={"team": "a"})
    [(note, error)] = house.log.records
    assert error is None
    assert b'"hi"' in note["inputBody"]
    assert kept in str(note["outputBody"])
    assert note["requestMetadata"] == {"team": "a"}
