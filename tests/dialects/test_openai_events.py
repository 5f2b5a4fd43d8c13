"""The order of events is that of platform.openai.com/docs/api-reference/responses-streaming."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from outcrop.dialects.openai_events import Events, stream, told
from outcrop.dialects.openai_responses import begun
from outcrop.errors import ModelStreamErrorException, ServiceError, ThrottlingException, ValidationException
from outcrop.turn import Delta, Gathered

ID = "resp_" + "0" * 32
USAGE = {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}
START: Delta = {"messageStart": {"role": "assistant"}}


def end(reason: str = "end_turn") -> list[Delta]:
    details = {"cachedTokens": 3, "reasoningTokens": 1}
    return [
        {"messageStop": {"stopReason": reason}},
        {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 4}, "details": details}},
    ]


def piece(index: int, delta: dict[str, Any], **more: Any) -> Delta:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": index, **more}}


def thought(index: int, text: str) -> Delta:
    return piece(index, {"reasoningContent": {"text": text}})


def call(index: int) -> list[Delta]:
    start = {"toolUse": {"toolUseId": "call_1", "name": "f"}}
    return [
        {"contentBlockStart": {"start": start, "contentBlockIndex": index}},
        piece(index, {"toolUse": {"input": '{"a"'}}),
        piece(index, {"toolUse": {"input": ":1}"}}),
    ]


def fold(*deltas: Delta, **body: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events, and the response that they made: the same that is made without them."""
    events = Events(begun({"model": "m", **body}, ID, 5))
    told = [event for delta in deltas for event in events.read(delta)]
    if "metadata" in deltas[-1]:
        whole = Gathered()
        whole.add(list(deltas))
        answered = Events(begun({"model": "m", **body}, ID, 5)).answered(whole)
        assert without_clock(answered) == without_clock(events.response)
    return told, events.response


def without_clock(response: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in response.items() if key != "completed_at"}


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text():
    stop: Delta = {"contentBlockStop": {"contentBlockIndex": 0}}
    told, response = fold(START, piece(0, {"text": "Hel"}), piece(0, {"text": "lo"}), stop, *end())
    assert kinds(told) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in told] == list(range(10))
    id = "msg_" + "0" * 36
    part = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    item = {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    place = {"item_id": id, "output_index": 0, "content_index": 0}
    assert told[2]["item"] == item | {"status": "in_progress", "content": []}
    assert told[3] == {
        "type": "response.content_part.added",
        **place,
        "part": part | {"text": ""},
        "sequence_number": 3,
    }
    assert told[4] == {
        "type": "response.output_text.delta",
        **place,
        "delta": "Hel",
        "logprobs": [],
        "sequence_number": 4,
    }
    assert told[6]["text"] == "Hello"
    assert told[8] == {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": item,
        "sequence_number": 8,
    }
    assert told[9]["response"] == response
    assert (response["status"], response["output"]) == ("completed", [item])
    assert response["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 9,
    }


def test_what_was_told_does_not_change_afterwards():
    told, _ = fold(START, piece(0, {"text": "a"}), *end())
    assert told[0]["response"]["status"] == "in_progress"
    assert told[0]["response"]["output"] == []


def test_reasoning_then_a_call():
    told, response = fold(START, thought(0, "hm"), *call(1), *end("tool_use"))
    assert kinds(told)[2:] == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert response["output"] == [
        {"id": "rs_" + "0" * 36, "type": "reasoning", "summary": [], "status": "completed",
         "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"id": "fc_" + "0" * 35 + "1", "type": "function_call", "call_id": "call_1", "name": "f",
         "arguments": '{"a":1}', "status": "completed"},
    ]  # fmt: skip
    assert [event["output_index"] for event in told[2:-1]] == [0] * 6 + [1] * 5


def test_a_summary_where_one_is_asked_for():
    told, response = fold(START, thought(0, "hm"), piece(1, {"text": "a"}), *end(), reasoning={"summary": "auto"})
    assert kinds(told)[2:8] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert response["output"][0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert [item["type"] for item in response["output"]] == ["reasoning", "message"]


@pytest.mark.parametrize(
    ("stop", "status", "reason", "item"),
    [
        ("max_tokens", "incomplete", "max_output_tokens", "incomplete"),
        ("model_context_window_exceeded", "incomplete", "max_output_tokens", "incomplete"),
        ("content_filtered", "incomplete", "content_filter", "incomplete"),
        ("malformed_tool_use", "completed", None, "incomplete"),
        ("stop_sequence", "completed", None, "completed"),
    ],
)
def test_how_it_ends(stop, status, reason, item):
    told, response = fold(START, *call(0), *end(stop))
    assert told[-1]["type"] == f"response.{status}"
    assert (response["status"], response["output"][0]["status"]) == (status, item)
    assert (response["incomplete_details"] or {}).get("reason") == reason


def test_log_probabilities():
    weight = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
    told, response = fold(START, piece(0, {"text": "a"}, logprobs=[weight | {"id": 5}]), *end())
    assert told[4]["logprobs"] == told[5]["logprobs"] == response["output"][0]["content"][0]["logprobs"] == [weight]


def test_one_that_waits_for_its_turn():
    events = Events(begun({"model": "m"}, ID, 5, "queued"))
    assert kinds(events.queued()) == ["created", "queued"]
    assert kinds(events.read(START)) == ["in_progress"]
    assert events.response["status"] == "in_progress"


async def broken(*deltas: Delta, error: ServiceError) -> AsyncGenerator[Delta, None]:
    for delta in deltas:
        yield delta
    raise error


async def test_a_stream_that_breaks_ends_in_an_event():
    events = Events(begun({"model": "m"}, ID, 5))
    told = [
        event
        async for event in stream(
            broken(START, piece(0, {"text": "a"}), error=ModelStreamErrorException("gone")), events
        )
    ]
    assert kinds(told)[-2:] == ["output_item.done", "failed"]
    assert told[-1]["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert told[-1]["response"]["output"][0]["status"] == "incomplete"
    assert [event["sequence_number"] for event in told] == list(range(len(told)))


async def test_what_breaks_before_it_begins_is_raised():
    with pytest.raises(ValidationException):
        await anext(stream(broken(error=ValidationException("no")), Events(begun({"model": "m"}, ID, 5))))


def test_a_full_queue_is_told_as_such():
    assert told(ThrottlingException("full")) == {"code": "rate_limit_exceeded", "message": "full"}
