"""Golden bodies by hand from AWS's and Anthropic's documentation: one request, one answer, one stream, and errors."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from outcrop.checking import checked
from outcrop.dialects import anthropic
from outcrop.errors import ValidationException
from outcrop.turn import Delta, gather

IMAGE = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()

REQUEST: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 1024,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "stop_sequences": ["\n\nHuman:"],
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "tools": [
        {
            "name": "get_weather",
            "description": "Get the weather",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        }
    ],
    "tool_choice": {"type": "auto"},
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
                {
                    "type": "document",
                    "title": "notes.txt",
                    "context": "mine",
                    "source": {"type": "text", "media_type": "text/plain", "data": "seven"},
                },
                {"type": "text", "text": "What is the weather in Ulm?"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "A tool.", "signature": "sig"},
                {"type": "redacted_thinking", "data": "opaque"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Ulm"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "wet"}],
                    "is_error": True,
                }
            ],
        },
    ],
}

TURN: dict[str, Any] = {
    "inferenceConfig": {"maxTokens": 1024, "temperature": 0.5, "topP": 0.9, "stopSequences": ["\n\nHuman:"]},
    "additionalModelRequestFields": {"top_k": 40},
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
    "toolConfig": {
        "tools": [
            {
                "toolSpec": {
                    "name": "get_weather",
                    "description": "Get the weather",
                    "inputSchema": {"json": REQUEST["tools"][0]["input_schema"]},
                }
            }
        ],
        "toolChoice": {"auto": {}},
    },
    "messages": [
        {
            "role": "user",
            "content": [
                {"image": {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}},
                {"document": {"name": "notes.txt", "context": "mine", "format": "txt", "source": {"text": "seven"}}},
                {"text": "What is the weather in Ulm?"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "A tool.", "signature": "sig"}}},
                {"reasoningContent": {"redactedContent": b"opaque"}},
                {"text": "I look."},
                {"toolUse": {"toolUseId": "toolu_1", "name": "get_weather", "input": {"city": "Ulm"}}},
            ],
        },
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "toolu_1", "content": [{"text": "wet"}], "status": "error"}}],
        },
    ],
}

DELTAS: list[Delta] = [
    {"messageStart": {"role": "assistant", "usage": {"inputTokens": 25, "outputTokens": 0, "totalTokens": 25}}},
    {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "Hm."}}, "contentBlockIndex": 0}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
    {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 1}},
    {"contentBlockDelta": {"delta": {"text": "!"}, "contentBlockIndex": 1}},
    {"contentBlockStop": {"contentBlockIndex": 1}},
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "t1", "name": "f"}}, "contentBlockIndex": 2}},
    {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"a": '}}, "contentBlockIndex": 2}},
    {"contentBlockDelta": {"delta": {"toolUse": {"input": "1}"}}, "contentBlockIndex": 2}},
    {"contentBlockStop": {"contentBlockIndex": 2}},
    {"messageStop": {"stopReason": "tool_use"}},
    {
        "metadata": {
            "usage": {
                "inputTokens": 20,
                "outputTokens": 15,
                "totalTokens": 40,
                "cacheReadInputTokens": 2,
                "cacheWriteInputTokens": 3,
            },
            "metrics": {"latencyMs": 7},
        }
    },
]
USAGE = {"input_tokens": 20, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 2, "output_tokens": 15}


async def deltas(*events: Delta) -> AsyncIterator[Delta]:
    for event in events or DELTAS:
        yield event


def body(**changes: Any) -> dict[str, Any]:
    plain = {"max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], **changes}
    return {key: value for key, value in plain.items() if value is not ...}


def turn(**changes: Any) -> Any:
    return checked(anthropic.read(body(**changes)))


def test_a_request():
    assert checked(anthropic.read(REQUEST)) == TURN


def test_the_least_request():
    assert turn() == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 5},
    }


async def test_an_answer():
    answer = anthropic.write(await gather(deltas()), "anthropic.claude-x")
    assert answer.pop("id").startswith("msg_bdrk_")
    assert answer == {
        "model": "anthropic.claude-x",
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "text", "text": "Hello!"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": USAGE,
    }


async def test_a_stream():
    events = [event async for event in anthropic.stream(deltas(), "m")]
    started = events[0]["message"]
    assert started.pop("id").startswith("msg_bdrk_")
    assert started == {
        "model": "m",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 25,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        },
    }

    def start(index: int, **block: Any) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": block}

    def delta(index: int, **delta: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": delta}

    def stop(index: int) -> dict[str, Any]:
        return {"type": "content_block_stop", "index": index}

    assert events[1:] == [
        start(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="Hm."),
        stop(0),
        start(1, type="text", text=""),
        delta(1, type="text_delta", text="Hello"),
        delta(1, type="text_delta", text="!"),
        stop(1),
        start(2, type="tool_use", id="t1", name="f", input={}),
        delta(2, type="input_json_delta", partial_json='{"a": '),
        delta(2, type="input_json_delta", partial_json="1}"),
        stop(2),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": USAGE},
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize(
    ("reason", "fields", "said"),
    [
        ("stop_sequence", {"stop_sequence": "END"}, ("stop_sequence", "END")),
        ("max_tokens", {}, ("max_tokens", None)),
        ("content_filtered", {}, ("refusal", None)),
        ("malformed_tool_use", {}, ("end_turn", None)),
        ("model_context_window_exceeded", {}, ("model_context_window_exceeded", None)),
    ],
)
async def test_stop_reasons_in_both_forms(reason, fields, said):
    stop = {"messageStop": {"stopReason": reason, "additionalModelResponseFields": fields}}
    events = [DELTAS[0], stop, DELTAS[-1]]
    answer = anthropic.write(await gather(deltas(*events)), "m")
    streamed = [event async for event in anthropic.stream(deltas(*events), "m")][-2]["delta"]
    assert (answer["stop_reason"], answer["stop_sequence"]) == said
    assert (streamed["stop_reason"], streamed["stop_sequence"]) == said


async def test_a_stream_left_early_closes_its_deltas():
    closed = []

    async def endless() -> AsyncIterator[Delta]:
        try:
            yield DELTAS[0]
            while True:
                yield DELTAS[3]
        finally:
            closed.append(True)

    stream = anthropic.stream(endless(), "m")
    await anext(stream)
    await stream.aclose()
    assert closed == [True]


def test_messages_of_one_role_in_a_row_are_one():
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}]
    assert turn(messages=messages)["messages"] == [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]


TOOL = {"name": "f", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"type": "any"}, {"any": {}}),
        ({"type": "tool", "name": "f"}, {"tool": {"name": "f"}}),
        ({"type": "auto"}, {"auto": {}}),
        (None, {"auto": {}}),
        ({"type": "none"}, {"auto": {}}),
    ],
)
def test_tool_choice(choice, said):
    asked = turn(tools=[TOOL | {"cache_control": {"type": "ephemeral"}}], tool_choice=choice)
    assert asked["toolConfig"]["toolChoice"] == said
    assert asked["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default"}}
    none = choice == {"type": "none"}
    assert asked.get("additionalModelRequestFields", {}) == ({"tool_choice": "none"} if none else {})


def test_one_call_at_a_time():
    asked = turn(tools=[TOOL], tool_choice={"type": "any", "disable_parallel_tool_use": True})
    assert asked["additionalModelRequestFields"] == {"parallel_tool_calls": False}


@pytest.mark.parametrize("key", ["output_format", "output_config"])
def test_an_output_schema(key):
    form = {"type": "json_schema", "schema": {"type": "object"}}
    asked = turn(**{key: form if key == "output_format" else {"format": form}})
    assert json.loads(asked["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == form["schema"]


def test_each_api_has_its_own_keys_around_the_body():
    asked = body(model="m")
    assert anthropic.read(asked, anthropic.MESSAGES) == anthropic.read(body())
    for form, missing in (
        (anthropic.MESSAGES, "max_tokens"),
        (anthropic.MESSAGES, "model"),
        (anthropic.COUNT, "model"),
    ):
        with pytest.raises(ValidationException, match=rf"required key \[{missing}\]"):
            anthropic.read(_without(asked, missing), form)
    assert "inferenceConfig" not in anthropic.read(_without(asked, "max_tokens"), anthropic.COUNT)
    with pytest.raises(ValidationException, match=r"extraneous key \[anthropic_version\]"):
        anthropic.read({**asked, "anthropic_version": "bedrock-2023-05-31"}, anthropic.MESSAGES)


def _without(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}


def test_a_mark_for_the_whole_body_stands_at_its_end():
    asked = turn(cache_control={"type": "ephemeral", "ttl": "5m"})
    assert asked["messages"][-1]["content"] == [{"text": "hi"}, {"cachePoint": {"type": "default", "ttl": "5m"}}]


def test_effort_and_strict_tools():
    asked = turn(output_config={"effort": "high"}, tools=[TOOL | {"strict": True}])
    assert asked["additionalModelRequestFields"] == {"reasoning_effort": "high"}
    assert asked["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True


async def test_a_signature_is_streamed_where_the_engine_gives_one():
    thought = {"reasoningContent": {"text": "Hm."}}
    signed = {"reasoningContent": {"signature": "c2ln"}}
    events = [DELTAS[0]] + [
        {"contentBlockDelta": {"delta": delta, "contentBlockIndex": 0}} for delta in (thought, signed)
    ]
    streamed = [event async for event in anthropic.stream(deltas(*events), "m")]
    assert [event["delta"] for event in streamed[2:]] == [
        {"type": "thinking_delta", "thinking": "Hm."},
        {"type": "signature_delta", "signature": "c2ln"},
    ]


def user(*blocks: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(blocks)}]


def block(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, **members}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": ...}, "#: required key [max_tokens] not found, please reformat your input and try again."),
        ({"messages": ...}, "#: required key [messages] not found"),
        ({"wings": 2}, "#: extraneous key [wings] is not permitted, please reformat your input and try again."),
        ({"messages": [{"role": "user"}]}, "#: required key [content] not found"),
        ({"messages": [{"content": "a"}]}, "#: required key [role] not found"),
        ({"messages": user(block("text"))}, "#: required key [text] not found"),
        ({"messages": user(block("sculpture"))}, "#: content type [sculpture] is not one of"),
        ({"messages": user({})}, "#: required key [type] not found"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "#: tool type [web_search_20250305] is not supp"),
        ({"messages": user(block("image", source={"type": "url", "url": "http://x"}))}, "#: source type [url] is not"),
        ({"messages": user(block("document", source={"type": "base64", "media_type": "text/css", "data": ""}))},
         "#: media_type [text/css] is not one of"),
    ],
)  # fmt: skip
def test_what_is_missing_or_unknown_is_named(changes, message):
    with pytest.raises(ValidationException) as error:
        turn(**changes)
    assert error.value.message.startswith(f"Malformed input request: {message}")


WRONG: list[Any] = [None, 7, "x", [], [7], {}, {"a": 1}, True, [None], [[]], 1.5]
PLACES = {
    "messages": lambda value: {"messages": value},
    "message": lambda value: {"messages": [value]},
    "role": lambda value: {"messages": [{"role": value, "content": "a"}]},
    "content": lambda value: {"messages": [{"role": "user", "content": value}]},
    "block": lambda value: {"messages": user(value)},
    "text": lambda value: {"messages": user(block("text", text=value))},
    "source": lambda value: {"messages": user(block("image", source=value))},
    "media_type": lambda value: {"messages": user(block("image", source={"type": "base64", "media_type": value}))},
    "data": lambda value: {
        "messages": user(block("image", source={"type": "base64", "media_type": "image/png", "data": value}))
    },
    "document": lambda value: {"messages": user(block("document", source=value))},
    "title": lambda value: {"messages": user(block("document", title=value, source={"type": "text", "data": "a"}))},
    "document content": lambda value: {
        "messages": user(block("document", source={"type": "content", "content": value}))
    },
    "thinking block": lambda value: {"messages": user(block("thinking", thinking=value, signature=value))},
    "redacted": lambda value: {"messages": user(block("redacted_thinking", data=value))},
    "tool use": lambda value: {"messages": user(block("tool_use", id=value, name=value, input={}))},
    "tool result": lambda value: {"messages": user(block("tool_result", tool_use_id=value, content=value))},
    "search": lambda value: {"messages": user(block("search_result", title=value, source=value, content=value))},
    "cache": lambda value: {"messages": user(block("text", text="a", cache_control=value))},
    "system": lambda value: {"system": value},
    "tools": lambda value: {"tools": value},
    "tool": lambda value: {"tools": [value]},
    "tool name": lambda value: {"tools": [{"name": value, "input_schema": {}, "description": value}]},
    "schema": lambda value: {"tools": [{"name": "f", "input_schema": value}]},
    "tool choice": lambda value: {"tools": [TOOL], "tool_choice": value},
    "choice type": lambda value: {"tools": [TOOL], "tool_choice": {"type": value}},
    "choice name": lambda value: {"tools": [TOOL], "tool_choice": {"type": "tool", "name": value}},
    "max_tokens": lambda value: {"max_tokens": value},
    "temperature": lambda value: {"temperature": value},
    "top_p": lambda value: {"top_p": value},
    "stop": lambda value: {"stop_sequences": value},
    "format": lambda value: {"output_format": value},
    "config": lambda value: {"output_config": value},
    "config format": lambda value: {"output_config": {"format": value}},
    "thinking": lambda value: {"thinking": value},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_value_of_the_wrong_kind_anywhere_is_refused_or_read(place):
    """Never an error of ours: what comes through has the shape of a Converse request."""
    refused = 0
    for value in WRONG:
        try:
            turn(**PLACES[place](value))
        except ValidationException as error:
            assert error.message.startswith("Malformed input request: ")
            assert error.message.endswith(", please reformat your input and try again.")
            refused += 1
    assert refused or place == "thinking", "the engine's own fields are free-form"


@pytest.mark.parametrize("value", [-1, 0, 1.5, "many"])
def test_ranges_are_those_of_converse(value):
    with pytest.raises(ValidationException, match=r"inferenceConfig.maxTokens"):
        turn(max_tokens=value)
