from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from outcrop.turn import Blocks, Delta, Gathered, gather

END: list[Delta] = [
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 4}}},
]


async def stream(*deltas: Delta) -> AsyncIterator[Delta]:
    yield {"messageStart": {"role": "assistant"}}
    for delta in deltas:
        yield delta
    for delta in END:
        yield delta


async def content(*deltas: Delta) -> list[dict[str, Any]]:
    return (await gather(stream(*deltas)))["message"]["content"]


def piece(index: int, **delta: Any) -> Delta:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": index}}


def tool(index: int, name: str = "f") -> Delta:
    return {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "t", "name": name}}, "contentBlockIndex": index}}


async def test_pieces_become_blocks_in_order_of_their_index():
    blocks = await content(
        piece(0, reasoningContent={"text": "hm"}),
        piece(0, reasoningContent={"text": "m"}),
        piece(0, reasoningContent={"signature": "s"}),
        piece(1, text="a"),
        piece(1, text="b"),
        tool(2),
        piece(2, toolUse={"input": '{"x":'}),
        piece(2, toolUse={"input": "1}"}),
    )
    assert blocks == [
        {"reasoningContent": {"reasoningText": {"text": "hmm", "signature": "s"}}},
        {"text": "ab"},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"x": 1}}},
    ]


@pytest.mark.parametrize(("pieces", "value"), [([], {}), (["  "], {}), (["{}"], {})])
async def test_a_call_without_arguments_has_an_empty_object(pieces, value):
    (block,) = await content(tool(0), *(piece(0, toolUse={"input": text}) for text in pieces))
    assert block["toolUse"]["input"] == value


@pytest.mark.parametrize("broken", ['{"x": ', "[1]", "7", "not json"])
async def test_arguments_that_are_no_object_stay_text(broken):
    assert await content(tool(0), piece(0, toolUse={"input": broken})) == [{"text": broken}]


async def test_arguments_that_were_cut_off_stay_with_their_call_where_that_is_wanted():
    whole = Gathered()
    whole.add([tool(0), piece(0, toolUse={"input": '{"a": '}), tool(1), piece(1, toolUse={"input": '{"a": 1}'})])
    whole.add(END)
    content = whole.reply(cut=True)["message"]["content"]
    assert [block["toolUse"]["input"] for block in content] == ['{"a": ', {"a": 1}]
    assert whole.reply()["message"]["content"][0] == {"text": '{"a": '}


async def test_an_empty_answer_has_no_content():
    assert await content() == []


async def test_a_failing_stream_fails_the_reply_and_is_closed():
    closed = []

    async def failing() -> AsyncIterator[Delta]:
        try:
            yield {"messageStart": {"role": "assistant"}}
            raise RuntimeError("lost")
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="lost"):
        await gather(failing())
    assert closed == [True]


async def test_a_reply_that_cannot_be_folded_closes_its_stream():
    closed = []

    async def odd() -> AsyncIterator[Delta]:
        try:
            yield {"messageStart": {}, "messageStop": {}}
        finally:
            closed.append(True)

    with pytest.raises(ValueError, match="unpack"):
        await gather(odd())
    assert closed == [True]


def test_blocks_close_before_another_kind_opens():
    blocks = Blocks()
    deltas = blocks.add("text", {"text": "a"}) + blocks.add("text", {"text": "b"})
    deltas += blocks.open("toolUse", {"toolUse": {"name": "f"}}) + blocks.open("toolUse", {"toolUse": {"name": "g"}})
    deltas += blocks.close() + blocks.close()
    assert [next(iter(delta)) for delta in deltas] == [
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockStop",
    ]
    assert [next(iter(delta.values()))["contentBlockIndex"] for delta in deltas] == [0, 0, 0, 1, 1, 2, 2]


async def test_log_probabilities_and_counts_reach_the_reply():
    told = [{"token": "a", "logprob": -1.0}]
    first, second = piece(0, text="a"), piece(0, text="b")
    first["contentBlockDelta"]["logprobs"] = told
    END[1]["metadata"]["details"] = {"cachedTokens": 3}
    try:
        reply = await gather(stream(first, second))
    finally:
        del END[1]["metadata"]["details"]
    assert (reply["fields"], reply.get("details")) == ({"logprobs": told}, {"cachedTokens": 3})
