"""Goldens are from platform.openai.com/docs/api-reference/responses, shortened."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.checking import checked
from outcrop.dialects.openai_responses import begun, own_items, read
from outcrop.errors import ValidationException

SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
TOOL = {"type": "function", "name": "get_weather", "description": "d", "parameters": SCHEMA, "strict": True}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def turn(**body: Any) -> dict[str, Any]:
    body = {"model": "m", "input": "Hi", **body}
    return checked(read(body, own_items(body)))  # type: ignore[return-value]


def said(*items: Any, **body: Any) -> list[Any]:
    return [(message["role"], message["content"]) for message in turn(input=list(items), **body)["messages"]]


def test_a_text_and_instructions():
    asked = {"temperature": 1.2, "max_output_tokens": 50, "reasoning": {"effort": "high"}, "metadata": {"a": "b"}}
    assert turn(input="Tell me a story.", instructions="Be brief.", **asked) == {
        "messages": [{"role": "user", "content": [{"text": "Tell me a story."}]}],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 50},
        "additionalModelRequestFields": {"temperature": 1.2, "reasoning_effort": "high"},
    }


def test_every_item_reaches_the_model_in_its_role():
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    file = {"type": "input_file", "filename": "a.md", "file_data": "data:text/markdown;base64,YQ=="}
    summary = [{"type": "summary_text", "text": "brief"}]
    assert said(
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "What is it?"}, image, file]},
        {"type": "reasoning", "id": "rs_1", "summary": summary, "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "reasoning", "id": "rs_2", "summary": summary},
        {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "xyz"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "21"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "22"}]},
        tools=[TOOL],
    ) == [
        ("user", [
            {"text": "What is it?"},
            {"image": {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}},
            {"document": {"name": "a.md", "format": "md", "source": {"bytes": b"a"}}},
        ]),
        ("assistant", [
            {"reasoningContent": {"reasoningText": {"text": "hm"}}},
            {"reasoningContent": {"reasoningText": {"text": "brief"}}},
            {"text": "I look."},
            {"toolUse": {"toolUseId": "call_1", "name": "f", "input": {"a": 1}}},
        ]),
        ("user", [
            {"toolResult": {"toolUseId": "call_1", "content": [{"text": "21"}]}},
            {"toolResult": {"toolUseId": "call_2", "content": [{"text": "22"}]}},
        ]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "expected", "fields"),
    [
        (None, {"auto": {}}, None),
        ("required", {"any": {}}, None),
        ("none", {"auto": {}}, {"tool_choice": "none"}),
        ({"type": "function", "name": "get_weather"}, {"tool": {"name": "get_weather"}}, None),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]},
            {"any": {}},
            None,
        ),
    ],
)
def test_tools_and_their_choice(choice, expected, fields):
    read_ = turn(tools=[TOOL], tool_choice=choice)
    spec = {"name": "get_weather", "description": "d", "inputSchema": {"json": SCHEMA}}
    assert read_["toolConfig"] == {"tools": [{"toolSpec": spec}], "toolChoice": expected}
    assert read_.get("additionalModelRequestFields") == fields


def test_a_schema_for_the_text():
    form = {"type": "json_schema", "name": "w", "strict": True, "schema": SCHEMA}
    told = turn(text={"format": form, "verbosity": "low"})["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert (told["name"], json.loads(told["schema"])) == ("w", SCHEMA)


def test_log_probabilities_are_asked_in_either_way():
    wanted = {"logprobs": True, "top_logprobs": 0}
    assert turn(include=["message.output_text.logprobs"])["additionalModelRequestFields"] == wanted
    assert turn(top_logprobs=2)["additionalModelRequestFields"] == wanted | {"top_logprobs": 2}
    asked = ["reasoning.encrypted_content", "file_search_call.results"]
    assert "additionalModelRequestFields" not in turn(include=asked)


def test_the_response_repeats_its_request():
    asked = {"model": "m", "instructions": "i", "temperature": 0.2, "text": {"verbosity": "low"}, "metadata": None}
    response = begun(asked | {"reasoning": {"effort": "low"}}, "resp_1", 5)
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    told = {name: response[name] for name in ("instructions", "temperature", "metadata", "reasoning", "top_p", "tools")}
    assert told == {
        "instructions": "i",
        "temperature": 0.2,
        "metadata": {},
        "reasoning": {"effort": "low", "summary": None},
        "top_p": 1.0,
        "tools": [],
    }


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"wings": 2}, "wings", "extraneous key [wings]"),
        ({"input": 7}, "input", "a string or a list"),
        ({"input": []}, "input", "something to answer"),
        ({"input": [7]}, "input", "a list of items"),
        ({"input": [{"type": "sculpture"}]}, "input[0]", "'sculpture' is not one of"),
        ({"input": [{"role": "user"}]}, "input[0].content", "required key [content]"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0]", "'input_audio' is not"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "http://a"}]}]}, "input[0]",
         "file_data"),
        ({"input": [{"role": "user", "content": "a"},
                    {"type": "function_call", "call_id": "c", "name": {}, "arguments": "{}"}]},
         "input[1]", "must be a string, not dict"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]", "tool type 'web_search' is not supported"),
        ({"tools": [TOOL], "tool_choice": {"type": "mcp"}}, "tool_choice", "'mcp' is not supported"),
        ({"truncation": "some"}, "truncation", "auto, disabled"),
        ({"metadata": {"a": 1}}, "metadata.a", "expected a string"),
        ({"include": ["secrets"]}, "include", "'secrets' is not one of"),
        ({"reasoning": {"effort": "furious"}}, "reasoning.effort", "expected one of"),
        ({"text": {"format": {"type": "xml"}}}, "text", "'xml' is not one of"),
        ({"conversation": "conv_1"}, "conversation", "previous_response_id"),
        ({"prompt": {"id": "p"}}, "prompt", "stores no prompts"),
        ({"background": "yes"}, "background", "expected a boolean"),
        ({"max_output_tokens": 0}, "max_output_tokens", "expected a value from 1"),
        ({"instructions": 7}, "instructions", "expected a string"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(body, param, says):
    with pytest.raises(ValidationException) as error:
        turn(**body)
    assert says in error.value.message
    assert error.value.members["param"] == param


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "reasoning", "function_call", "function_call_output"])},
    optional=dict.fromkeys(("role", "content", "summary", "call_id", "name", "arguments", "output"), JSON),
)
KEYS = ("tools", "tool_choice", "text", "reasoning", "include", "metadata", "truncation", "top_logprobs", "stop")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), JSON, max_size=3), JSON | st.lists(ITEM))
def test_any_json_is_read_or_refused(body, items):
    try:
        turn(**{**body, "input": items})
    except ValidationException as error:
        assert error.message
