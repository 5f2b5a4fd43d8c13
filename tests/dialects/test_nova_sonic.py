"""Events by hand from AWS's documentation of Nova Sonic: a session in, turns out, deltas in, events out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.dialects import nova_sonic_answers
from outcrop.dialects.nova_sonic import EVENTS, MAX_PROMPTS, Prompt, Session
from outcrop.errors import ValidationException
from outcrop.turn import Delta

PLAIN = {"mediaType": "text/plain"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "w", "description": "d", "inputSchema": {"json": json.dumps(SCHEMA)}}}]}
START = ("sessionStart", {"inferenceConfiguration": {"maxTokens": 9, "topP": 0.9, "temperature": 0.7}})


def prompt_start(name: str = "p", **members: Any) -> tuple[str, Any]:
    return "promptStart", {"promptName": name, "textOutputConfiguration": PLAIN, **members}


def content(name: str, role: str, text: str, prompt: str = "p", **start: Any) -> list[tuple[str, Any]]:
    """The three events of a content. `start` are further members of its contentStart."""
    names = {"promptName": prompt, "contentName": name}
    kind = "toolResult" if role == "TOOL" else "textInput"
    given = {"type": "TEXT", "role": role, "interactive": False, "textInputConfiguration": PLAIN, **start}
    return [
        ("contentStart", names | given),
        (kind, {**names, "content": text}),
        ("contentEnd", names),
    ]


def said(name: str, text: str, prompt: str = "p") -> list[tuple[str, Any]]:
    return content(name, "USER", text, prompt, interactive=True)


def result(name: str, use: str, text: str, **status: Any) -> list[tuple[str, Any]]:
    start, filled, end = content(
        name, "TOOL", text, type="TOOL", toolResultInputConfiguration={"toolUseId": use, "type": "TEXT"}
    )
    return [start, (filled[0], filled[1] | status), end]


def take(session: Session, *events: tuple[str, Any]) -> Prompt | None:
    found = None
    for name, members in events:
        found = session.take({"event": {name: members}})
    return found


def prompt(*events: tuple[str, Any], **start: Any) -> Prompt:
    session = Session()
    take(session, START, prompt_start(**start), *events)
    return session.prompts["p"]


METADATA: Delta = {
    "metadata": {
        "usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9},
        "metrics": {"latencyMs": 1},
        "details": {"cachedTokens": 0},
    }
}
BEGIN: Delta = {"messageStart": {"role": "assistant"}}


def stop(index: int = 0) -> Delta:
    return {"contentBlockStop": {"contentBlockIndex": index}}


def piece(index: int = 0, **delta: Any) -> Delta:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": index}}


def call(index: int, use: str, text: str) -> list[Delta]:
    start = {"toolUse": {"toolUseId": use, "name": "w"}}
    return [
        {"contentBlockStart": {"start": start, "contentBlockIndex": index}},
        piece(index, toolUse={"input": text}),
        stop(index),
    ]


async def flow(*deltas: Delta) -> AsyncIterator[Delta]:
    for delta in (*deltas, {"messageStop": {"stopReason": "end_turn"}}, METADATA):
        yield delta


async def spoken(prompt: Prompt, *deltas: Delta) -> list[tuple[str, Any]]:
    events = [event["event"] async for event in nova_sonic_answers.stream(flow(BEGIN, *deltas), prompt)]  # type: ignore[arg-type]
    return [pair for event in events for pair in event.items()]


# what goes wrong -------------------------------------------------------------------------------------------------

NAMES = {"promptName": "p", "contentName": "c"}
BEGUN = [START, prompt_start()]
WRONG: dict[str, tuple[list[tuple[str, Any]], str]] = {
    "no session": ([prompt_start()], "begins with one sessionStart"),
    "two sessions": ([START, START], "begins with one sessionStart"),
    "after the end": ([START, ("sessionEnd", {}), prompt_start()], "after sessionEnd"),
    "unknown event": ([START, ("promptPause", {})], "'promptPause' is no event of a session"),
    "members that are none": ([START, ("promptStart", [])], "no event of a session"),
    "prompt twice": ([*BEGUN, prompt_start()], "The promptName p has been used"),
    "prompt again": ([*BEGUN, ("promptEnd", {"promptName": "p"}), prompt_start()], "The promptName p has been used"),
    "prompt over": ([*BEGUN, ("promptEnd", {"promptName": "p"}), *said("c", "x")], "No prompt named p is open"),
    "no such prompt": ([START, *said("c", "x")], "No prompt named p is open"),
    "no name": ([START, ("promptStart", {})], "promptName is missing or not of the type string"),
    "too many": ([START, *(prompt_start(f"p{n}") for n in range(MAX_PROMPTS + 1))], "16 prompts at most"),
    "speech out": ([START, prompt_start(audioOutputConfiguration={})], "neither takes nor gives speech"),
    "speech in": ([*BEGUN, content("c", "USER", "x", type="AUDIO")[0]], "neither takes nor gives speech"),
    "audio at once": ([*BEGUN, ("audioInput", {**NAMES, "content": "AAAA"})], "neither takes nor gives speech"),
    "unknown type": ([*BEGUN, content("c", "USER", "x", type="SMELL")[0]], "SMELL is not one of AUDIO, TEXT, TOOL"),
    "unknown role": (
        [*BEGUN, content("c", "JUDGE", "x")[0]],
        "roles ASSISTANT, SYSTEM, SYSTEM_SPEECH, USER",
    ),
    "content twice": ([*BEGUN, *content("c", "SYSTEM", "x"), *said("c", "x")], "The contentName c has been used"),
    "text without content": ([*BEGUN, said("c", "x")[1]], "No content named c is open"),
    "end without content": ([*BEGUN, said("c", "x")[2]], "No content named c is open"),
    "text after the end": ([*BEGUN, *said("c", "x"), said("c", "x")[1]], "No content named c is open"),
    "result in a text": ([*BEGUN, said("c", "x")[0], ("toolResult", {**NAMES, "content": "x"})], "is of type TEXT"),
    "content of a wrong type": ([*BEGUN, said("c", "x")[0], ("textInput", {**NAMES, "content": 7})], "content is miss"),
    "an open content": ([*BEGUN, said("c", "x")[0], ("promptEnd", {"promptName": "p"})], "content c is still open"),
    "two systems": ([*BEGUN, *content("a", "SYSTEM", "x"), *content("b", "SYSTEM", "x")], "one SYSTEM content"),
    "history too late": ([*BEGUN, *said("a", "x"), *content("b", "ASSISTANT", "y")], "history comes before"),
    "system too late": ([*BEGUN, *said("a", "x"), *content("b", "SYSTEM", "y")], "history comes before"),
    "blank": ([*BEGUN, *said("a", " \n")], "is blank"),
    "a result nobody awaits": ([*BEGUN, *result("a", "t9", "{}")], "No result is awaited for the toolUseId t9"),
    "result for none": ([*BEGUN, content("c", "TOOL", "x", type="TOOL")[0]], "toolUseId is missing"),
    "unknown parameter": ([("sessionStart", {"inferenceConfiguration": {"seed": 1}})], "seed is not one of"),
    "schema": (
        [START, prompt_start(toolConfiguration={"tools": [{"toolSpec": {"inputSchema": {"json": "{"}}}]})],
        "inputSchema.json is no JSON",
    ),
    "tool": ([START, prompt_start(toolConfiguration={"tools": ["w"]})], "toolSpec is missing"),
}


@pytest.mark.parametrize("what", WRONG)
def test_events_that_cannot_be_are_refused_by_name(what: str) -> None:
    events, message = WRONG[what]
    with pytest.raises(ValidationException) as caught:
        take(Session(), *events)
    assert message in caught.value.message


@pytest.mark.parametrize("chunk", [{}, {"event": {}}, {"event": []}, {"event": None}, {"event": {"a": {}, "b": {}}}])
def test_a_chunk_that_holds_no_event_is_refused(chunk: dict[str, Any]) -> None:
    with pytest.raises(ValidationException, match="JSON of the form"):
        Session().take(chunk)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["p", "c", "TEXT", "TOOL", "USER", "SYSTEM", "x", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["json", "tools", "a"]), inner),
    max_leaves=4,
)
KEYS = (
    "promptName contentName type role interactive content toolConfiguration status inferenceConfiguration "
    "toolResultInputConfiguration"
)
MEMBERS = st.dictionaries(st.sampled_from(KEYS.split()), ANYTHING)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), MEMBERS), max_size=8))
def test_any_order_of_any_events_is_taken_or_refused(events: list[tuple[str, Any]]) -> None:
    session = Session()
    take(session, START, prompt_start())
    for name, members in events:
        try:
            found = session.take({"event": {name: members}})
        except ValidationException:
            continue
        if found is not None:
            found.next_turn()


# what goes in ----------------------------------------------------------------------------------------------------


def test_a_turn_begins_when_interactive_text_ends() -> None:
    session = Session()
    take(session, START, prompt_start(), *content("s", "SYSTEM", "Be brief."))
    take(session, *content("h", "USER", "I am Ada."), *content("a", "ASSISTANT", "Hello Ada."))
    start, text, end = said("u", "Who ")
    assert take(session, start, text, ("textInput", text[1] | {"content": "am I?"})) is None
    found = take(session, end)
    assert found is session.prompts["p"]
    assert found.next_turn() == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "I am Ada."}]},
            {"role": "assistant", "content": [{"text": "Hello Ada."}]},
            {"role": "user", "content": [{"text": "Who am I?"}]},
        ],
        "inferenceConfig": {"maxTokens": 9, "topP": 0.9, "temperature": 0.7},
    }
    assert found.next_turn() is None


@pytest.mark.parametrize("events", [content("c", "USER", "x"), content("c", "SYSTEM_SPEECH", "x"), []])
def test_what_is_not_interactive_begins_no_turn(events: list[tuple[str, Any]]) -> None:
    assert prompt(*events).next_turn() is None


def test_what_is_said_meanwhile_is_answered_one_by_one() -> None:
    asked = prompt(*said("a", "one"), *said("b", "two"))
    assert (asked.next_turn() or {})["messages"][-1]["content"] == [{"text": "one"}]
    asked.heard([{"text": "1"}])
    assert (asked.next_turn() or {})["messages"][-1] == {"role": "user", "content": [{"text": "two"}]}
    assert asked.next_turn() is None


def test_tools_read_as_converses() -> None:
    choice = {"toolChoice": {"any": {}}}
    asked = prompt(*said("a", "x"), toolConfiguration=TOOLS | choice)
    spec = {"name": "w", "description": "d", "inputSchema": {"json": SCHEMA}}
    assert (asked.next_turn() or {})["toolConfig"] == {"tools": [{"toolSpec": spec}], **choice}


async def test_an_answer_goes_on_when_all_results_are_in() -> None:
    asked = prompt(*said("a", "Rain?"), toolConfiguration=TOOLS | {"toolChoice": {"any": {}}})
    asked.next_turn()
    await spoken(asked, *call(0, "t1", '{"city": "Ulm"}'), *call(1, "t2", "{}"))
    take(asked.session, *result("r1", "t1", '{"wet": true}'), *said("b", "And?"))
    assert asked.next_turn() is None
    take(asked.session, *result("r2", "t2", "no JSON", status="error"))
    turn = asked.next_turn() or {}
    assert turn["toolConfig"]["toolChoice"] == {"auto": {}}
    assert turn["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "t1", "name": "w", "input": {"city": "Ulm"}}},
                {"toolUse": {"toolUseId": "t2", "name": "w", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "t1", "content": [{"json": {"wet": True}}]}},
                {"toolResult": {"toolUseId": "t2", "content": [{"text": "no JSON"}], "status": "error"}},
                {"text": "And?"},
            ],
        },
    ]
    with pytest.raises(ValidationException, match="No result is awaited"):
        take(asked.session, *result("r3", "t1", "{}"))


# what goes out ---------------------------------------------------------------------------------------------------


async def test_a_text_goes_out_as_it_comes_and_as_a_whole() -> None:
    asked = prompt(*said("a", "x"))
    asked.next_turn()
    events = await spoken(asked, piece(text="Hel"), piece(text="lo"), stop())
    ids = {"sessionId": asked.session.id, "promptName": "p", "completionId": events[0][1]["completionId"]}
    first, last = events[1][1]["contentId"], events[6][1]["contentId"]
    assert first != last

    def opened(content_id: str, stage: str) -> tuple[str, Any]:
        kind = {"type": "TEXT", "role": "ASSISTANT", "textOutputConfiguration": PLAIN}
        fields = f'{{"generationStage":"{stage}"}}'
        return "contentStart", {**ids, "contentId": content_id, "additionalModelFields": fields, **kind}

    def text(content_id: str, value: str) -> tuple[str, Any]:
        return "textOutput", {**ids, "contentId": content_id, "role": "ASSISTANT", "content": value}

    def closed(content_id: str, reason: str) -> tuple[str, Any]:
        return "contentEnd", {**ids, "contentId": content_id, "stopReason": reason, "type": "TEXT"}

    counts = {"input": {"speechTokens": 0, "textTokens": 7}, "output": {"speechTokens": 0, "textTokens": 2}}
    assert events == [
        ("completionStart", ids),
        opened(first, "SPECULATIVE"),
        text(first, "Hel"),
        text(first, "lo"),
        closed(first, "PARTIAL_TURN"),
        (
            "usageEvent",
            {
                **ids,
                "details": {"delta": counts, "total": counts},
                "totalInputTokens": 7,
                "totalOutputTokens": 2,
                "totalTokens": 9,
            },
        ),
        opened(last, "FINAL"),
        text(last, "Hello"),
        closed(last, "END_TURN"),
        ("completionEnd", {**ids, "stopReason": "END_TURN"}),
    ]


async def test_a_call_leaves_the_completion_open_until_the_answer() -> None:
    asked = prompt(*said("a", "x"), toolConfiguration=TOOLS)
    asked.next_turn()
    first = await spoken(asked, piece(text="I look."), stop(), *call(1, "t1", '{"city": "Ulm"}'))
    assert [name for name, _ in first if name != "textOutput"] == [
        "completionStart",
        *["contentStart", "contentEnd"],
        *["contentStart", "toolUse", "contentEnd"],
        "usageEvent",
        *["contentStart", "contentEnd"],
    ]
    use = next(event for name, event in first if name == "toolUse")
    assert (use["toolName"], use["toolUseId"], json.loads(use["content"])) == ("w", "t1", {"city": "Ulm"})
    assert [event["stopReason"] for name, event in first if name == "contentEnd"] == [
        "PARTIAL_TURN",
        "TOOL_USE",
        "PARTIAL_TURN",
    ]
    take(asked.session, *result("r", "t1", "{}"))
    asked.next_turn()
    second = await spoken(asked, piece(text="Wet."), stop())
    assert {event["completionId"] for _, event in first + second} == {first[0][1]["completionId"]}
    assert (second[0][0], second[-1][0]) == ("contentStart", "completionEnd")
    assert next(event for name, event in second if name == "usageEvent")["totalTokens"] == 18
    third = await spoken(asked, piece(text="x"), stop())
    assert third[0][0] == "completionStart"
    assert third[0][1]["completionId"] != first[0][1]["completionId"]


async def test_a_call_that_is_no_json_is_told_as_text_and_not_awaited() -> None:
    asked = prompt(*said("a", "x"), toolConfiguration=TOOLS)
    asked.next_turn()
    events = await spoken(asked, *call(0, "t1", '{"city": '))
    assert [name for name, _ in events][:4] == ["completionStart", "contentStart", "textOutput", "contentEnd"]
    assert events[2][1]["content"] == '{"city": '
    assert events[1][1]["contentId"] == events[2][1]["contentId"] == events[3][1]["contentId"]
    assert asked.asked == {}


async def test_reasoning_is_kept_inside() -> None:
    asked = prompt(*said("a", "x"))
    asked.next_turn()
    events = await spoken(asked, piece(0, reasoningContent={"text": "Hm."}), stop(0), piece(1, text="A"), stop(1))
    assert "Hm." not in str(events)
    assert asked.messages[-1] == {"role": "assistant", "content": [{"text": "A"}]}


async def test_an_empty_answer_is_no_message() -> None:
    asked = prompt(*said("a", "x"), *said("b", "y"))
    asked.next_turn()
    events = await spoken(asked)
    assert [name for name, _ in events] == ["completionStart", "usageEvent", "completionEnd"]
    assert (asked.next_turn() or {})["messages"] == [{"role": "user", "content": [{"text": "x"}, {"text": "y"}]}]


def test_a_prompt_begins_with_a_usage_event() -> None:
    session = Session()
    take(session, START, prompt_start())
    ((name, event),) = session.news[0]["event"].items()
    assert (name, event["totalTokens"], event["promptName"]) == ("usageEvent", 0, "p")


async def test_an_answer_left_early_closes_its_deltas() -> None:
    closed = []

    async def endless() -> AsyncIterator[Delta]:
        try:
            yield BEGIN
            while True:
                yield piece(text="x")
        finally:
            closed.append(True)

    stream = nova_sonic_answers.stream(endless(), prompt(*said("a", "x")))  # type: ignore[arg-type]
    await anext(stream)
    await stream.aclose()
    assert closed == [True]
