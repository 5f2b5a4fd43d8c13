from __future__ import annotations

from typing import Any

import pytest

from outcrop.engines.answer import Answer
from outcrop.errors import ModelErrorException, ModelStreamErrorException
from outcrop.turn import Delta
from tests.stub_engine import call, delta, finish, progress, text, usage


def read(*chunks: dict[str, Any], answer: Answer | None = None) -> list[Delta]:
    answer = answer or Answer()
    return [delta for chunk in chunks for delta in answer.read(chunk)] + answer.end()


def stop(deltas: list[Delta]) -> dict[str, Any]:
    return next(delta["messageStop"] for delta in deltas if "messageStop" in delta)


def used(deltas: list[Delta]) -> dict[str, int]:
    return deltas[-1]["metadata"]["usage"]


def test_a_stream_in_full():
    deltas = read(progress(7), text("Hel"), text("lo"), finish(), usage(7, 2))
    assert deltas[-1]["metadata"].pop("metrics")["latencyMs"] >= 1
    assert deltas == [
        {"messageStart": {"role": "assistant", "usage": {"inputTokens": 7, "outputTokens": 0, "totalTokens": 7}}},
        {"contentBlockDelta": {"delta": {"text": "Hel"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "lo"}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}}},
    ]


def test_nothing_is_said_before_the_first_token():
    answer = Answer()
    assert answer.read(progress(7)) == answer.read(delta(role="assistant", content="")) == []


def test_an_empty_answer_is_still_one():
    deltas = read(progress(7), finish(), usage(7, 1))
    assert [next(iter(delta)) for delta in deltas] == ["messageStart", "messageStop", "metadata"]


@pytest.mark.parametrize(
    ("last", "limit", "reason"),
    [
        (finish("stop"), None, "end_turn"),
        (finish("length"), 2, "max_tokens"),
        (finish("length"), 5, "model_context_window_exceeded"),
        (finish("length"), None, "model_context_window_exceeded"),
        (finish("content_filter"), None, "content_filtered"),
        (finish("stop", __verbose={"stop_type": "eos", "stopping_word": ""}), None, "end_turn"),
        (finish("something_new"), None, "end_turn"),
    ],
)
def test_stop_reasons(last, limit, reason):
    assert stop(read(text("a"), last, usage(7, 2), answer=Answer(limit=limit))) == {"stopReason": reason}


def test_without_usage_the_limit_is_believed():
    deltas = read(text("a"), text("b"), finish("length"), answer=Answer(limit=50))
    assert (stop(deltas)["stopReason"], used(deltas)["outputTokens"]) == ("max_tokens", 2)


@pytest.mark.parametrize(
    "last",
    [
        finish("stop", __verbose={"stop_type": "word", "stopping_word": "END"}),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}]},
    ],
)
def test_a_stop_sequence_is_named(last):
    assert stop(read(text("a"), last)) == {
        "stopReason": "stop_sequence",
        "additionalModelResponseFields": {"stop_sequence": "END"},
    }


def test_a_token_id_is_no_stop_sequence():
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": 151645}]}
    assert stop(read(text("a"), last)) == {"stopReason": "end_turn"}


def test_reasoning_comes_before_the_words():
    deltas = read(delta(reasoning_content="hm"), delta(reasoning="m"), text("so"), finish())
    assert [next(iter(delta.values())).get("delta") for delta in deltas[1:5]] == [
        {"reasoningContent": {"text": "hm"}},
        {"reasoningContent": {"text": "m"}},
        None,
        {"text": "so"},
    ]


def test_parallel_calls_are_blocks_one_after_the_other():
    deltas = read(
        text("I look."),
        call(0, "weather", '{"city":'),
        call(0, None, '"Ulm"}'),
        call(1, "clock", ""),
        finish("tool_calls"),
    )
    starts = [delta["contentBlockStart"] for delta in deltas if "contentBlockStart" in delta]
    assert [start["start"]["toolUse"]["name"] for start in starts] == ["weather", "clock"]
    assert [start["contentBlockIndex"] for start in starts] == [1, 2]
    assert len({start["start"]["toolUse"]["toolUseId"] for start in starts}) == 2
    pieces = [delta["contentBlockDelta"]["delta"] for delta in deltas if "contentBlockDelta" in delta]
    inputs = [piece["toolUse"]["input"] for piece in pieces if "toolUse" in piece]
    assert "".join(inputs) == '{"city":"Ulm"}'
    assert stop(deltas) == {"stopReason": "tool_use"}


@pytest.mark.parametrize("arguments", ['{"city": "Ul', "[1]", "none"])
def test_arguments_that_are_no_object_are_malformed(arguments):
    assert stop(read(call(0, "f", arguments), finish("tool_calls"))) == {"stopReason": "malformed_tool_use"}


def test_a_call_cut_off_by_the_limit_says_so():
    deltas = read(call(0, "f", '{"city'), finish("length"), usage(7, 4), answer=Answer(limit=4))
    assert stop(deltas) == {"stopReason": "max_tokens"}


def test_pieces_of_two_calls_may_not_mix():
    with pytest.raises(ModelErrorException, match="mixed"):
        read(call(0, "f", "{"), call(1, "g", "{"), call(0, None, "}"))
    with pytest.raises(ModelErrorException, match="mixed"):
        read(call(0, "f", "{"), text("by the way"), call(0, None, "}"))


def test_a_forced_call_is_read_from_the_text():
    deltas = read(
        *map(text, ['{"na', 'me": "f", "arguments": {"x', '": 1}', "}"]), finish(), answer=Answer(forced=True)
    )
    assert deltas[1]["contentBlockStart"]["start"]["toolUse"]["name"] == "f"
    assert "".join(d["contentBlockDelta"]["delta"]["toolUse"]["input"] for d in deltas[2:5]) == '{"x": 1}'
    assert stop(deltas) == {"stopReason": "tool_use"}


def test_a_forced_call_that_never_came_is_malformed():
    assert stop(read(text("I would rather not"), finish(), answer=Answer(forced=True)))["stopReason"] == (
        "malformed_tool_use"
    )


@pytest.mark.parametrize(
    "message",
    [
        "Failed to parse input at pos 7: <tool_call>",
        "The model produced output that does not match the expected peg-native format",
    ],
)
def test_output_that_the_engine_cannot_parse_ends_the_answer(message):
    error = {"error": {"code": 500, "message": message, "type": "server_error"}}
    assert stop(read(text("a"), error)) == {"stopReason": "malformed_model_output"}


@pytest.mark.parametrize("error", [{"message": "out of memory"}, "out of memory", {"code": 500}])
def test_other_errors_of_the_engine_raise(error):
    with pytest.raises(ModelErrorException, match="The model's engine failed"):
        read(text("a"), {"error": error})


@pytest.mark.parametrize(
    "garbage",
    [
        {"choices": 7},
        {"choices": ["x"]},
        {"choices": [{"delta": 7}]},
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": [{"delta": {"content": ["a"]}}]},
        {"choices": [{"delta": {"tool_calls": 7}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{}"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"name": None}}]}}]},
        {"choices": [{"delta": {"reasoning_content": {"a": 1}}}]},
        {"prompt_progress": {"cache": 1}},
        {"prompt_progress": 7},
        {"usage": 7},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "__verbose": 7},
    ],
)
def test_garbage_is_the_engines_failure_and_not_ours(garbage):
    with pytest.raises(ModelErrorException, match="not a chat completion"):
        Answer().read(garbage)


def test_an_answer_that_never_finished_is_a_failure():
    with pytest.raises(ModelErrorException, match="without a reason"):
        read(text("a"))


def test_a_failure_is_the_streams_once_a_delta_is_out():
    answer, error = Answer(), ModelErrorException("gone", originalStatusCode=502)
    assert answer.failed(error) is error
    answer.read(text("a"))
    assert isinstance(answer.failed(error), ModelStreamErrorException)
    assert answer.failed(error).members == {"originalStatusCode": 500, "originalMessage": "gone"}


def test_tokens_before_a_cache_point_are_read_or_written():
    first = read(progress(10, 0), text("a"), finish(), usage(10, 1, 0), answer=Answer(cached=6))
    again = read(progress(10, 9), text("a"), finish(), usage(10, 1, 9), answer=Answer(cached=6))
    part = read(progress(10, 4), text("a"), finish(), usage(10, 1, 4), answer=Answer(cached=6))
    members = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    counts = [tuple(used(deltas)[member] for member in members) for deltas in (first, again, part)]
    assert counts == [(4, 0, 6), (4, 6, 0), (4, 4, 2)]
    assert used(again)["totalTokens"] == 11
    assert again[0]["messageStart"]["usage"]["cacheReadInputTokens"] == 6, "other APIs tell it at the start"
    assert "cacheReadInputTokens" not in used(read(progress(10, 9), text("a"), finish(), usage(10, 1, 9)))


WEIGHED = {"token": "Hel", "logprob": -0.5, "bytes": [72], "top_logprobs": [{"token": "Hel", "logprob": -0.5}]}


def weighed(chunk: dict[str, Any], told: Any) -> dict[str, Any]:
    chunk["choices"][0]["logprobs"] = told
    return chunk


def test_log_probabilities_stand_beside_the_text_they_belong_to():
    deltas = read(weighed(text("Hel"), {"content": [WEIGHED]}), weighed(text("lo"), {"content": []}), finish())
    assert [delta["contentBlockDelta"].get("logprobs") for delta in deltas[1:3]] == [[WEIGHED], None]


def test_log_probabilities_of_reasoning_and_of_calls_are_not_told():
    told = {"content": [WEIGHED]}
    deltas = read(weighed(delta(reasoning_content="hm"), told), weighed(call(0, "f", "{}"), told), finish("tool_calls"))
    assert "logprobs" not in str(deltas)


def test_a_plain_completion_in_parallel_lists():
    told = {"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0], "top_logprobs": [{"a": -1.0, "c": -3.0}, None]}
    deltas = read({"choices": [{"text": "ab", "index": 0, "logprobs": told}]}, finish())
    assert deltas[1]["contentBlockDelta"] == {
        "delta": {"text": "ab"},
        "contentBlockIndex": 0,
        "logprobs": [
            {
                "token": "a",
                "logprob": -1.0,
                "top_logprobs": [{"token": "a", "logprob": -1.0}, {"token": "c", "logprob": -3.0}],
            },
            {"token": "b", "logprob": -2.0, "top_logprobs": []},
        ],
    }


@pytest.mark.parametrize("told", [7, {"content": 7}, {"tokens": ["a"], "token_logprobs": []}, {"tokens": 1}])
def test_log_probabilities_that_are_none_break_the_engine(told):
    with pytest.raises(ModelErrorException, match="not a chat completion"):
        read(weighed(text("a"), told), finish())


def test_the_cache_and_the_reasoning_are_counted():
    told = usage(9, 4, cached=6)
    assert read(delta(reasoning="a"), delta(reasoning="b"), text("c"), finish(), told)[-1]["metadata"]["details"] == {
        "cachedTokens": 6,
        "reasoningTokens": 2,
    }
    told["usage"]["completion_tokens_details"] = {"reasoning_tokens": 3}
    assert read(delta(reasoning="ab"), finish(), told)[-1]["metadata"]["details"]["reasoningTokens"] == 3
