"""What a schema promises, held by a real engine whose model writes nothing but noise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.engines.endpoint import KINDS, Endpoint
from outcrop.errors import ValidationException
from outcrop.turn import Delta, Reply, Turn, gather
from tests.stub_engine import chat, session

ASCII = [[token, False] for token in range(128, 256)]
"""No halves of UTF-8 sequences, which a model of noise writes and a grammar counts as one character each."""

SHORT = {"type": "string", "maxLength": 6}
SCHEMAS: dict[str, Any] = {
    "nested": {
        "type": "object",
        "properties": {
            "person": {
                "type": "object",
                "properties": {"name": SHORT, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
                "required": ["name", "age"],
                "additionalProperties": False,
            }
        },
        "required": ["person"],
        "additionalProperties": False,
    },
    "enum and const": {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue", 3]}, "kind": {"const": "x"}},
        "required": ["colour", "kind"],
        "additionalProperties": False,
    },
    "array": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4},
    "optional and nullable": {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"], "maxLength": 3}, "b": {"type": "integer", "maximum": 99}},
        "required": ["a"],
        "additionalProperties": False,
    },
    "references": {
        "type": "object",
        "properties": {"pair": {"type": "array", "items": {"$ref": "#/$defs/p"}, "minItems": 1, "maxItems": 2}},
        "required": ["pair"],
        "additionalProperties": False,
        "$defs": {
            "p": {
                "type": "object",
                "properties": {"x": {"enum": ["l", "r"]}},
                "required": ["x"],
                "additionalProperties": False,
            }
        },
    },
    "any of": {
        "anyOf": [{"type": "null"}, {"type": "object", "properties": {"q": {"enum": ["a"]}}, "required": ["q"]}]
    },
    "string": {"type": "string", "maxLength": 5},
    "pattern": {
        "type": "object",
        "properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
        "required": ["zip"],
        "additionalProperties": False,
    },
}


async def ask(url: str, **members: Any) -> tuple[list[Delta], Reply]:
    seed = members.pop("seed", 1)
    asked: Turn = {  # type: ignore[typeddict-item]
        "messages": [{"role": "user", "content": [{"text": "Say something."}]}],
        "inferenceConfig": {"maxTokens": members.pop("limit", 700), "temperature": 1.0},
        "additionalModelRequestFields": {"seed": seed, "logit_bias": ASCII},
        **members,
    }
    async with session() as http:
        deltas = [delta async for delta in chat(http, asked, Endpoint(url, KINDS["llama"]))]

    async def again():
        for delta in deltas:
            yield delta

    return deltas, await gather(again())


def output(schema: Any) -> dict[str, Any]:
    structure = {"jsonSchema": {"schema": schema if isinstance(schema, str) else json.dumps(schema)}}
    return {"textFormat": {"type": "json_schema", "structure": structure}}


def holds(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None) -> bool:
    """Whether a value satisfies the few keywords that the schemas above use."""
    root = root or schema
    if "$ref" in schema:
        place: Any = root
        for step in schema["$ref"].split("/")[1:]:
            place = place[step]
        return holds(place, value, root)
    if "anyOf" in schema:
        return any(holds(one, value, root) for one in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kinds = {"string": str, "integer": int, "boolean": bool, "null": type(None), "object": dict, "array": list}
    wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if type(value) not in [kinds[kind] for kind in wanted]:
        return False
    if isinstance(value, dict):
        return (
            set(schema.get("required", [])) <= value.keys() <= schema["properties"].keys()
            and all(holds(schema["properties"][key], item, root) for key, item in value.items())
        )  # fmt: skip
    if isinstance(value, list):
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 99)
        return fits and all(holds(schema["items"], item, root) for item in value)
    if isinstance(value, str):
        return len(value) <= schema.get("maxLength", 5) and (value.isdigit() or "pattern" not in schema)
    return not isinstance(value, int) or schema.get("minimum", -(10**18)) <= value <= schema.get("maximum", 10**18)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", SCHEMAS)
async def test_an_output_schema_always_holds(tiny_url, name, seed):
    _, reply = await ask(tiny_url, outputConfig=output(SCHEMAS[name]), seed=seed)
    assert reply["stopReason"] == "end_turn"
    (block,) = reply["message"]["content"]
    assert holds(SCHEMAS[name], json.loads(block["text"])), block


async def test_the_judge_can_say_no():
    assert not holds(SCHEMAS["nested"], {"person": {"name": "x"}})
    assert not holds(SCHEMAS["array"], [True])
    assert not holds(SCHEMAS["references"], {"pair": [{"x": "m"}]})


async def test_a_limit_cuts_the_json_and_says_so(tiny_url):
    _, reply = await ask(tiny_url, outputConfig=output(SCHEMAS["nested"]), limit=5)
    assert (reply["stopReason"], reply["usage"]["outputTokens"]) == ("max_tokens", 5)


@pytest.mark.parametrize("schema", [{"type": "foo"}, {"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}])
async def test_a_schema_the_engine_cannot_read_is_refused(tiny_url, schema):
    with pytest.raises(ValidationException, match="The model returned the following errors"):
        await ask(tiny_url, outputConfig=output(schema))


TOOLS = {
    "place": SCHEMAS["nested"],
    "paint": SCHEMAS["enum and const"],
    "link": SCHEMAS["references"],
    "nothing": {"type": "object", "properties": {}, "additionalProperties": False},
}


def config(**choice: Any) -> dict[str, Any]:
    tools = [{"toolSpec": {"name": name, "inputSchema": {"json": schema}}} for name, schema in TOOLS.items()]
    return {"tools": tools, "toolChoice": choice}


def called(reply: Reply) -> dict[str, Any]:
    (block,) = reply["message"]["content"]
    return block["toolUse"]


@pytest.mark.parametrize("name", TOOLS)
async def test_a_forced_tool_is_called_with_arguments_that_fit(tiny_url, name):
    deltas, reply = await ask(tiny_url, toolConfig=config(tool={"name": name}))
    use = called(reply)
    assert (reply["stopReason"], use["name"]) == ("tool_use", name)
    assert holds(TOOLS[name], use["input"])
    pieces = [delta["contentBlockDelta"]["delta"] for delta in deltas if "contentBlockDelta" in delta]
    assert json.loads("".join(piece["toolUse"]["input"] for piece in pieces)) == use["input"]


@pytest.mark.parametrize("seed", range(6))
async def test_any_tool_may_be_the_one(tiny_url, seed):
    _, reply = await ask(tiny_url, toolConfig=config(any={}), seed=seed)
    use = called(reply)
    assert reply["stopReason"] == "tool_use"
    assert holds(TOOLS[use["name"]], use["input"])


async def test_a_forced_call_cut_by_the_limit_is_no_call(tiny_url):
    _, reply = await ask(tiny_url, toolConfig=config(tool={"name": "place"}), limit=60)
    assert reply["stopReason"] == "max_tokens"
    assert all("toolUse" not in block for block in reply["message"]["content"])


async def test_tools_that_may_be_called_need_not_be(tiny_url):
    _, reply = await ask(tiny_url, toolConfig=config(auto={}), limit=8)
    assert reply["stopReason"] in ("max_tokens", "end_turn")


async def test_arguments_without_a_schema_are_any_object(tiny_url):
    tools = {"tools": [{"toolSpec": {"name": "free", "inputSchema": {"json": {"type": "object"}}}}]}
    _, reply = await ask(tiny_url, toolConfig=tools | {"toolChoice": {"any": {}}}, limit=1500)
    assert reply["stopReason"] in ("tool_use", "max_tokens", "model_context_window_exceeded")
    if reply["stopReason"] == "tool_use":
        assert isinstance(called(reply)["input"], dict)
