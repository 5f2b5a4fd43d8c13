"""Every family's golden bodies, written by hand from AWS's documentation (golden/*.json): one request and its turn, one
answer, one stream, one refusal. In them "*" stands for any name that is made up on the spot, "#" for any number.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outcrop import dialects
from outcrop.checking import checked
from outcrop.errors import ValidationException
from outcrop.turn import Delta, gather

GOLDEN = {path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "golden").glob("*.json"))}
NAMED = {"anthropic"}
"""Families whose golden bodies stand in a file of their own: test_<family>.py."""
TWICE = {"gpt_oss": "openai_chat"}
"""Families whose dialect is another's."""

START: Delta = {
    "messageStart": {"role": "assistant", "usage": {"inputTokens": 11, "outputTokens": 0, "totalTokens": 11}}
}
THOUGHT: list[Delta] = [
    {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "Hm."}}, "contentBlockIndex": 0}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
]


def words(index: int) -> list[Delta]:
    return [
        {"contentBlockDelta": {"delta": {"text": "Hel"}, "contentBlockIndex": index}},
        {"contentBlockDelta": {"delta": {"text": "lo"}, "contentBlockIndex": index}},
        {"contentBlockStop": {"contentBlockIndex": index}},
    ]


CALL: list[Delta] = [
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "t9", "name": "f"}}, "contentBlockIndex": 1}},
    {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"a": '}}, "contentBlockIndex": 1}},
    {"contentBlockDelta": {"delta": {"toolUse": {"input": "1}"}}, "contentBlockIndex": 1}},
    {"contentBlockStop": {"contentBlockIndex": 1}},
]


def end(reason: str, output: int, **fields: Any) -> list[Delta]:
    usage = {"inputTokens": 11, "outputTokens": output, "totalTokens": 11 + output}
    extra = {"additionalModelResponseFields": fields} if fields else {}
    return [
        {"messageStop": {"stopReason": reason, **extra}},
        {"metadata": {"usage": usage, "metrics": {"latencyMs": 7}}},
    ]


HEARD = {
    "text": [START, *words(0), *end("end_turn", 2)],
    "call": [START, *words(0), *CALL, *end("tool_use", 5)],
    "thought": [START, *THOUGHT, *words(1), *end("end_turn", 4)],
}


async def deltas(events: list[Delta]) -> AsyncIterator[Delta]:
    for event in events:
        yield event


def matched(found: Any, golden: Any) -> Any:
    """`found` with its made-up values as the golden body marks them."""
    if isinstance(found, dict) and isinstance(golden, dict):
        return {key: matched(value, golden.get(key)) for key, value in found.items()}
    if isinstance(found, list) and isinstance(golden, list) and len(found) == len(golden):
        return [matched(*pair) for pair in zip(found, golden, strict=True)]
    if golden == "*" and isinstance(found, str) and len(found) > 8:
        return "*"
    return "#" if golden == "#" and isinstance(found, int) else found


@pytest.fixture(params=GOLDEN, scope="module")
def family(request) -> str:
    return request.param


def test_every_family_has_golden_bodies():
    assert dialects.DIALECTS.keys() == GOLDEN.keys() | NAMED | TWICE.keys()
    assert all(dialects.DIALECTS[name] is dialects.DIALECTS[other] for name, other in TWICE.items())
    assert all((Path(__file__).parent / f"test_{name}.py").exists() for name in NAMED)


def test_a_request(family):
    golden = GOLDEN[family]
    turn = dialects.DIALECTS[family].read(golden["request"])
    assert turn == golden["turn"]
    assert checked(turn).keys() == golden["turn"].keys()


async def test_an_answer(family):
    golden = GOLDEN[family]
    answer = dialects.DIALECTS[family].write(await gather(deltas(HEARD[golden["heard"]])), "m")
    assert matched(answer, golden["answer"]) == golden["answer"]


async def test_a_stream(family):
    golden = GOLDEN[family]
    stream = dialects.DIALECTS[family].stream(deltas(HEARD[golden["heard"]]), "m")
    chunks = [chunk async for chunk in stream]
    assert matched(chunks, golden["stream"]) == golden["stream"]


def test_a_refusal(family):
    refused = GOLDEN[family]["refused"]
    with pytest.raises(ValidationException) as error:
        dialects.DIALECTS[family].read(refused["body"])
    assert error.value.message == refused["message"]


LOOK_ALIKE = {("mistral", "deepseek"), ("openai_chat", "ai21_jamba"), ("openai_chat", "mistral_chat")}
"""Families one of whose bodies is also one of the other's."""


@pytest.mark.parametrize("other", GOLDEN)
def test_the_body_of_another_family_is_refused_by_the_names_of_its_keys(family, other):
    if (family, other) in LOOK_ALIKE or family == other:
        return
    with pytest.raises(ValidationException, match=r"#: (required|extraneous) key \[\w+\] "):
        dialects.DIALECTS[family].read(GOLDEN[other]["request"])


async def test_a_stream_left_early_closes_its_deltas(family):
    closed = []

    async def endless() -> AsyncIterator[Delta]:
        try:
            yield START
            while True:
                yield words(0)[0]
        finally:
            closed.append(True)

    stream = dialects.DIALECTS[family].stream(endless(), "m")
    await anext(stream)
    await stream.aclose()
    assert closed == [True]


STOPS = {
    "anthropic_text": {"max_tokens": "max_tokens", "stop_sequence": "stop_sequence", "end_turn": "stop_sequence"},
    "titan_text": {
        "max_tokens": "LENGTH",
        "stop_sequence": "STOP_CRITERIA_MET",
        "end_turn": "FINISH",
        "content_filtered": "CONTENT_FILTERED",
    },
    "nova": {"max_tokens": "max_tokens", "stop_sequence": "stop_sequence", "content_filtered": "content_filtered"},
    "llama": {"max_tokens": "length", "end_turn": "stop"},
    "mistral": {"max_tokens": "length", "end_turn": "stop", "stop_sequence": "stop"},
    "mistral_chat": {"max_tokens": "length", "end_turn": "stop", "tool_use": "tool_calls"},
    "cohere_command": {"max_tokens": "MAX_TOKENS", "end_turn": "COMPLETE", "content_filtered": "ERROR_TOXIC"},
    "cohere_command_r": {"max_tokens": "MAX_TOKENS", "end_turn": "COMPLETE", "tool_use": "COMPLETE"},
    "ai21_jamba": {"max_tokens": "length", "end_turn": "stop"},
    "deepseek": {"max_tokens": "length", "end_turn": "stop", "model_context_window_exceeded": "length"},
    "openai_chat": {"max_tokens": "length", "end_turn": "stop", "content_filtered": "content_filter"},
}
KEYS = ("stop_reason", "stopReason", "completionReason", "finish_reason")


def reasons(body: Any) -> list[str]:
    """Every reason that a body gives."""
    if isinstance(body, list):
        return [reason for item in body for reason in reasons(item)]
    if not isinstance(body, dict):
        return []
    own = [body[key] for key in KEYS if body.get(key)]
    return own + [reason for value in body.values() for reason in reasons(value)]


async def test_stop_reasons_are_the_same_whole_and_streamed(family):
    dialect = dialects.DIALECTS[family]
    for reason, name in STOPS[family].items():
        heard = [START, *words(0), *end(reason, 2)]
        assert set(reasons(dialect.write(await gather(deltas(heard)), "m"))) == {name}
        assert set(reasons([chunk async for chunk in dialect.stream(deltas(heard), "m")])) == {name}


async def test_claude_names_the_stop_sequence_that_was_met():
    heard = [START, *words(0), *end("stop_sequence", 2, stop_sequence="holes")]
    answer = dialects.DIALECTS["anthropic_text"].write(await gather(deltas(heard)), "m")
    assert answer == {"completion": "Hello", "stop_reason": "stop_sequence", "stop": "holes"}


async def test_an_answer_without_a_word_still_ends(family):
    heard = [START, *end("end_turn", 0)]
    chunks = [chunk async for chunk in dialects.DIALECTS[family].stream(deltas(heard), "m")]
    assert reasons(chunks)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("hi", 'Invalid prompt: prompt must start with "\\n\\nHuman:" turn after an optional system prompt'),
        ("\n\nAssistant: a\n\nHuman: b\n\nAssistant:", "Invalid prompt: prompt must start with"),
        ("\n\nHuman: hi", 'Invalid prompt: prompt must end with "\\n\\nAssistant:" turn'),
        ("\n\nHuman: a\n\nAssistant: b\n\nHuman: c", "Invalid prompt: prompt must end with"),
    ],
)
def test_a_prompt_that_is_none_of_claudes(prompt, message):
    with pytest.raises(ValidationException) as error:
        dialects.DIALECTS["anthropic_text"].read({"prompt": prompt, "max_tokens_to_sample": 9})
    assert error.value.message.startswith(message)


def said(turn: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], block["text"]) for message in turn["messages"] for block in message["content"]]


@pytest.mark.parametrize(
    ("family", "prompt", "spoken"),
    [
        ("llama", "Just ask.", [("user", "Just ask.")]),
        (
            "llama",
            "<|begin_of_text|><|header_start|>user<|header_end|>\n\nhi<|eot|><|header_start|>assistant<|header_end|>\n\nI",
            [("user", "hi"), ("assistant", "I")],
        ),
        (
            "llama",
            "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nhi [/INST] yes </s><s>[INST] go on [/INST]",
            [("user", "hi"), ("assistant", "yes"), ("user", "go on")],
        ),
        (
            "llama",
            "<|start_header_id|>wizard<|end_header_id|>hi",
            [("user", "<|start_header_id|>wizard<|end_header_id|>hi")],
        ),
        ("llama", "a<|start_header_id|>user<|end_header_id|>b",
         [("user", "a<|start_header_id|>user<|end_header_id|>b")]),
        ("mistral", "hi", [("user", "hi")]),
        ("mistral", "[INST]a[/INST]", [("user", "a")]),
        ("mistral", "[/INST]", [("user", "[/INST]")]),
        ("titan_text", "Say User: twice", [("user", "Say User: twice")]),
        ("titan_text", "User: a\nBot: b\nUser: c\nBot:", [("user", "a"), ("assistant", "b"), ("user", "c")]),
        ("deepseek", "hi", [("user", "hi")]),
        ("deepseek", "<|User|>hi<|Assistant|>yes", [("user", "hi"), ("assistant", "yes")]),
        ("anthropic_text", "Human: a\n\nHuman: b\n\nAssistant:", [("user", "a"), ("user", "b")]),
    ],
)  # fmt: skip
def test_prompts_in_and_out_of_their_templates(family, prompt, spoken):
    key = "inputText" if family == "titan_text" else "prompt"
    body = {key: prompt} | ({"max_tokens_to_sample": 9} if family == "anthropic_text" else {})
    assert said(dialects.DIALECTS[family].read(body)) == spoken


def test_llamas_images_stand_before_the_last_question():
    turn = dialects.DIALECTS["llama"].read({"prompt": "hi", "images": ["iVBORw0KGgo=", "/9j/4AAQ"]})
    kinds = [next(iter(block)) for block in turn["messages"][-1]["content"]]
    assert kinds == ["image", "image", "text"]
    assert [block["image"]["format"] for block in turn["messages"][-1]["content"][:2]] == ["png", "jpeg"]
    for data in ("AAAA", "no base64!", "", "é"):
        with pytest.raises(ValidationException, match="#/images/0"):
            dialects.DIALECTS["llama"].read({"prompt": "hi", "images": [data]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tool_results": []}, "#/tool_results: expected minimum item count: 1, found: 0"),
        ({"tool_results": [{"call": {"name": "f"}}]}, "#/tool_results/0: required key [outputs] not found"),
        (
            {
                "chat_history": [
                    {"role": "USER", "message": "a"},
                    {"role": "CHATBOT", "tool_calls": [{"name": "f", "parameters": {}}, {"name": "g"}]},
                ],
                "message": "",
                "tool_results": [{"call": {"name": "f"}, "outputs": []}],
            },
            "#/tool_results: 2 calls and 1 results",
        ),
        ({"tools": [{"name": "f", "parameter_definitions": {"x": {"type": "complex"}}}]}, "complex is not a type"),
    ],
)
def test_what_command_r_cannot_read(changes, message):
    with pytest.raises(ValidationException) as error:
        dialects.DIALECTS["cohere_command_r"].read({"message": "hi", **changes})
    assert message in error.value.message


def test_command_rs_calls_of_the_history_meet_their_results():
    history = [
        {"role": "USER", "message": "a"},
        {"role": "CHATBOT", "message": "I look.", "tool_calls": [{"name": "f", "parameters": {"x": 1}}]},
        {"role": "TOOL", "tool_results": [{"call": {"name": "f", "parameters": {"x": 1}}, "outputs": [{"y": 2}]}]},
    ]
    body = {"message": "", "chat_history": history, "tools": [{"name": "f"}]}
    turn = checked(dialects.DIALECTS["cohere_command_r"].read(body))
    assert turn["messages"][1]["content"][1]["toolUse"]["toolUseId"] == "call_1"
    assert turn["messages"][2]["content"][0]["toolResult"]["toolUseId"] == "call_1"
    assert len(turn["messages"]) == 3


@pytest.mark.parametrize("name", ["mistral_chat", "ai21_jamba"])
@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"role": "tool", "content": "x"}, "#/messages/0: required key [tool_call_id] not found"),
        ({"role": "user", "content": 7}, "#/messages/0/content: expected type: String, found: int"),
        ({"role": "user", "content": [7]}, "#/messages/0/content/0: neither text nor an image_url"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]},
            "#/messages/0/content/0/image_url: only data:",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]},
            "#/messages/0/tool_calls/0/function/arguments: ",
        ),
    ],
)
def test_messages_that_cannot_be_read(name, message, fault):
    with pytest.raises(ValidationException) as error:
        dialects.DIALECTS[name].read({"messages": [message]})
    assert error.value.message.startswith(f"Malformed input request: {fault}")


def test_parallel_results_of_tools_are_one_message():
    calls = [{"id": id, "function": {"name": "f", "arguments": ""}} for id in ("a", "b")]
    results = [{"role": "tool", "tool_call_id": id, "content": id} for id in ("a", "b")]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    user = {"role": "user", "content": [{"type": "text", "text": "hi"}, image]}
    body = {"messages": [user, {"role": "assistant", "content": None, "tool_calls": calls}, *results]}
    body["tools"] = [{"type": "function", "function": {"name": "f"}}]
    turn = checked(dialects.DIALECTS["mistral_chat"].read(body | {"tool_choice": "none"}))
    assert [message["role"] for message in turn["messages"]] == ["user", "assistant", "user"]
    assert [block["toolResult"]["toolUseId"] for block in turn["messages"][2]["content"]] == ["a", "b"]
    assert turn["additionalModelRequestFields"] == {"tool_choice": "none"}


# whose body --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("called", "family"),
    [
        ("anthropic.claude-v2:1", "anthropic_text"),
        ("anthropic.claude-instant-v1", "anthropic_text"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "anthropic"),
        ("amazon.titan-text-express-v1", "titan_text"),
        ("us.amazon.nova-lite-v1:0", "nova"),
        ("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0", "llama"),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama3-1-8b-instruct-v1:0", "llama"),
        ("mistral.mistral-7b-instruct-v0:2", "mistral"),
        ("mistral.mistral-large-2407-v1:0", "mistral"),
        ("us.mistral.pixtral-large-2502-v1:0", "openai_chat"),
        ("cohere.command-text-v14", "cohere_command"),
        ("cohere.command-r-plus-v1:0", "cohere_command_r"),
        ("ai21.jamba-1-5-mini-v1:0", "ai21_jamba"),
        ("us.deepseek.r1-v1:0", "deepseek"),
        ("deepseek.v3-v1:0", "openai_chat"),
        ("openai.gpt-oss-20b-1:0", "gpt_oss"),
        ("qwen.qwen3-32b-v1:0", "openai_chat"),
        ("outcrop.pebble-v1", "own"),
        ("us.anthropicx.claude-v2", "own"),
    ],
)
def test_the_name_that_was_called_says_whose_body_it_takes(called, family):
    assert dialects.family(called, "own") == family


@pytest.mark.parametrize(
    ("family", "body", "form"),
    [
        ("mistral", {"messages": []}, "mistral_chat"),
        ("mistral", {"prompt": "x"}, "mistral"),
        ("anthropic_text", {"messages": []}, "anthropic"),
        ("deepseek", {"messages": []}, "openai_chat"),
        ("llama", {"messages": []}, "llama"),
    ],
)
def test_a_family_may_have_two_forms(family, body, form):
    assert dialects.form(family, body) == form


PAGE = Path(__file__).parents[2] / "docs" / "families.md"


def test_the_page_lists_every_family_and_every_name():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|.*\]\(https://(\S+?)\)", PAGE.read_text(), flags=re.MULTILINE)
    listed = {family: set(re.findall(r"`(.+?)`", names)) for family, names, _ in rows}
    assert listed.keys() == dialects.DIALECTS.keys()
    told = {start: family for family, starts in listed.items() for start in starts}
    assert told == {start: family for start, family in dialects.FAMILIES.items() if family in dialects.DIALECTS}
    assert all(source == GOLDEN[family]["source"] for family, _, source in rows if family in GOLDEN)
    other = dialects.EMBEDDERS.keys() | dialects.RERANKERS.keys()
    assert all(f"`{family}`" in PAGE.read_text() for family in other)


# any JSON ----------------------------------------------------------------------------------------------------------

INTS = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.none() | st.booleans() | INTS | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def bent(body: Any) -> st.SearchStrategy[Any]:
    """The body with one of its values, somewhere, replaced by any JSON."""
    if isinstance(body, dict) and body:
        return st.sampled_from(sorted(body)).flatmap(
            lambda key: bent(body[key]).map(lambda value: {**body, key: value})
        )
    if isinstance(body, list) and body:
        return st.sampled_from(range(len(body))).flatmap(
            lambda place: bent(body[place]).map(lambda value: [*body[:place], value, *body[place + 1 :]])
        )
    return JSON | st.text("<|>[]/INSTuserHumanAssistant:\n ", max_size=40)


def holds(family: str, body: Any) -> None:
    """What a dialect reads is a turn, or it says whose fault it is; nothing else."""
    try:
        turn = checked(dialects.DIALECTS[family].read(body))
    except ValidationException as error:
        assert error.message.startswith(("Malformed input request: ", "Invalid prompt: "))
    else:
        assert turn["messages"] or body["messages"] == [], body


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_value_anywhere_in_a_body(family, data):
    holds(family, orjson.loads(orjson.dumps(data.draw(bent(GOLDEN[family]["request"])))))


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=12), JSON, max_size=4))
@example({})
def test_any_object_at_all(family, body):
    holds(family, body)
