"""Every family's body through the whole gateway: botocore on one side, a stub for the engine on the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.catalog import Model
from outcrop.engines.endpoint import KINDS, Endpoint
from tests.api.runtime import Runtime, runtime_on
from tests.stub_engine import DONE, call, delta, finish, progress, text, usage

HI = [{"role": "user", "content": "hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "anthropic.claude-sonnet-4": {"messages": HI, "max_tokens": 9},
    "anthropic.claude-v2": {"prompt": "\n\nHuman: hi\n\nAssistant:", "max_tokens_to_sample": 9},
    "amazon.titan-text-lite-v1": {"inputText": "hi", "textGenerationConfig": {"maxTokenCount": 9}},
    "amazon.nova-lite-v1": {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 9},
    },
    "meta.llama3-8b-instruct-v1": {"prompt": "hi", "max_gen_len": 9},
    "mistral.mistral-7b-instruct-v0": {"prompt": "[INST] hi [/INST]", "max_tokens": 9},
    "mistral.mistral-large-2407-v1": {"messages": HI, "max_tokens": 9},
    "cohere.command-text-v14": {"prompt": "hi", "max_tokens": 9},
    "cohere.command-r-v1": {"message": "hi", "max_tokens": 9},
    "ai21.jamba-1-5-mini-v1": {"messages": HI, "max_tokens": 9},
    "deepseek.r1-v1": {"prompt": "hi", "max_tokens": 9},
    "deepseek.v3-v1": {"messages": HI, "max_tokens": 9},
    "openai.gpt-oss-20b-1": {"messages": HI, "max_tokens": 9},
    "qwen.qwen3-32b-v1": {"messages": HI, "max_tokens": 9},
}
"""A name that is called -> the shortest body of its family."""


@pytest.fixture
async def runtime(stub, tmp_path):
    async with runtime_on(stub.endpoint, tmp_path) as made:
        yield made


@pytest.fixture(params=BODIES)
def called(request) -> str:
    return request.param


def serve(runtime: Runtime, id: str, **traits: Any) -> dict[str, Any]:
    """Let the runtime's model answer as `id`; the shortest body for it."""
    runtime.model = Model(id=id, name="Tiny", provider="Test", source="/nowhere", **traits)
    runtime.change()
    return BODIES.get(id, {})


def chunks(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"] if "chunk" in event]


def texts(value: Any) -> str:
    """All that an answer says, wherever its family says it."""
    if isinstance(value, list):
        return "".join(map(texts, value))
    if not isinstance(value, dict):
        return ""
    places = ("text", "completion", "outputText", "generation", "content")
    own = "".join(value[place] for place in places if isinstance(value.get(place), str))
    return own + "".join(texts(inner) for key, inner in value.items() if key != "response")


async def test_an_answer_with_its_counts_in_the_headers(runtime, stub, called):
    body = serve(runtime, called)
    answer = await runtime("InvokeModel", body=json.dumps(body))
    assert answer["contentType"] == "application/json"
    assert texts(json.loads(runtime.raw.body)) == "Hello"
    headers = runtime.raw.headers
    counts = [headers[f"x-amzn-bedrock-{side}-token-count"] for side in ("input", "output")]
    assert counts == ["7", "2"]
    assert stub.body["messages"] == [{"role": "user", "content": "hi"}]
    assert stub.body["max_tokens"] == 9


async def test_a_stream_whose_last_chunk_alone_has_the_metrics(runtime, called):
    body = serve(runtime, called)
    events = chunks(await runtime("InvokeModelWithResponseStream", body=json.dumps(body)))
    assert texts(events) == "Hello"
    assert [("amazon-bedrock-invocationMetrics" in event) for event in events] == [False] * (len(events) - 1) + [True]
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (7, 2)


async def test_tokens_of_a_body_are_counted(runtime, called):
    body = serve(runtime, called)
    answer = await runtime("CountTokens", input={"invokeModel": {"body": json.dumps(body).encode()}})
    assert answer["inputTokens"] > 0


@pytest.mark.parametrize("operation", ["InvokeModel", "InvokeModelWithResponseStream"])
async def test_an_engine_that_fails_at_once_is_an_http_error_in_every_family(runtime, stub, called, operation):
    stub.refuse(500, {"error": {"message": "boom"}})
    await runtime(operation, body=json.dumps(serve(runtime, called)))
    assert runtime.raw.status == 424


@pytest.mark.parametrize("operation", ["InvokeModel", "InvokeModelWithResponseStream"])
async def test_a_body_of_no_family_names_a_key(runtime, stub, called, operation):
    serve(runtime, called)
    answer = await runtime(operation, body=b'{"wings": 2}')
    assert (runtime.raw.status, answer["Error"]["Code"]) == (400, "ValidationException")
    assert answer["Error"]["Message"].startswith("Malformed input request: #: ")
    assert "key [" in answer["Error"]["Message"]
    assert stub.bodies == []


async def test_a_models_own_family_counts_where_its_name_says_nothing(runtime, stub):
    serve(runtime, "local.some-model", family="llama")
    await runtime("InvokeModel", body=b'{"prompt": "hi"}')
    assert json.loads(runtime.raw.body)["generation"] == "Hello"


async def test_the_name_says_more_than_the_models_own_family(runtime):
    serve(runtime, "meta.llama3-8b", family="nova")
    await runtime("InvokeModel", body=b'{"prompt": "hi"}')
    assert json.loads(runtime.raw.body)["generation_token_count"] == 2


async def test_claude_2_takes_messages_too(runtime):
    serve(runtime, "anthropic.claude-v2")
    await runtime("InvokeModel", body=json.dumps({"messages": HI, "max_tokens": 9}))
    assert json.loads(runtime.raw.body)["content"] == [{"type": "text", "text": "Hello"}]


async def test_coheres_answer_repeats_the_prompt(runtime):
    body = serve(runtime, "cohere.command-text-v14")
    await runtime("InvokeModel", body=json.dumps(body))
    assert json.loads(runtime.raw.body)["prompt"] == "hi"


async def test_gpt_oss_reasons_between_tags(runtime, stub):
    thoughts = (delta(reasoning_content="I "), delta(reasoning_content="think"))
    stub.say(progress(7), *thoughts, text("so"), finish(), usage(7, 5), DONE)
    body = serve(runtime, "openai.gpt-oss-20b-1")
    await runtime("InvokeModel", body=json.dumps(body))
    message = json.loads(runtime.raw.body)["choices"][0]["message"]
    assert (message["content"], "reasoning_content" in message) == ("<reasoning>I think</reasoning>so", False)
    events = chunks(await runtime("InvokeModelWithResponseStream", body=json.dumps(body)))
    assert texts(events) == "<reasoning>I think</reasoning>so"


async def test_qwen_reasons_beside_its_answer(runtime, stub):
    stub.say(progress(7), delta(reasoning_content="Hm."), text("so"), finish(), usage(7, 5), DONE)
    await runtime("InvokeModel", body=json.dumps(serve(runtime, "qwen.qwen3-32b-v1")))
    message = json.loads(runtime.raw.body)["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("so", "Hm.")


@pytest.mark.parametrize("called", ["openai.gpt-oss-20b-1", "qwen.qwen3-32b-v1", "ai21.jamba-1-5-mini-v1"])
async def test_one_answer_a_request(runtime, stub, called):
    answer = await runtime("InvokeModel", body=json.dumps(serve(runtime, called) | {"n": 2}))
    assert "#/n: 2 is not less or equal to 1" in answer["Error"]["Message"]
    assert stub.bodies == []


async def test_a_tools_call_in_the_families_that_have_one(runtime, stub):
    stub.say(progress(7), call(0, "look"), call(0, None, '{"at": 1}'), finish("tool_calls"), usage(7, 5), DONE)
    function = {"name": "look", "parameters": {"type": "object"}}
    openai = {"tools": [{"type": "function", "function": function}]}
    nova = {"toolConfig": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}]}}
    tools = {
        "mistral.mistral-large-2407-v1": openai,
        "ai21.jamba-1-5-mini-v1": openai,
        "qwen.qwen3-32b-v1": openai,
        "amazon.nova-lite-v1": nova,
        "cohere.command-r-v1": {"tools": [{"name": "look"}]},
    }
    for called, asked in tools.items():
        body = json.dumps(serve(runtime, called) | asked)
        await runtime("InvokeModel", body=body)
        assert '"look"' in runtime.raw.body.decode()
        assert "look" in json.dumps(chunks(await runtime("InvokeModelWithResponseStream", body=body)))
        assert stub.body["tools"][0]["function"]["name"] == "look"


async def test_documents_of_command_r_reach_the_model(runtime, stub):
    documents = [{"title": "Penguins", "snippet": "Emperors are the tallest."}]
    body = serve(runtime, "cohere.command-r-v1") | {"documents": documents, "preamble": "Be brief."}
    await runtime("InvokeModel", body=json.dumps(body))
    system, asked = stub.body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert "Emperors are the tallest." in asked["content"] and asked["content"].endswith("hi")


def cold(body: dict[str, Any]) -> dict[str, Any]:
    """The body with temperature 0, wherever its family has that."""
    for place in ("textGenerationConfig", "inferenceConfig"):
        if place in body:
            return {**body, place: {**body[place], "temperature": 0}}
    return {**body, "temperature": 0}


async def test_a_real_engine_says_the_same_streamed_or_whole_in_every_family(tiny_url, tmp_path, called):
    async with runtime_on(Endpoint(tiny_url, KINDS["llama"]), tmp_path) as runtime:
        body = json.dumps(cold(serve(runtime, called)))
        await runtime("InvokeModel", body=body)
        assert runtime.raw.headers["x-amzn-bedrock-output-token-count"] == "9"
        whole = texts(json.loads(runtime.raw.body))
        events = chunks(await runtime("InvokeModelWithResponseStream", body=body))
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 9
    assert texts(events) == whole != ""
