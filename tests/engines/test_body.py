from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from outcrop.engines.body import body, messages, path, reads_as_call
from outcrop.engines.endpoint import KINDS, Endpoint
from outcrop.errors import ValidationException
from outcrop.turn import Turn

LLAMA, VLLM, OPENAI = (Endpoint("http://e", KINDS[kind], "m") for kind in ("llama", "vllm", "openai"))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"toolSpec": {"name": "weather", "description": "d", "inputSchema": {"json": SCHEMA}}}
CLOCK = {"toolSpec": {"name": "clock", "inputSchema": {"json": {}}}}


def turn(*messages: Any, **more: Any) -> Turn:
    said = [{"role": role, "content": content} for role, content in messages]
    return {"messages": said or [{"role": "user", "content": [{"text": "hi"}]}], **more}  # type: ignore[typeddict-item]


def test_a_plain_turn():
    assert body(turn(inferenceConfig={"maxTokens": 5, "temperature": 0, "topP": 0.5}), OPENAI) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "temperature": 0,
        "top_p": 0.5,
    }


def test_an_engine_of_ours_tells_its_progress_and_what_stopped_it():
    out = body(turn(inferenceConfig={"stopSequences": ["\n"]}), LLAMA)
    assert (out["stop"], out["verbose"], out["return_progress"], out["cache_prompt"]) == (["\n"], True, True, True)
    assert "verbose" not in body(turn(inferenceConfig={"stopSequences": []}), LLAMA)


def test_every_block_reaches_the_model_in_its_role():
    out = messages(
        turn(
            ("user", [{"text": "a"}, {"cachePoint": {"type": "default"}}, {"text": "b"}]),
            ("assistant", [
                {"reasoningContent": {"reasoningText": {"text": "hm"}}},
                {"reasoningContent": {"redactedContent": b"secret"}},
                {"text": "I look"},
                {"toolUse": {"toolUseId": "1", "name": "weather", "input": {"city": "Ulm"}}},
                {"toolUse": {"toolUseId": "2", "name": "clock", "input": {}}},
            ]),
            ("user", [
                {"toolResult": {"toolUseId": "1", "content": [{"json": {"t": 7}}, {"text": "wet"}]}},
                {"toolResult": {"toolUseId": "2", "content": [{"text": "late"}], "status": "error"}},
                {"text": "and now?"},
            ]),
            ("system", [{"text": "be brief"}]),
            ("assistant", [{"citationsContent": {"content": [{"text": "It is"}]}}]),
            ("user", [{"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}, {"text": "y"}]}},
                      {"guardContent": {"text": {"text": "g"}}}]),
            system=[{"text": "one"}, {"cachePoint": {"type": "default"}}, {"guardContent": {"text": {"text": "two"}}}],
        )
    )  # fmt: skip
    function = {"name": "weather", "arguments": '{"city":"Ulm"}'}
    assert out == [
        {"role": "system", "content": "one\n\ntwo"},
        {"role": "user", "content": "a\nb"},
        {
            "role": "assistant",
            "content": "I look",
            "reasoning_content": "hm",
            "tool_calls": [
                {"id": "1", "type": "function", "function": function},
                {"id": "2", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": '{"t":7}\nwet'},
        {"role": "tool", "tool_call_id": "2", "content": "Error:\nlate"},
        {"role": "user", "content": "and now?"},
        {"role": "system", "content": "be brief"},
        {"role": "assistant", "content": "It is"},
        {"role": "user", "content": '<search_result title="t" source="s">\nx\ny\n</search_result>\ng'},
    ]


def test_an_image_travels_as_a_data_url_between_its_words():
    image = {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}
    (message,) = messages(turn(("user", [{"text": "a"}, image, {"text": "b"}])))
    url = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert message["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "b"},
    ]


def test_an_empty_tool_result_is_an_empty_message():
    out = messages(turn(("user", [{"toolResult": {"toolUseId": "1", "content": []}}])))
    assert out == [{"role": "tool", "tool_call_id": "1", "content": ""}]


def test_tools_are_offered_and_cache_points_left_out():
    out = body(turn(toolConfig={"tools": [WEATHER, {"cachePoint": {"type": "default"}}, CLOCK]}), VLLM)
    assert out["tools"] == [
        {"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "description": "d"}},
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
    ]
    assert (out["tool_choice"], out["parallel_tool_calls"]) == ("auto", True)


@pytest.mark.parametrize(
    ("choice", "said"),
    [({"any": {}}, "required"), ({"tool": {"name": "clock"}}, {"type": "function", "function": {"name": "clock"}})],
)
def test_a_server_that_forces_calls_is_told_to(choice, said):
    asked = turn(toolConfig={"tools": [WEATHER, CLOCK], "toolChoice": choice})
    out = body(asked, VLLM)
    assert (out["tool_choice"], reads_as_call(asked, VLLM)) == (said, False)
    assert "response_format" not in out


def test_elsewhere_a_schema_forces_the_call():
    asked = turn(toolConfig={"tools": [WEATHER, CLOCK], "toolChoice": {"tool": {"name": "weather"}}})
    out = body(asked, LLAMA)
    assert (len(out["tools"]), out["tool_choice"], reads_as_call(asked, LLAMA)) == (2, "none", True)
    assert out["response_format"]["json_schema"]["schema"] == {
        "type": "object",
        "properties": {"name": {"const": "weather"}, "arguments": SCHEMA},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def test_a_forced_call_of_any_tool_keeps_the_references_of_each():
    item = {"type": "object", "properties": {"next": {"$ref": "#/$defs/item"}, "all": {"$ref": "#"}}}
    schema = {"type": "object", "properties": {"first": {"$ref": "#/$defs/item"}}, "$defs": {"item": item}}
    tools = [WEATHER, {"toolSpec": {"name": "list", "inputSchema": {"json": schema}}}]
    out = body(turn(toolConfig={"tools": tools, "toolChoice": {"any": {}}}), LLAMA)
    calls = out["response_format"]["json_schema"]["schema"]["anyOf"]
    arguments = calls[1]["properties"]["arguments"]
    place = "#/anyOf/1/properties/arguments"
    assert [call["properties"]["name"]["const"] for call in calls] == ["weather", "list"]
    assert arguments["properties"]["first"]["$ref"] == f"{place}/$defs/item"
    assert arguments["$defs"]["item"]["properties"] == {
        "next": {"$ref": f"{place}/$defs/item"},
        "all": {"$ref": place},
    }
    assert schema["properties"]["first"] == {"$ref": "#/$defs/item"}, "the caller's schema was changed"


def test_a_forced_call_wins_over_an_output_schema():
    config = {"tools": [WEATHER], "toolChoice": {"any": {}}}
    out = body(turn(toolConfig=config, outputConfig=output('{"type":"object"}')), LLAMA)
    assert out["response_format"]["json_schema"]["name"] == "tool_call"


def output(schema: str, **more: Any) -> dict[str, Any]:
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, **more}}}}


def test_an_output_schema_constrains_the_answer():
    out = body(turn(outputConfig=output(json.dumps(SCHEMA), name="n")), OPENAI)
    assert out["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
    }
    assert "response_format" not in body(turn(outputConfig={"effort": "low"}), OPENAI)


@pytest.mark.parametrize("schema", ["{", "[]", "7", ""])
def test_an_output_schema_must_be_a_json_object(schema):
    with pytest.raises(ValidationException, match=r"^outputConfig.textFormat: the schema"):
        body(turn(outputConfig=output(schema)), LLAMA)


def test_additional_fields_are_said_in_the_engines_words():
    fields = {
        "top_k": 3,
        "seed": 7,
        "repetition_penalty": 1.1,
        "anthropic_beta": ["x"],
        "thinking": {"type": "enabled"},
    }
    asked = turn(inferenceConfig={"temperature": 1}, additionalModelRequestFields=fields | {"temperature": 0})
    out = body(asked, LLAMA)
    assert (out["top_k"], out["seed"], out["repeat_penalty"], out["temperature"]) == (3, 7, 1.1, 0)
    assert out["chat_template_kwargs"] == {"enable_thinking": True}
    assert body(asked, VLLM)["repetition_penalty"] == 1.1
    assert "anthropic_beta" not in out


@pytest.mark.parametrize(
    ("fields", "kwargs"),
    [
        ({"enable_thinking": False, "chat_template_kwargs": {"a": 1}}, {"enable_thinking": False, "a": 1}),
        ({"thinking": {"type": "disabled"}}, {"enable_thinking": False}),
        ({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, {"enable_thinking": True}),
    ],
)
def test_thinking_is_switched_through_the_template(fields, kwargs):
    assert body(turn(additionalModelRequestFields=fields), LLAMA)["chat_template_kwargs"] == kwargs
    assert "chat_template_kwargs" not in body(turn(additionalModelRequestFields=fields), OPENAI)


@pytest.mark.parametrize(
    ("fields", "endpoint", "key"),
    [
        ({"wings": 2}, LLAMA, "wings"),
        ({"top_k": 2}, OPENAI, "top_k"),
        ({"tool_choice": "required"}, LLAMA, "tool_choice"),
        ({"stream": False}, LLAMA, "stream"),
        ({"messages": []}, LLAMA, "messages"),
    ],
)
def test_unknown_additional_fields_are_named(fields, endpoint, key):
    with pytest.raises(
        ValidationException, match=rf"^Malformed input request: #: extraneous key \[{key}\] is not perm"
    ):
        body(turn(additionalModelRequestFields=fields), endpoint)


@pytest.mark.parametrize("fields", [[1], "x", 7])
def test_additional_fields_must_be_an_object(fields):
    with pytest.raises(ValidationException, match="Provide a json object"):
        body(turn(additionalModelRequestFields=fields), LLAMA)


def test_a_last_word_of_the_assistant_is_gone_on_from():
    asked = turn(("user", [{"text": "a"}]), ("assistant", [{"text": "Sure, "}]))
    assert body(asked, VLLM)["continue_final_message"] is True
    assert body(asked, LLAMA)["messages"][-1] == {"role": "assistant", "content": "Sure, "}
    assert "continue_final_message" not in body(turn(), VLLM)


@pytest.mark.parametrize(
    "more",
    [
        {"toolConfig": {"tools": [WEATHER], "toolChoice": {"any": {}}}},
        {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}}},
    ],
)
def test_a_beginning_cannot_be_held_to_a_schema(more):
    with pytest.raises(ValidationException, match="must end with a user message"):
        body(turn(("user", [{"text": "a"}]), ("assistant", [{"text": "Sure, "}]), **more), LLAMA)


def test_no_reasoning_before_an_answer_whose_form_is_demanded():
    demanded = turn(toolConfig={"tools": [WEATHER], "toolChoice": {"any": {}}})
    assert body(demanded, LLAMA)["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in body(demanded, OPENAI)
    assert "chat_template_kwargs" not in body(turn(toolConfig={"tools": [WEATHER]}), LLAMA)


def test_reasoning_that_is_asked_for_comes_before_a_demanded_form_all_the_same():
    asked = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    demanded = turn(toolConfig={"tools": [WEATHER], "toolChoice": {"any": {}}}, additionalModelRequestFields=asked)
    assert body(demanded, LLAMA)["chat_template_kwargs"] == {"enable_thinking": True}


def test_a_prompt_goes_to_the_engine_as_it_stands():
    asked: Turn = {
        "prompt": "Once upon",
        "inferenceConfig": {"maxTokens": 3, "stopSequences": ["."]},
        "additionalModelRequestFields": {"seed": 1, "logprobs": 2},
    }
    assert path(asked) == "/v1/completions"
    assert body(asked, OPENAI) == {
        "model": "m",
        "prompt": "Once upon",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 3,
        "stop": ["."],
        "seed": 1,
        "logprobs": 2,
    }
    assert path(turn()) == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("effort", "endpoint", "field", "template"),
    [
        ("none", LLAMA, None, {"enable_thinking": False}),
        ("minimal", LLAMA, "low", {"enable_thinking": True, "reasoning_effort": "low"}),
        ("high", VLLM, "high", {"enable_thinking": True, "reasoning_effort": "high"}),
        ("minimal", OPENAI, "minimal", None),
    ],
)
def test_how_hard_to_think_is_said_as_the_server_knows_it(effort, endpoint, field, template):
    out = body(turn(additionalModelRequestFields={"reasoning_effort": effort, "seed": 1}), endpoint)
    assert (out.get("reasoning_effort"), out.get("chat_template_kwargs")) == (field, template)


@pytest.mark.parametrize("value", [7, None, ["high"], {}])
def test_an_effort_that_is_no_word_is_refused(value):
    with pytest.raises(ValidationException, match="reasoning_effort"):
        body(turn(additionalModelRequestFields={"reasoning_effort": value}), LLAMA)
