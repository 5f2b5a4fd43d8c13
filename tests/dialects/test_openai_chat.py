"""Goldens are from platform.openai.com/docs/api-reference/chat, shortened."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.checking import checked
from outcrop.dialects.openai_chat import Chunks, completion, read, stream, write
from outcrop.errors import ValidationException
from outcrop.turn import Delta, Reply

SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
FUNCTION = {"name": "get_current_weather", "description": "Get the current weather", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}
SPEC = {
    "toolSpec": {
        "name": "get_current_weather",
        "description": "Get the current weather",
        "inputSchema": {"json": SCHEMA},
    }
}
HELLO = [{"role": "user", "content": "Hello!"}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def turn(**body: Any) -> dict[str, Any]:
    """A body read and checked as a Converse request is."""
    return checked(read({"model": "m", "messages": HELLO, **body}))  # type: ignore[return-value]


def said(*messages: dict[str, Any], **body: Any) -> list[Any]:
    return [(message["role"], message["content"]) for message in turn(messages=list(messages), **body)["messages"]]


def fault(**body: Any) -> ValidationException:
    with pytest.raises(ValidationException) as error:
        turn(**body)
    return error.value


def test_the_default_request():
    asked = [{"role": "developer", "content": "You are a helpful assistant."}, {"role": "user", "content": "Hello!"}]
    assert turn(messages=asked) == {
        "messages": [{"role": "user", "content": [{"text": "Hello!"}]}],
        "system": [{"text": "You are a helpful assistant."}],
    }


def test_sampling():
    asked = {"max_completion_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": "\n", "seed": 7}
    more = {"presence_penalty": -1, "frequency_penalty": 2, "logit_bias": {"50256": -100}, "top_k": 3}
    assert turn(**asked, **more, user="u", store=True, verbosity="low") == {
        "messages": [{"role": "user", "content": [{"text": "Hello!"}]}],
        "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["\n"]},
        "additionalModelRequestFields": {
            "seed": 7,
            "presence_penalty": -1,
            "frequency_penalty": 2,
            "logit_bias": {"50256": -100},
            "top_k": 3,
        },
    }


def test_a_temperature_that_converse_does_not_know_reaches_the_engine():
    read_ = turn(temperature=1.7, max_tokens=3, max_completion_tokens=4)
    assert read_["additionalModelRequestFields"] == {"temperature": 1.7}
    assert read_["inferenceConfig"] == {"maxTokens": 4}


def test_nulls_are_absent():
    keys = ("temperature", "top_p", "stop", "seed", "logit_bias", "tools", "tool_choice", "response_format", "audio")
    assert turn(**dict.fromkeys(keys)) == turn()


def test_image_and_file_parts():
    image = {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PNG}", "detail": "low"}}
    data = base64.b64encode(b"a,b").decode()
    file = {"type": "file", "file": {"filename": "t.csv", "file_data": f"data:text/csv;charset=utf-8;base64,{data}"}}
    [(_, content)] = said({"role": "user", "content": [{"type": "text", "text": "What is it?"}, image, file]})
    assert content == [
        {"text": "What is it?"},
        {"image": {"format": "jpeg", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}},
        {"document": {"name": "t.csv", "format": "csv", "source": {"bytes": b"a,b"}}},
    ]


def test_a_conversation_with_tools():
    call = {"id": "call_abc123", "type": "function", "function": {"name": "f", "arguments": '{"location": "Boston"}'}}
    assert said(
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_abc123", "content": "sunny"},
        {"role": "user", "content": "Thanks"},
        tools=[{"type": "function", "function": {"name": "f"}}],
    ) == [
        ("user", [{"text": "Weather?"}]),
        ("assistant", [
            {"reasoningContent": {"reasoningText": {"text": "hm"}}},
            {"toolUse": {"toolUseId": "call_abc123", "name": "f", "input": {"location": "Boston"}}},
        ]),
        ("user", [{"toolResult": {"toolUseId": "call_abc123", "content": [{"text": "sunny"}]}}, {"text": "Thanks"}]),
    ]  # fmt: skip


def test_calls_of_other_providers_keep_their_answers():
    odd = "functions.f:0/über" * 5
    call = {"id": odd, "type": "function", "function": {"name": "f", "arguments": ""}}
    [_, (_, [use]), (_, [result])] = said(
        HELLO[0],
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": odd, "content": ""},
        tools=[TOOL],
    )
    assert use["toolUse"]["toolUseId"] == result["toolResult"]["toolUseId"]
    assert use["toolUse"]["input"] == {}
    assert result["toolResult"]["content"] == []


def test_a_conversation_that_speaks_of_tools_nobody_offers_any_more():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    read_ = turn(
        messages=[
            *HELLO,
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        ]
    )
    assert [tool["toolSpec"]["name"] for tool in read_["toolConfig"]["tools"]] == ["f"]
    assert read_["additionalModelRequestFields"] == {"tool_choice": "none"}


def test_messages_of_one_side_become_one_and_those_that_say_nothing_none():
    assert said(
        {"role": "user", "content": "a"},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": " "}]},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "c"},
        {"role": "assistant", "refusal": "No."},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "d"},
        {"role": "developer", "content": "Briefer."},
        {"role": "user", "content": "e"},
    ) == [
        ("user", [{"text": "a"}, {"text": "b"}, {"text": "c"}]),
        ("assistant", [{"text": "No."}]),
        ("system", [{"text": "Be brief."}]),
        ("user", [{"text": "d"}, {"text": "e"}]),
        ("system", [{"text": "Briefer."}]),
    ]


@pytest.mark.timeout(60)
def test_thousands_of_system_messages_are_each_read_once():
    told = [{"role": "system", "content": "Be brief."}] * 30_000
    asked = read({"messages": [*HELLO, *told, *HELLO]})["messages"]
    assert [len(asked), len(asked[0]["content"]), asked[-1]["role"]] == [30_001, 2, "system"]


def test_where_only_the_system_speaks_it_is_answered():
    assert said({"role": "system", "content": "Say hello."}) == [("user", [{"text": "Say hello."}])]


@pytest.mark.parametrize(
    ("choice", "expected", "fields"),
    [
        (None, {"auto": {}}, None),
        ("auto", {"auto": {}}, None),
        ("required", {"any": {}}, None),
        ("none", {"auto": {}}, {"tool_choice": "none"}),
        ({"type": "function", "function": {"name": "b"}}, {"tool": {"name": "b"}}, None),
    ],
)
def test_tool_choice(choice, expected, fields):
    read_ = turn(tools=[TOOL, {"type": "function", "function": {"name": "b"}}], tool_choice=choice)
    assert read_["toolConfig"]["toolChoice"] == expected
    assert read_["toolConfig"]["tools"][0] == SPEC
    assert read_.get("additionalModelRequestFields") == fields


def test_allowed_tools_and_one_call_at_a_time():
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}
    read_ = turn(
        tools=[TOOL, {"type": "function", "function": {"name": "b"}}],
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
        parallel_tool_calls=False,
    )
    assert [tool["toolSpec"]["name"] for tool in read_["toolConfig"]["tools"]] == ["b"]
    assert read_["toolConfig"]["toolChoice"] == {"any": {}}
    assert read_["additionalModelRequestFields"] == {"parallel_tool_calls": False}


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "json_schema", "json_schema": {"name": "w", "strict": True, "schema": SCHEMA}}, SCHEMA),
        ({"type": "json_object"}, {"type": "object"}),
    ],
)
def test_response_format(form, schema):
    told = turn(response_format=form)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(told["schema"]) == schema


def test_what_the_engine_is_asked_besides():
    read_ = turn(reasoning_effort="low", logprobs=True, top_logprobs=2, response_format={"type": "text"})
    assert read_["additionalModelRequestFields"] == {"reasoning_effort": "low", "logprobs": True, "top_logprobs": 2}
    assert "outputConfig" not in read_


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"wings": 2}, "wings", "#: extraneous key [wings] is not permitted"),
        ({"messages": []}, "messages", "at least one message"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "required key [content]"),
        ({"messages": [{"content": "a"}]}, "messages[0].role", "required key [role]"),
        ({"messages": [{"role": "king", "content": "a"}]}, "messages[0]", "role 'king' is not one of"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0]", "'input_audio' is not"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a/b.png"}}]}]},
         "messages[0]", "must be a data URL"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:a/b;base64,"}}]}]},
         "messages[0]", "a file of type a/b cannot be read"),
        ({"messages": [*HELLO, {"role": "assistant", "tool_calls": [
            {"id": "a", "function": {"name": "f", "arguments": "{"}}]}]}, "messages[1]", "are not JSON"),
        ({"messages": [*HELLO, {"role": "assistant", "tool_calls": [
            {"id": "a", "function": {"name": [], "arguments": "{}"}}]}]}, "messages[1]", "must be a string, not list"),
        ({"temperature": 2.1}, "temperature", "expected a value from 0 to 2, got 2.1"),
        ({"temperature": "hot"}, "temperature", "expected a number, got a string"),
        ({"temperature": True}, "temperature", "expected a number, got a boolean"),
        ({"max_tokens": 1.5}, "max_tokens", "expected an integer, got a decimal"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "expected a value from 1"),
        ({"logit_bias": {"a": 1}}, "logit_bias", "maps token ids"),
        ({"logit_bias": {"1": 101}}, "logit_bias", "from -100 to 100"),
        ({"top_logprobs": 2}, "top_logprobs", "logprobs must be true"),
        ({"logprobs": "yes"}, "logprobs", "expected a boolean"),
        ({"tools": [{"type": "custom"}]}, "tools[0]", "tool type 'custom' is not supported"),
        ({"tools": [{"type": "function", "function": {"name": {}}}]}, "tools[0]", "must be a string, not dict"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "'maybe' is not one of"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "z"}}]}}},
         "tool_choice", "must name tools of this request"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": []}}]}}},
         "tool_choice", "must name tools of this request"),
        ({"response_format": {"type": "xml"}}, "response_format", "'xml' is not one of"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": 1}}}, "response_format",
         "must be an object"),
        ({"reasoning_effort": "furious"}, "reasoning_effort", "expected one of none"),
        ({"functions": [FUNCTION]}, "functions", "deprecated; use tools"),
        ({"modalities": ["audio"]}, "modalities", "answers in text"),
        ({"stop": ["a", 1]}, "stop", "expected a string"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(body, param, says):
    error = fault(**body)
    assert says in error.message
    assert error.members["param"] == param


WRONG: list[Any] = [7, "x", [], [7], {}, {"a": 1}, True, [None], [[]], 1.5, -1, "", {"type": None}]
PLACES = {
    "messages": lambda value: {"messages": value},
    "message": lambda value: {"messages": [value]},
    "role": lambda value: {"messages": [{"role": value, "content": "a"}]},
    "content": lambda value: {"messages": [{"role": "user", "content": value}]},
    "part": lambda value: {"messages": [{"role": "user", "content": [value]}]},
    "text": lambda value: {"messages": [{"role": "user", "content": [{"type": "text", "text": value}]}]},
    "image": lambda value: {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": value}]}]},
    "url": lambda value: {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": value}}]}]
    },
    "file": lambda value: {"messages": [{"role": "user", "content": [{"type": "file", "file": value}]}]},
    "filename": lambda value: {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "file", "file": {"filename": value, "file_data": "data:a/b;base64,!"}}],
            }
        ]
    },
    "reasoning": lambda value: {"messages": [*HELLO, {"role": "assistant", "reasoning": value}]},
    "calls": lambda value: {"messages": [*HELLO, {"role": "assistant", "tool_calls": value}]},
    "call": lambda value: {"messages": [*HELLO, {"role": "assistant", "tool_calls": [value]}]},
    "arguments": lambda value: {
        "messages": [
            *HELLO,
            {"role": "assistant", "tool_calls": [{"id": value, "function": {"name": value, "arguments": value}}]},
        ]
    },
    "tool message": lambda value: {"messages": [{"role": "tool", "tool_call_id": value, "content": value}]},
    "tools": lambda value: {"tools": value},
    "tool": lambda value: {"tools": [value]},
    "function": lambda value: {"tools": [{"type": "function", "function": value}]},
    "name": lambda value: {"tools": [{"type": "function", "function": {"name": value, "description": value}}]},
    "parameters": lambda value: {"tools": [{"type": "function", "function": {"name": "f", "parameters": value}}]},
    "choice": lambda value: {"tools": [TOOL], "tool_choice": value},
    "named": lambda value: {"tools": [TOOL], "tool_choice": {"type": "function", "function": value}},
    "allowed": lambda value: {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "allowed_tools": value}},
    "format": lambda value: {"response_format": value},
    "schema": lambda value: {"response_format": {"type": "json_schema", "json_schema": value}},
    **{
        key: lambda value, key=key: {key: value}
        for key in (
            "temperature",
            "top_p",
            "stop",
            "seed",
            "logit_bias",
            "max_tokens",
            "logprobs",
            "reasoning_effort",
            "parallel_tool_calls",
            "presence_penalty",
        )
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_a_value_of_the_wrong_kind_anywhere_is_refused_or_read(place):
    refused = 0
    for value in WRONG:
        try:
            turn(**PLACES[place](value))
        except ValidationException as error:
            assert error.message.startswith("Malformed input request: ")
            refused += 1
    assert refused


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("messages", "tools", "tool_choice", "response_format", "stop", "logit_bias", "temperature", "n", "modalities")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), JSON, max_size=4))
def test_any_json_is_read_or_refused(body):
    try:
        turn(**body)
    except ValidationException as error:
        assert error.message


# answers ---------------------------------------------------------------------------------------------------------


def reply(*content: Any, stop: str = "end_turn", **more: Any) -> Reply:
    return {
        "message": {"role": "assistant", "content": list(content)},
        "stopReason": stop,
        "usage": {
            "inputTokens": 9,
            "cacheReadInputTokens": 4,
            "cacheWriteInputTokens": 6,
            "outputTokens": 12,
            "totalTokens": 31,
        },
        "metrics": {"latencyMs": 1},
        "fields": {},
        **more,
    }  # type: ignore[typeddict-item]


def test_the_default_answer():
    body = write(reply({"text": "Hello! How can I assist you today?"}, details={"cachedTokens": 8}), "gpt-test")
    assert body.pop("id").startswith("chatcmpl-")
    assert body.pop("created") > 1_700_000_000
    assert body == {
        "object": "chat.completion",
        "model": "gpt-test",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello! How can I assist you today?",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 12,
            "total_tokens": 31,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
    }


def test_an_answer_that_calls():
    content = [
        {"reasoningContent": {"reasoningText": {"text": "hm"}}},
        {"toolUse": {"toolUseId": "call_abc123", "name": "get_current_weather", "input": {"location": "Boston, MA"}}},
    ]
    choice = write(reply(*content, stop="tool_use"), "m")["choices"][0]
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "reasoning_content": "hm",
        "tool_calls": [
            {
                "id": "call_abc123",
                "type": "function",
                "function": {"name": "get_current_weather", "arguments": '{"location":"Boston, MA"}'},
            }
        ],
    }
    assert choice["finish_reason"] == "tool_calls"


WEIGHED = {
    "id": 1,
    "token": "é",
    "logprob": -0.3,
    "bytes": None,
    "top_logprobs": [{"id": 1, "token": "é", "logprob": -0.3, "bytes": [195, 169]}],
}
SHOWN = {
    "token": "é",
    "logprob": -0.3,
    "bytes": [195, 169],
    "top_logprobs": [{"token": "é", "logprob": -0.3, "bytes": [195, 169]}],
}


def test_log_probabilities():
    choice = write(reply({"text": "é"}, fields={"logprobs": [WEIGHED]}), "m")["choices"][0]
    assert choice["logprobs"] == {"content": [SHOWN], "refusal": None}


def test_several_choices_share_their_prompt():
    body = completion([reply({"text": "a"}), reply({"text": "b"}, stop="max_tokens")], "m")
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in body["choices"]] == [
        (0, "a", "stop"),
        (1, "b", "length"),
    ]
    assert [body["usage"][f"{kind}_tokens"] for kind in ("prompt", "completion", "total")] == [19, 24, 43]


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "stop"),
    ],
)
def test_finish_reasons(stop, finish):
    assert write(reply({"text": "a"}, stop=stop), "m")["choices"][0]["finish_reason"] == finish


# streams ---------------------------------------------------------------------------------------------------------

USAGE = {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}
TEXT: list[Delta] = [
    {"messageStart": {"role": "assistant", "usage": USAGE}},
    {"contentBlockDelta": {"delta": {"text": "Hel"}, "contentBlockIndex": 0, "logprobs": [WEIGHED]}},
    {"contentBlockDelta": {"delta": {"text": "lo"}, "contentBlockIndex": 0}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 4}, "details": {"reasoningTokens": 1}}},
]
CALLS: list[Delta] = [
    {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}},
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "c1", "name": "f"}}, "contentBlockIndex": 1}},
    {"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}, "contentBlockIndex": 1}},
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "c2", "name": "g"}}, "contentBlockIndex": 2}},
    {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"a":'}}, "contentBlockIndex": 2}},
]


async def played(deltas: list[Delta]) -> AsyncGenerator[Delta, None]:
    for delta in deltas:
        yield delta


async def test_a_streamed_answer():
    chunks = [chunk async for chunk in stream(played(TEXT), "gpt-test")]
    assert {(chunk["object"], chunk["model"], chunk["id"]) for chunk in chunks} == {
        ("chat.completion.chunk", "gpt-test", chunks[0]["id"])
    }
    assert [chunk["choices"] for chunk in chunks] == [
        [{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}, "logprobs": None,
          "finish_reason": None}],
        [{"index": 0, "delta": {"content": "Hel"}, "logprobs": {"content": [SHOWN], "refusal": None},
          "finish_reason": None}],
        [{"index": 0, "delta": {"content": "lo"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
        [],
    ]  # fmt: skip
    assert chunks[-1]["usage"]["total_tokens"] == 9
    assert chunks[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] == 1


def test_streamed_calls_are_numbered():
    chunks = Chunks({})
    assert [chunks.read(delta)["choices"][0]["delta"] for delta in CALLS] == [  # type: ignore[index]
        {"reasoning_content": "hm"},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"a":'}}]},
    ]


async def test_closing_the_stream_closes_the_answer():
    closed = []

    async def endless() -> AsyncGenerator[Delta, None]:
        try:
            while True:
                yield TEXT[2]
        finally:
            closed.append(True)

    chunks = stream(endless(), "m")
    await anext(chunks)
    await chunks.aclose()
    assert closed == [True]
