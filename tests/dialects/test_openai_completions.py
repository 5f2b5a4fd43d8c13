from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.checking import checked
from outcrop.dialects.openai_completions import Chunks, completion, prompts, read, weights
from outcrop.errors import ValidationException
from outcrop.turn import Reply

TOKEN = {"id": 1, "token": "He", "logprob": -0.5, "top_logprobs": [{"token": "He", "logprob": -0.5}]}


def reply(text: str, **fields: Any) -> Reply:
    usage = {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}
    return {
        "message": {"role": "assistant", "content": [{"text": text}]},
        "stopReason": "max_tokens",
        "usage": usage,
        "metrics": {"latencyMs": 1},
        "fields": fields,
    }


def test_a_request():
    body = {"model": "m", "prompt": "Say this is a test", "max_tokens": 7, "temperature": 0, "logprobs": 2, "n": 2}
    assert checked(read(body)) == {
        "inferenceConfig": {"maxTokens": 7, "temperature": 0},
        "additionalModelRequestFields": {"logprobs": 2},
    }
    assert prompts(body) == ["Say this is a test"]


def test_sixteen_tokens_unless_told_otherwise():
    assert read({"prompt": "a"}) == {"inferenceConfig": {"maxTokens": 16}}


@pytest.mark.parametrize(
    ("prompt", "expected"), [(["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], "a"], [[1], "a"])]
)
def test_prompts(prompt, expected):
    assert prompts({"prompt": prompt}) == expected


@pytest.mark.parametrize("prompt", [None, "", [], [""], 7, [[]], [-1], [True], [1, "a"], ["a"] * 129, {"a": 1}])
def test_what_is_no_prompt(prompt):
    with pytest.raises(ValidationException) as error:
        prompts({"prompt": prompt})
    assert error.value.members["param"] == "prompt"


def test_the_answer():
    body = completion([reply("\n\nThis", logprobs=[TOKEN]), reply("b"), reply("c")], "m", 2, ["x", "", ""])
    assert body.pop("id").startswith("cmpl-")
    assert body.pop("created")
    weighed = {"tokens": ["He"], "token_logprobs": [-0.5], "top_logprobs": [{"He": -0.5}], "text_offset": [0]}
    assert body == {
        "object": "text_completion",
        "model": "m",
        "system_fingerprint": None,
        "choices": [
            {"text": "x\n\nThis", "index": 0, "logprobs": weighed, "finish_reason": "length"},
            {"text": "b", "index": 1, "logprobs": None, "finish_reason": "length"},
            {"text": "c", "index": 2, "logprobs": None, "finish_reason": "length"},
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 21, "total_tokens": 31},
    }


def test_the_stream():
    chunks = Chunks({"id": "c"}, 1, "x")
    delta = {"contentBlockDelta": {"delta": {"text": "He"}, "contentBlockIndex": 0, "logprobs": [TOKEN]}}
    told = [
        chunks.read({"messageStart": {}}),
        chunks.read(delta),
        chunks.read(delta),
        chunks.read({"contentBlockStop": {}}),
        chunks.read({"messageStop": {"stopReason": "end_turn"}}),
        chunks.read({"metadata": {"usage": {"inputTokens": 1}}}),
    ]
    assert told == [
        {"id": "c", "choices": [{"text": "x", "index": 1, "logprobs": None, "finish_reason": None}]},
        {"id": "c", "choices": [{"text": "He", "index": 1, "logprobs": weights([TOKEN]), "finish_reason": None}]},
        {"id": "c", "choices": [{"text": "He", "index": 1, "logprobs": weights([TOKEN], 2), "finish_reason": None}]},
        None,
        {"id": "c", "choices": [{"text": "", "index": 1, "logprobs": None, "finish_reason": "stop"}]},
        None,
    ]
    assert chunks.used == {"inputTokens": 1}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"suffix": "z"}, "suffix"),
        ({"messages": []}, "messages"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"echo": True, "prompt": [1]}, "echo"),
        ({"echo": 1}, "echo"),
        ({"max_tokens": "many"}, "max_tokens"),
    ],
)
def test_what_cannot_be_is_named(body, param):
    with pytest.raises(ValidationException) as error:
        read({"prompt": "a", **body})
    assert error.value.members["param"] == param


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(("prompt", "echo", "logprobs", "stop", "best_of", "logit_bias")), JSON))
def test_any_json_is_read_or_refused(body):
    try:
        checked(read(body))
        prompts(body)
    except ValidationException as error:
        assert error.message
