from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.engines.endpoint import KINDS, Endpoint
from tests.api.runtime import runtime_on
from tests.stub_engine import DONE, DROP, finish, progress, text, usage

BODY: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
}


@pytest.fixture
async def runtime(stub, tmp_path):
    async with runtime_on(stub.endpoint, tmp_path) as made:
        yield made


def dumped(**changes: Any) -> bytes:
    return json.dumps({**BODY, **changes}).encode()


def chunks(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"] if "chunk" in event]


async def test_a_whole_answer(runtime, stub):
    answer = await runtime("InvokeModel", body=dumped(top_k=3))
    said = json.loads(runtime.raw.body)
    assert (said["content"], said["stop_reason"], said["model"]) == (
        [{"type": "text", "text": "Hello"}],
        "end_turn",
        "test.tiny-v1",
    )
    assert answer["contentType"] == "application/json"
    assert (stub.body["top_k"], stub.body["max_tokens"]) == (3, 9)


async def test_the_headers_tell_the_counts(runtime):
    await runtime("InvokeModel", body=dumped())
    headers = runtime.raw.headers
    assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 1
    assert headers["x-amzn-bedrock-input-token-count"] == "7"
    assert headers["x-amzn-bedrock-output-token-count"] == "2"
    assert "x-amzn-bedrock-cache-read-input-token-count" not in headers


async def test_a_streamed_answer_ends_with_the_metrics(runtime):
    events = chunks(await runtime("InvokeModelWithResponseStream", body=dumped()))
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [("amazon-bedrock-invocationMetrics" in event) for event in events] == [False] * 6 + [True]
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (7, 2)
    assert metrics["invocationLatency"] >= 1 and metrics["firstByteLatency"] >= 0


async def test_cache_counts_in_both_forms(runtime, stub):
    stub.say(progress(40, 12), text("a"), finish(), usage(40, 1, 12), DONE)
    marked = {"type": "text", "text": "x" * 20, "cache_control": {"type": "ephemeral"}}
    body = dumped(messages=[{"role": "user", "content": [marked, {"type": "text", "text": "y"}]}])
    await runtime("InvokeModel", body=body)
    assert json.loads(runtime.raw.body)["usage"] == {
        "input_tokens": 14,
        "cache_creation_input_tokens": 14,
        "cache_read_input_tokens": 12,
        "output_tokens": 1,
    }
    assert runtime.raw.headers["x-amzn-bedrock-cache-read-input-token-count"] == "12"
    events = chunks(await runtime("InvokeModelWithResponseStream", body=body))
    assert events[0]["message"]["usage"]["cache_read_input_tokens"] == 12
    assert events[-1]["amazon-bedrock-invocationMetrics"]["cacheWriteInputTokenCount"] == 14


async def test_the_tier_that_served_is_told_when_one_was_asked_for(runtime):
    answer = await runtime("InvokeModel", body=dumped(), serviceTier="flex", performanceConfigLatency="optimized")
    assert (answer["serviceTier"], answer["performanceConfigLatency"]) == ("default", "standard")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Malformed input request: the body is not JSON"),
        (b"{", "Malformed input request: the body is not JSON"),
        (b"[]", "Malformed input request: #: expected type: JSONObject, found: list"),
        (b'{"messages": []}', "Malformed input request: #: required key [max_tokens] not found"),
        (dumped(messages=7), "Malformed input request: #: "),
        (dumped(temperature="hot"), "Malformed input request: STRING_VALUE can not be converted to a Float"),
        (dumped(temperature=7), "Malformed input request: 1 validation error detected: Value"),
        (dumped(messages=[]), "Malformed input request|A conversation must start"),
        (dumped(tools=[{"name": "a b", "input_schema": {}}]), "Malformed input request: 1 validation error detected"),
        (
            b'{"max_tokens": 5, "messages": ' + b"[" * 100 + b"]" * 100 + b"}",
            "Malformed input request: the body is nes",
        ),
    ],
)
@pytest.mark.parametrize("operation", ["InvokeModel", "InvokeModelWithResponseStream"])
async def test_a_body_that_cannot_be_read_is_refused(runtime, stub, operation, body, message):
    answer = await runtime(operation, body=body)
    assert (runtime.raw.status, answer["Error"]["Code"]) == (400, "ValidationException")
    assert answer["Error"]["Message"].startswith(tuple(message.split("|"))), answer["Error"]["Message"]
    assert stub.bodies == []


async def test_a_family_without_a_body_of_its_own_says_so(runtime):
    runtime.change(family="titan")
    answer = await runtime("InvokeModel", body=dumped())
    assert "use Converse" in answer["Error"]["Message"]


async def test_guardrails_are_not_built_yet(runtime):
    answer = await runtime("InvokeModel", body=dumped(), guardrailIdentifier="abc", guardrailVersion="1")
    assert (runtime.raw.status, "guardrails" in answer["Error"]["Message"]) == (501, True)


async def test_request_metadata_is_noted(runtime):
    await runtime("InvokeModel", body=dumped(), requestMetadata='{"team": "a"}')
    assert runtime.note["requestMetadata"] == {"team": "a"}


async def test_documents_need_no_name_of_converses_kind(runtime, stub):
    source = {"type": "text", "media_type": "text/plain", "data": "seven"}
    documents = [{"type": "document", "title": "a.txt", "source": source}] * 6
    await runtime("InvokeModel", body=dumped(messages=[{"role": "user", "content": documents}]))
    assert stub.body["messages"][0]["content"].count("seven") == 6


async def test_an_engine_killed_in_mid_stream_ends_the_stream_with_a_frame(runtime, stub):
    stub.say(text("Hel"), 0.05, DROP)
    answer = await runtime("InvokeModelWithResponseStream", body=dumped())
    assert (runtime.raw.status, answer["failed"]) == (200, "modelStreamErrorException")


@pytest.mark.parametrize("operation", ["InvokeModel", "InvokeModelWithResponseStream"])
async def test_the_invocation_log_gets_what_was_asked_and_answered(runtime, operation):
    runtime.log.enabled = True
    await runtime(operation, body=dumped())
    ((note, error),) = runtime.log.records
    assert error is None
    assert note["inputBody"] == dumped()
    assert "Hel" in str(note["outputBody"])


async def test_a_real_engine_says_the_same_streamed_or_whole(tiny_url, tmp_path):
    async with runtime_on(Endpoint(tiny_url, KINDS["llama"]), tmp_path) as runtime:
        body = dumped(temperature=0, max_tokens=20)
        await runtime("InvokeModel", body=body)
        whole = json.loads(runtime.raw.body)
        events = chunks(await runtime("InvokeModelWithResponseStream", body=body))
    streamed = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    assert streamed == whole["content"][0]["text"] != ""
    assert events[-2]["usage"] == whole["usage"]
    assert events[-2]["delta"]["stop_reason"] == whole["stop_reason"] == "max_tokens"
