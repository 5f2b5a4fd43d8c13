from __future__ import annotations

from typing import Any

import pytest

from outcrop.engines import tokens
from outcrop.engines.endpoint import KINDS, Endpoint
from outcrop.errors import ModelErrorException, ValidationException
from outcrop.turn import Turn, gather
from tests.stub_engine import StubEngine, chat, session

POINT = {"cachePoint": {"type": "default"}}
TOOL = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {"x": {"type": "string"}}}}}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def turn(*messages: Any, **more: Any) -> Turn:
    return {"messages": list(messages), **more}  # type: ignore[typeddict-item]


CASES = {
    "plain": turn(user("hello")),
    "system": turn(user("hello"), system=[{"text": "Be brief."}]),
    "many turns": turn(user("a"), {"role": "assistant", "content": [{"text": "b"}]}, user("c")),
    "prefill": turn(user("a"), {"role": "assistant", "content": [{"text": "Well, "}]}),
    "tools": turn(user("a"), toolConfig={"tools": [TOOL]}),
    "forced": turn(user("a"), toolConfig={"tools": [TOOL], "toolChoice": {"any": {}}}),
    "tool result": turn(
        user("a"),
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "1", "name": "f", "input": {"x": "y"}}}]},
        user({"toolResult": {"toolUseId": "1", "content": [{"json": {"a": [1, 2]}}]}}),
        toolConfig={"tools": [TOOL]},
    ),
    "reasoning": turn(
        user("a"),
        {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "b"}]},
        user("c"),
    ),
    "cache point": turn(user("one " * 20, POINT, "two")),
    "schema": turn(
        user("a"),
        outputConfig={
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type":"object"}'}}}
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_count_is_what_the_answer_uses(tiny_url, name):
    endpoint, asked = Endpoint(tiny_url, KINDS["llama"]), CASES[name]
    async with session() as http:
        counted = await tokens.count(http, asked, endpoint)
        cached = await tokens.cached(http, asked, endpoint)
        limited: Turn = {**asked, "inferenceConfig": {"maxTokens": 40}}
        usage = (await gather(chat(http, limited, endpoint, cached)))["usage"]
    read, written = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
    assert counted == usage["inputTokens"] + read + written
    assert usage["totalTokens"] == counted + usage["outputTokens"]


async def test_a_repeated_prefix_is_written_once_and_read_after(tiny_url):
    endpoint = Endpoint(tiny_url, KINDS["llama"])
    prefix = [{"text": "A very long story about a prefix that nobody else tells. " * 8}, POINT]

    async def used(question: str) -> dict[str, int]:
        asked = turn(user(question), system=prefix, inferenceConfig={"maxTokens": 1})
        async with session() as http:
            return (await gather(chat(http, asked, endpoint, await tokens.cached(http, asked, endpoint))))["usage"]

    first, second = await used("Why?"), await used("Who was it, then?")
    length = len(prefix[0]["text"])
    assert first["cacheReadInputTokens"] < 40, "what an earlier test may have left: the template's first words"
    assert first["cacheReadInputTokens"] + first["cacheWriteInputTokens"] == second["cacheReadInputTokens"]
    assert second["cacheWriteInputTokens"] == 0
    assert length * 0.6 < second["cacheReadInputTokens"] < length + 40
    assert second["inputTokens"] > first["inputTokens"] > 0


@pytest.mark.parametrize(
    ("asked", "prefix"),
    [
        (turn(user("a", "b")), 0),
        (turn(user("abc", POINT, "def")), len("<user>abc")),
        (turn(user("abc", POINT), {"role": "assistant", "content": [{"text": "d"}]}, user("e")), len("<user>abc")),
        (turn(user("a", POINT), {"role": "assistant", "content": [{"text": "d"}, POINT]}, user("e")),
         len("<user>a<assistant>d")),
        (turn(user("hi"), system=[{"text": "abc"}, POINT]), len("<system>abc<user>")),
        (turn(user("hi"), system=[{"text": "abc"}, POINT, {"text": "def"}]), len("<system>abc")),
        (turn(user("hi"), toolConfig={"tools": [TOOL, POINT]}), len("[f]<user>")),
        (turn(user("hi"), system=[{"text": "s"}], toolConfig={"tools": [TOOL, POINT]}), len("[f]<system>s<user>")),
    ],
)  # fmt: skip
async def test_what_stands_before_the_last_cache_point(stub, asked, prefix):
    """The stub's template takes one token a character."""
    async with session() as http:
        assert await tokens.cached(http, asked, stub.endpoint) == prefix


async def test_an_engine_that_cannot_count_says_so_and_caches_nothing():
    async with StubEngine("openai") as stub, session() as http:
        with pytest.raises(ValidationException, match="does not count tokens"):
            await tokens.count(http, CASES["plain"], stub.endpoint)
        assert await tokens.cached(http, CASES["cache point"], stub.endpoint) == 0


async def test_an_engine_that_refuses_or_is_gone_is_an_error_of_ours(stub):
    async with session() as http:
        stub.refuse(400, {"error": {"message": "no such role"}})
        with pytest.raises(ValidationException, match="no such role"):
            await tokens.count(http, CASES["plain"], stub.endpoint)
        with pytest.raises(ModelErrorException):
            await tokens.count(http, CASES["plain"], Endpoint("http://127.0.0.1:1", KINDS["llama"]))


async def test_an_answer_of_another_shape_is_the_engines_failure(stub, monkeypatch):
    monkeypatch.setattr("outcrop.engines.tokens.body", lambda turn, endpoint: {"messages": []})
    async with session() as http:
        with pytest.raises(ModelErrorException, match="gave no tokens"):
            await tokens._ask(http, stub.endpoint, "/apply-template", {"messages": []}, "tokens")
