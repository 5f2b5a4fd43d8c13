"""The record's format: what is left out, what cannot be written, what a stream folds to."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from outcrop.config import Settings
from outcrop.invocation_log.record import line, streamed

from .conftest import call

IMAGE = {"image": {"format": "png", "source": {"bytes": b"PIXELS"}}}
CLAUDE_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "UElYRUxT"}}


def made(config: dict[str, Any] | None = None, error: str | None = None, **note: Any) -> dict[str, Any]:
    written = line(Settings(), config or {}, call(**note), error)
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    return orjson.loads(written)


def test_text_can_be_kept_out() -> None:
    record = made(
        {"textDataDeliveryEnabled": False},
        inputBody={"a": "SECRET"},
        outputBody=b'{"b":"SECRET"}',
        usage={"inputTokens": 3},
    )
    assert "SECRET" not in str(record)
    assert "inputBodyJson" not in record["input"]
    assert record["input"]["inputTokenCount"] == 3


@pytest.mark.parametrize(
    "image",
    [
        IMAGE,
        CLAUDE_IMAGE,
        {"toolResult": {"content": [IMAGE]}},
        {"document": {"name": "d", "source": {"text": "PIXELS"}}},
    ],
)
def test_images_can_be_kept_out(image: dict[str, Any]) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "look"}, image]}]}
    refused = made({"imageDataDeliveryEnabled": False}, inputBody=body)["input"]["inputBodyJson"]
    assert "UElYRUxT" not in str(refused)
    assert "PIXELS" not in str(refused)
    assert refused["messages"][0]["content"][0] == {"text": "look"}
    kept = made({"videoDataDeliveryEnabled": False}, inputBody=body)["input"]["inputBodyJson"]
    assert "UElYRUxT" in str(kept) or "PIXELS" in str(kept)


def test_embeddings_can_be_kept_out() -> None:
    note = {"inputBody": {"inputText": "x"}, "outputBody": {"embedding": [1.0]}, "outputModality": "EMBEDDING"}
    record = made({"embeddingDataDeliveryEnabled": False}, **note)
    assert record["input"]["inputBodyJson"] == {"inputText": "x"}
    assert "outputBodyJson" not in record["output"]
    assert made(**note)["output"]["outputBodyJson"] == {"embedding": [1.0]}


@pytest.mark.parametrize("body", [b"\xff{not json", b"", {"n": 1 << 80}, {"s": "\ud800"}, {1: 2}, b"null"])
def test_odd_bodies_are_recorded_all_the_same(body: Any) -> None:
    assert made(inputBody=body)["input"]["inputContentType"] == "application/json"


def test_a_record_has_bedrocks_shape() -> None:
    usage = {"inputTokens": 4, "outputTokens": 38, "totalTokens": 42, "cacheReadInputTokens": 2}
    record = made(
        error="ThrottlingException",
        inputBody={"messages": []},
        outputBody=b'{"stopReason":"end_turn"}',
        usage=usage,
        requestMetadata={"team": "a"},
    )
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "accountId": "000000000000",
        "identity": {"arn": "arn:aws:iam::000000000000:user/ada"},
        "region": "us-east-1",
        "requestId": "id-1",
        "operation": "Converse",
        "modelId": "m",
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": {"messages": []},
            "inputTokenCount": 4,
            "cacheReadInputTokenCount": 2,
            "cacheWriteInputTokenCount": 0,
        },
        "output": {
            "outputContentType": "application/json",
            "outputBodyJson": {"stopReason": "end_turn"},
            "outputTokenCount": 38,
        },
        "inferenceRegion": "us-east-1",
        "errorCode": "ThrottlingException",
        "requestMetadata": {"team": "a"},
    }


def test_a_converse_stream_folds_to_a_response() -> None:
    events = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Hel"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "lo"}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "t", "name": "f"}}, "contentBlockIndex": 1}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"a":1}'}}, "contentBlockIndex": 1}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 1}, "metrics": {"latencyMs": 5}}},
    ]
    content = [{"text": "Hello"}, {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}]
    assert streamed(events) == {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1},
        "metrics": {"latencyMs": 5},
    }
    cut = streamed(events[:2])
    assert cut == {"output": {"message": {"role": "assistant", "content": [{"text": "Hel"}]}}}


def test_a_model_stream_is_a_list_of_chunks() -> None:
    chunks = streamed([{"chunk": {"bytes": b'{"a":1}'}}, {"chunk": {"bytes": b'{"b":2}'}}])
    assert made(outputBody=chunks)["output"]["outputBodyJson"] == [{"a": 1}, {"b": 2}]
