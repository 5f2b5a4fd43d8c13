from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from outcrop.engines.endpoint import KINDS, Endpoint
from tests.api.runtime import HELLO, runtime_on
from tests.stub_engine import DONE, DROP, HANG, call, delta, finish, progress, text, usage

TOOLS = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]}
POINT = {"cachePoint": {"type": "default"}}


@pytest.fixture
async def runtime(stub, tmp_path):
    async with runtime_on(stub.endpoint, tmp_path) as made:
        yield made


@pytest.fixture
async def tiny(tiny_url, tmp_path):
    async with runtime_on(Endpoint(tiny_url, KINDS["llama"]), tmp_path) as made:
        yield made


def events(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [event[name] for event in answer["stream"] if name in event]


def folded(answer: dict[str, Any]) -> str:
    return "".join(event["delta"].get("text", "") for event in events(answer, "contentBlockDelta"))


# good times ----------------------------------------------------------------------------------------------------------


async def test_a_whole_answer(runtime):
    answer = await runtime("Converse", messages=HELLO)
    assert answer["metrics"]["latencyMs"] >= 1
    assert {name: answer[name] for name in ("output", "stopReason", "usage")} == {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9},
    }
    assert "additionalModelResponseFields" not in answer


async def test_a_streamed_answer(runtime):
    answer = await runtime("ConverseStream", messages=HELLO)
    assert [next(iter(event)) for event in answer["stream"]] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events(answer, "messageStart") == [{"role": "assistant"}]
    assert events(answer, "metadata")[0]["usage"] == {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}


async def test_what_is_left_for_the_log(runtime):
    await runtime("Converse", messages=HELLO, requestMetadata={"team": "a"})
    note = runtime.note
    assert (note["modelId"], note["stopReason"], note["requestMetadata"]) == ("test.tiny-v1", "end_turn", {"team": "a"})
    assert note["usage"]["totalTokens"] == 9
    assert note["firstTokenMs"] >= 0 and note["latencyMs"] >= 1
    assert "inputBody" not in note and "outputBody" not in note


async def test_tools_reasoning_and_words_in_both_forms(runtime, stub):
    stub.say(
        delta(reasoning_content="hm"),
        text("I look."),
        call(0, "f", '{"a":'),
        call(0, None, "1}"),
        call(1, "f", "{}"),
        finish("tool_calls"),
        usage(9, 8),
        DONE,
    )
    whole = await runtime("Converse", messages=HELLO, toolConfig=TOOLS)
    blocks = whole["output"]["message"]["content"]
    assert [next(iter(block)) for block in blocks] == ["reasoningContent", "text", "toolUse", "toolUse"]
    assert [block["toolUse"]["input"] for block in blocks[2:]] == [{"a": 1}, {}]
    assert whole["stopReason"] == "tool_use"
    streamed = await runtime("ConverseStream", messages=HELLO, toolConfig=TOOLS)
    assert [start["start"]["toolUse"]["name"] for start in events(streamed, "contentBlockStart")] == ["f", "f"]
    again = [*HELLO, whole["output"]["message"], {"role": "user", "content": [
        {"toolResult": {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"json": {"ok": True}}]}}
        for block in blocks[2:]
    ]}]  # fmt: skip
    assert (await runtime("Converse", messages=again, toolConfig=TOOLS))["stopReason"] == "tool_use"
    assert stub.body["messages"][1]["reasoning_content"] == "hm"
    assert [message["role"] for message in stub.body["messages"]] == ["user", "assistant", "tool", "tool"]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((text("a"), finish("content_filter")), "content_filtered"),
        ((text("a"), {"error": {"message": "Failed to parse input"}}), "malformed_model_output"),
        ((call(0, "f", "{"), finish("tool_calls")), "malformed_tool_use"),
        ((text("a"), finish("length"), usage(1, 5)), "max_tokens"),
        ((text("a"), finish("length"), usage(1, 3)), "model_context_window_exceeded"),
    ],
)
async def test_stop_reasons_in_both_forms(runtime, stub, steps, reason):
    stub.say(*steps, DONE)
    asked = {"messages": HELLO, "toolConfig": TOOLS, "inferenceConfig": {"maxTokens": 5}}
    assert (await runtime("Converse", **asked))["stopReason"] == reason
    assert events(await runtime("ConverseStream", **asked), "messageStop")[0]["stopReason"] == reason


async def test_fields_that_were_asked_for(runtime, stub):
    stub.say(text("a"), finish("stop", __verbose={"stopping_word": "END"}), DONE)
    asked: dict[str, Any] = {"messages": HELLO, "inferenceConfig": {"stopSequences": ["END"]}}
    assert "additionalModelResponseFields" not in await runtime("Converse", **asked)
    asked["additionalModelResponseFieldPaths"] = ["/stop_sequence", "/none", "/stop_sequence/deeper"]
    found = {"stop_sequence": "END"}
    answer = await runtime("Converse", **asked)
    assert (answer["stopReason"], answer["additionalModelResponseFields"]) == ("stop_sequence", found)
    (stop,) = events(await runtime("ConverseStream", **asked), "messageStop")
    assert stop == {"stopReason": "stop_sequence", "additionalModelResponseFields": found}


async def test_the_tier_that_served_is_told_when_one_was_asked_for(runtime):
    asked: Any = {"messages": HELLO, "serviceTier": {"type": "flex"}, "performanceConfig": {"latency": "optimized"}}
    told = {"serviceTier": {"type": "default"}, "performanceConfig": {"latency": "standard"}}
    answer = await runtime("Converse", **asked)
    assert {name: answer[name] for name in told} == told
    (metadata,) = events(await runtime("ConverseStream", **asked), "metadata")
    assert {name: metadata[name] for name in told} == told
    assert "serviceTier" not in await runtime("Converse", messages=HELLO)


async def test_sampling_fields_reach_the_engine(runtime, stub):
    config = {"maxTokens": 9, "temperature": 0.5, "topP": 0.25, "stopSequences": ["x"]}
    fields = {"top_k": 3, "seed": 7, "repetition_penalty": 1.5}
    await runtime("Converse", messages=HELLO, inferenceConfig=config, additionalModelRequestFields=fields)
    names = ("max_tokens", "temperature", "top_p", "stop", "top_k", "seed", "repeat_penalty")
    assert [stub.body[name] for name in names] == [9, 0.5, 0.25, ["x"], 3, 7, 1.5]


async def test_documents_reach_the_engine_as_text(runtime, stub):
    document = {"name": "notes", "format": "md", "source": {"bytes": b"seven"}}
    await runtime("Converse", messages=[{"role": "user", "content": [{"text": "read"}, {"document": document}]}])
    assert stub.body["messages"] == [{"role": "user", "content": 'read\n<document name="notes">\nseven\n</document>'}]


async def test_images_reach_an_engine_that_sees(runtime, stub):
    image = {"image": {"format": "gif", "source": {"bytes": b"GIF89a"}}}
    messages: Any = [{"role": "user", "content": [{"text": "look"}, image]}]
    refused = await runtime("Converse", messages=messages)
    assert refused["Error"]["Message"].startswith("This model doesn't support the image field")
    runtime.change(input_modalities=("TEXT", "IMAGE"))
    await runtime("Converse", messages=messages)
    assert stub.body["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/gif;base64,R0lGODlh")


async def test_cache_points_are_counted(runtime, stub):
    stub.say(progress(40, 12), text("a"), finish(), usage(40, 1, 12), DONE)
    messages: Any = [{"role": "user", "content": [{"text": "x" * 20}, POINT, {"text": "y"}]}]
    used = (await runtime("Converse", messages=messages))["usage"]
    assert used == {
        "inputTokens": 14,
        "cacheReadInputTokens": 12,
        "cacheWriteInputTokens": 14,
        "outputTokens": 1,
        "totalTokens": 41,
    }


# bad times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
@pytest.mark.parametrize(
    ("status", "body", "seen", "code"),
    [
        (400, {"error": {"message": "no"}}, 400, "ValidationException"),
        (429, {}, 429, "ThrottlingException"),
        (503, {}, 429, "ModelNotReadyException"),
        (500, {}, 424, "ModelErrorException"),
    ],
)
async def test_an_engines_refusal_is_an_http_error(runtime, stub, operation, status, body, seen, code):
    stub.refuse(status, body)
    answer = await runtime(operation, messages=HELLO)
    assert (runtime.raw.status, answer["Error"]["Code"]) == (seen, code)
    stub.refusal = None
    assert "Error" not in await runtime(operation, messages=HELLO)


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
async def test_an_engine_killed_before_its_first_token_is_an_http_error(runtime, stub, operation):
    stub.say(progress(7), DROP)
    answer = await runtime(operation, messages=HELLO)
    assert (runtime.raw.status, answer["Error"]["Code"]) == (424, "ModelErrorException")
    assert answer["originalStatusCode"] == 500


async def test_an_engine_killed_in_mid_stream_ends_the_stream_with_a_frame(runtime, stub):
    stub.say(text("Hel"), 0.05, DROP)
    answer = await runtime("ConverseStream", messages=HELLO)
    assert (runtime.raw.status, answer["failed"]) == (200, "modelStreamErrorException")
    assert b'"Hel"' in runtime.raw.body
    stub.say(text("Hello"), finish(), DONE)
    assert folded(await runtime("ConverseStream", messages=HELLO)) == "Hello", "the next request works"


async def test_an_engine_killed_in_mid_answer_is_an_http_error_without_a_stream(runtime, stub):
    stub.say(text("Hel"), DROP)
    answer = await runtime("Converse", messages=HELLO)
    assert answer["Error"]["Code"] == "ModelErrorException"
    assert runtime.raw.status == 424


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
async def test_an_engine_that_never_answers_is_a_timeout(stub, tmp_path, operation):
    stub.say(HANG)
    async with runtime_on(stub.endpoint, tmp_path, request_timeout_s=0.2) as runtime:
        answer = await runtime(operation, messages=HELLO)
    assert (runtime.raw.status, answer["Error"]["Code"]) == (408, "ModelTimeoutException")
    await asyncio.wait_for(stub.gone.wait(), 20)


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
async def test_a_client_that_hangs_up_stops_the_engine(runtime, stub, operation):
    stub.say(text("a"), HANG)
    left = asyncio.Event()
    request = asyncio.create_task(runtime(operation, messages=HELLO, hang_up=left))
    await asyncio.wait_for(stub.asked.wait(), 20)
    await asyncio.sleep(0.05)
    left.set()
    await asyncio.wait_for(stub.gone.wait(), 20)
    await request
    assert runtime.engines.held == 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"messages": HELLO, "additionalModelRequestFields": {"wings": 1}}, "extraneous key [wings]"),
        ({"messages": HELLO, "additionalModelRequestFields": [1]}, "Provide a json object"),
        ({"messages": HELLO, "outputConfig": {"textFormat": {"type": "json_schema", "structure": {
            "jsonSchema": {"schema": "{"}}}}}, "not valid JSON"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}, {"document": {
            "name": "d", "format": "doc", "source": {"bytes": b"x"}}}]}]}, "has the format doc"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}, {"document": {
            "name": "a.b", "format": "txt", "source": {"bytes": b"x"}}}]}]}, "document file name"),
        ({"messages": []}, "must start with a user message"),
        ({}, "must start with a user message"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
async def test_what_cannot_be_answered_never_reaches_the_engine(runtime, stub, operation, asked, message):
    answer = await runtime(operation, **asked)
    assert (runtime.raw.status, answer["Error"]["Code"]) == (400, "ValidationException")
    assert message in answer["Error"]["Message"]
    assert stub.bodies == []


@pytest.mark.parametrize(
    ("asked", "thing"),
    [
        ({"guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1"}}, "guardrails"),
        ({"promptVariables": {"a": {"text": "b"}}}, "prompt management"),
    ],
)
@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
async def test_what_is_not_built_yet_says_so(runtime, operation, asked, thing):
    answer = await runtime(operation, messages=HELLO, **asked)
    assert runtime.raw.status == 501
    assert thing in answer["Error"]["Message"]


async def test_sixty_four_streams_at_once(runtime, stub):
    stub.say(text("a"), 0.01, text("b"), finish(), usage(1, 2), DONE)
    answers = await asyncio.gather(*(runtime("ConverseStream", messages=HELLO) for _ in range(64)))
    assert [folded(answer) for answer in answers] == ["ab"] * 64


# the invocation log --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
async def test_the_invocation_log_gets_what_was_asked_and_answered(runtime, operation):
    runtime.log.enabled = True
    await runtime(operation, messages=HELLO)
    ((note, error),) = runtime.log.records
    assert error is None
    assert (note["inputBody"]["messages"], note["usage"]["outputTokens"]) == (HELLO, 2)
    assert "Hel" in json.dumps(note["outputBody"])


async def test_the_invocation_log_gets_failures(runtime, stub):
    runtime.log.enabled = True
    stub.say(text("Hel"), 0.05, DROP)
    await runtime("ConverseStream", messages=HELLO)
    ((note, error),) = runtime.log.records
    assert type(error).__name__ == "ModelStreamErrorException"
    assert "Hel" in json.dumps(note["outputBody"])


# counting ------------------------------------------------------------------------------------------------------------


async def test_tokens_are_counted_without_taking_a_turn(runtime):
    answer = await runtime("CountTokens", input={"converse": {"messages": HELLO}})
    assert answer["inputTokens"] == len("<user>hi")
    assert runtime.engines.leases == [False]


@pytest.mark.parametrize(
    "asked", [{"converse": {"messages": []}}, {"converse": {}}, {"invokeModel": {"body": b"{"}}]
)  # fmt: skip
async def test_what_cannot_be_answered_cannot_be_counted(runtime, asked):
    answer = await runtime("CountTokens", input=asked)
    assert answer["Error"]["Code"] == "ValidationException"


async def test_a_real_engine_counts_what_it_uses_in_either_form(tiny):
    document = {"document": {"name": "d", "format": "csv", "source": {"bytes": b"a,b\n1,2"}}}
    asked: Any = {
        "messages": [{"role": "user", "content": [{"text": "Sum?"}, document]}],
        "system": [{"text": "Be brief."}],
        "toolConfig": TOOLS,
    }
    body = {"max_tokens": 3, "messages": [{"role": "user", "content": "Sum?"}], "system": "Be brief."}
    raw = json.dumps(body).encode()
    counted = await tiny("CountTokens", input={"converse": asked})
    used = await tiny("Converse", inferenceConfig={"maxTokens": 3}, **asked)
    assert counted["inputTokens"] == used["usage"]["inputTokens"]
    counted = await tiny("CountTokens", input={"invokeModel": {"body": raw}})
    assert "Error" not in counted, counted
    await tiny("InvokeModel", body=raw)
    assert counted["inputTokens"] == tiny.note["usage"]["inputTokens"]


async def test_a_real_engine_says_the_same_streamed_or_whole(tiny):
    asked: Any = {"messages": HELLO, "inferenceConfig": {"maxTokens": 30, "temperature": 0}}
    whole, streamed = await tiny("Converse", **asked), await tiny("ConverseStream", **asked)
    assert folded(streamed) == whole["output"]["message"]["content"][0]["text"] != ""
    (metadata,) = events(streamed, "metadata")
    assert metadata["usage"] == whole["usage"]
    assert events(streamed, "messageStop")[0]["stopReason"] == whole["stopReason"]
