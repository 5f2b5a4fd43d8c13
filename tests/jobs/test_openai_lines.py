"""OpenAI's training data: what is refused, by line and reason, and what it reads as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.jobs.data import DataError, read

HI, YES = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def call(arguments: Any = '{"a": 1}', name: str = "add") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def pair(chosen: Any = YES, rejected: Any = HI | {"role": "assistant"}, **asked: Any) -> dict[str, Any]:
    given = {"messages": [HI], **asked}
    return {"input": given, "preferred_output": [chosen], "non_preferred_output": [rejected]}


ODD = "a value is of the wrong type or out of range"

BAD: list[tuple[str, Any, str]] = [
    ("supervised", {"prompt": "a", "completion": "b"}, "of no known format; known: chat messages (messages)"),
    ("supervised", chat(), "messages is not a list with at least one entry"),
    ("supervised", {"messages": "hi"}, "messages is not a list"),
    ("supervised", chat(HI), "the last message is not the assistant's"),
    ("supervised", chat(HI, "yes"), "messages[1] has no role of system, developer, user, assistant, tool"),
    ("supervised", chat(HI, {"role": "function", "content": "x"}), "messages[1] has no role of"),
    ("supervised", chat(HI, {"role": "assistant"}), "messages[1]: content is neither"),
    ("supervised", chat(HI, {"role": "assistant", "content": " "}), "messages[1]: content is empty"),
    ("supervised", chat(HI, YES | {"weight": 0.5}), "messages[1]: weight is neither 0 nor 1"),
    ("supervised", chat(HI, YES | {"weight": True}), "messages[1]: weight is neither 0 nor 1"),
    ("supervised", chat(HI | {"weight": 1}, YES), "messages[0]: the key 'weight' is unknown"),
    ("supervised", chat(HI, YES | {"weight": 0}), "every message of the assistant has weight 0"),
    ("supervised", chat(HI, YES, functions=[]), "the key 'functions' is unknown"),
    ("supervised", chat(HI, YES, tools=[{"name": "add"}]), "tools[0] is not a function with a name"),
    ("supervised", chat(HI, call()), "a tool call names no function of tools"),
    ("supervised", chat(HI, call("[1]"), tools=[ADD]), "not a JSON object as a string"),
    ("supervised", chat(HI, call({"a": 1}), tools=[ADD]), "not a JSON object as a string"),
    ("supervised", chat(HI, call(), {"role": "tool", "content": "3"}, YES, tools=[ADD]), "tool_call_id is missing"),
    (
        "supervised",
        chat({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}, YES),
        "a part of type 'image_url' cannot be trained on",
    ),
    ("supervised", chat({"role": ["user"], "content": "x"}, YES), ODD),
    ("supervised", chat(HI, YES, tools=5), ODD),
    ("supervised", chat(HI, YES, tools=[{"type": "function", "function": {"name": {}}}]), "not a function with a name"),
    ("supervised", chat(HI, {"role": "assistant", "tool_calls": [{"function": {"name": {}}}]}, tools=[ADD]), ODD),
    ("dpo", chat(HI, YES), "of no known format; known: preferred and other output"),
    ("dpo", {"input": [], "preferred_output": [YES], "non_preferred_output": [YES]}, "input is not an object"),
    ("dpo", pair(YES, YES), "are the same"),
    ("dpo", pair(HI), "preferred_output is not one message of the assistant"),
    ("dpo", pair(messages=[HI, YES]), "the last message of input is the assistant's"),
    ("reinforcement", chat(HI, YES), "the last message is not the user's"),
]


def written(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(("kind", "line", "says"), BAD)
def test_bad_lines_are_refused_in_words(tmp_path: Path, kind: str, line: Any, says: str) -> None:
    with pytest.raises(DataError) as raised:
        read(written(tmp_path / "train.jsonl", [line] * 10), kind)
    assert "train.jsonl: line 1: " in str(raised.value)
    assert says in str(raised.value)


def test_a_training_file_has_ten_examples_and_a_validation_file_may_have_one(tmp_path: Path) -> None:
    path = written(tmp_path / "train.jsonl", [chat(HI, YES)] * 9)
    with pytest.raises(DataError, match=r"9 example\(s\), but must have at least 10 examples"):
        read(path, "supervised")
    assert len(read(path, "supervised", "validation")[1]) == 9
    assert len(read(path, "FINE_TUNING")[1]) == 9


def test_a_conversation_as_chat_templates_take_it(tmp_path: Path) -> None:
    line = chat(
        {"role": "developer", "content": "be brief"},
        HI | {"content": [{"type": "text", "text": "add"}, {"type": "text", "text": "them"}], "name": "ada"},
        call() | {"weight": 0},
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        YES | {"weight": 1},
        tools=[ADD],
        parallel_tool_calls=False,
    )
    name, rows = read(written(tmp_path / "train.jsonl", [line] * 10), "supervised")
    assert name == "chat messages"
    system, user, called, result, answer = rows[0]["messages"]
    assert system == {"role": "system", "content": "be brief"}
    assert user == {"role": "user", "content": "add\nthem"}
    assert called["tool_calls"][0]["function"] == {"name": "add", "arguments": {"a": 1}}
    assert (called["content"], called["weight"], answer["weight"]) == ("", 0, 1)
    assert result == {"role": "tool", "tool_call_id": "c1", "content": "3"}
    assert rows[0]["tools"] == [ADD]


def test_a_pair_as_preferences_are_trained_on(tmp_path: Path) -> None:
    name, rows = read(written(tmp_path / "train.jsonl", [pair()] * 10), "dpo")
    assert name == "preferred and other output"
    assert rows[0] == {"prompt": [HI], "chosen": [YES], "rejected": [HI | {"role": "assistant"}], "tools": []}
