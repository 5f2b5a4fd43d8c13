"""Training data that cannot be used is refused by line and reason before anything is computed; what it reads as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.jobs.data import DataError, read

GOOD = {"prompt": "a", "completion": "b"}


def conversation(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"schemaVersion": "bedrock-conversation-2024", "messages": list(messages), **members}


def said(role: str, *content: Any) -> dict[str, Any]:
    return {"role": role, "content": [{"text": c} if isinstance(c, str) else c for c in content]}


HELLO, ANSWER = said("user", "hi"), said("assistant", "hello")
TOOLS = {"tools": [{"toolSpec": {"name": "add", "inputSchema": {"json": {"type": "object"}}}}]}
USE = {"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "3"}]}}

ODD = "line 1: a value is of the wrong type or out of range"


def tools(**spec: Any) -> dict[str, Any]:
    return {"tools": [{"toolSpec": {"name": "add", **spec}}]}


def used(**given: Any) -> dict[str, Any]:
    return {"toolUse": {**USE["toolUse"], "input": given}}


def result(text: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": "t1", "content": [{"text": text}]}}


BAD: list[tuple[str, Any, str]] = [
    ("FINE_TUNING", b"", "has no records"),
    ("FINE_TUNING", b"\n \n", "has no records"),
    ("FINE_TUNING", b'{"prompt": "\xff", "completion": "b"}', "line 1: not UTF-8"),
    ("FINE_TUNING", b'{"prompt": "a"', "line 1: not JSON"),
    ("FINE_TUNING", b"[" * 100_000, "line 1: not JSON"),
    ("FINE_TUNING", b'{"prompt": NaN, "completion": "b"}', "NaN is not JSON"),
    ("FINE_TUNING", [["a", "b"]], "an object was expected, not list"),
    ("FINE_TUNING", b'{"prompt": "a\\ud83d", "completion": "b"}', "line 1: an escape is half of a character"),
    ("FINE_TUNING", [{"question": "a"}], "of no known format"),
    ("FINE_TUNING", [{"prompt": "a"}], "of no known format"),
    ("FINE_TUNING", [{"prompt": 3, "completion": "b"}], "prompt is not a string"),
    ("FINE_TUNING", [{"prompt": "a", "completion": " "}], "completion is empty"),
    ("FINE_TUNING", [{**GOOD, "label": 1}], "the key 'label' is unknown"),
    ("FINE_TUNING", [GOOD, {"prompt": "a", "chosen": "b", "rejected": "c"}], "mixes formats"),
    ("FINE_TUNING", [{"prompt": "a", "chosen": "b", "rejected": "b"}], "chosen and rejected are the same"),
    ("FINE_TUNING", [conversation(HELLO, ANSWER, schemaVersion="2025")], "is not bedrock-conversation-2024"),
    ("FINE_TUNING", [conversation()], "messages is not a list with at least one entry"),
    ("FINE_TUNING", [conversation(HELLO)], "the last message is not the assistant's"),
    ("FINE_TUNING", [conversation(ANSWER, HELLO)], "message 1 is not the user's"),
    ("FINE_TUNING", [conversation(HELLO, HELLO)], "message 2 is not the assistant's"),
    ("FINE_TUNING", [conversation(HELLO, said("assistant", {"image": {}}))], "image cannot be trained on"),
    ("FINE_TUNING", [conversation({"role": "user", "content": "hi"}, ANSWER)], "content is not a list"),
    ("FINE_TUNING", [conversation(HELLO, said("assistant", USE))], "the tool 'add' is not in toolConfig"),
    ("FINE_TUNING", [conversation(HELLO, ANSWER, system="be brief")], "system is not a list"),
    ("FINE_TUNING", [conversation(HELLO, ANSWER, toolConfig={"tools": [{}]})], "no toolSpec"),
    ("FINE_TUNING", [conversation(HELLO, ANSWER, toolConfig=tools(inputSchema="s"))], ODD),
    ("FINE_TUNING", [conversation(HELLO, said("assistant", {"toolUse": {**USE["toolUse"], "name": ["x"]}}))], ODD),
    ("FINE_TUNING", [conversation(HELLO, said("assistant", used(a=1 << 70)), toolConfig=TOOLS)], ODD),
    (
        "FINE_TUNING",
        [conversation(HELLO, said("assistant", USE), said("user", result(5)), ANSWER, toolConfig=TOOLS)],
        ODD,
    ),
    ("CONTINUED_PRE_TRAINING", [GOOD], "of no known format; known: plain text (input)"),
    ("CONTINUED_PRE_TRAINING", [{"input": ""}], "input is empty"),
    ("REINFORCEMENT_FINE_TUNING", [{"messages": [{"role": "assistant", "content": "x"}]}], "is not the user's"),
    ("REINFORCEMENT_FINE_TUNING", [{"messages": [{"role": "robot", "content": "x"}]}], "no role of"),
]


def written(path: Path, rows: Any) -> Path:
    data = rows if isinstance(rows, bytes) else "\n".join(map(json.dumps, rows)).encode()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("kind", "rows", "says"), BAD)
def test_bad_data_is_refused_in_words(tmp_path: Path, kind: str, rows: Any, says: str) -> None:
    with pytest.raises(DataError) as raised:
        read(written(tmp_path / "train.jsonl", rows), kind)
    assert says in str(raised.value)
    assert len(str(raised.value)) < 2048


def test_many_bad_lines_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2: .*line 6: .*; and 5 more lines"):
        read(written(tmp_path / "train.jsonl", [GOOD, *[{"prompt": "", "completion": "b"}] * 10]), "FINE_TUNING")


def test_too_many_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="10001 records; at most 10000"):
        read(written(tmp_path / "v.jsonl", [GOOD] * 10_001), "FINE_TUNING", "validation")


def test_a_line_past_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: longer than 4 MiB"):
        read(written(tmp_path / "train.jsonl", [{"prompt": "a" * (5 << 20), "completion": "b"}]), "FINE_TUNING")


def test_prompt_and_completion_read_as_a_conversation(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n" + json.dumps({**GOOD, "system": "s"}).encode()
    name, rows = read(written(tmp_path / "train.jsonl", data), "FINE_TUNING")
    asked, answered = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    assert name == "prompt and completion"
    assert [row["messages"] for row in rows] == [
        [asked, answered],
        [{"role": "system", "content": "s"}, asked, answered],
    ]


def test_a_conversation_with_tools_reads_as_the_engine_will_see_it(tmp_path: Path) -> None:
    line = conversation(
        HELLO,
        said("assistant", USE),
        said("user", RESULT),
        said("assistant", "3"),
        toolConfig=TOOLS,
        system=[{"text": "s"}],
    )
    _, (row,) = read(written(tmp_path / "train.jsonl", [line]), "FINE_TUNING")
    system, user, call, result, answer = row["messages"]
    assert (system["content"], user["content"], answer["content"]) == ("s", "hi", "3")
    assert call["tool_calls"][0]["function"] == {"name": "add", "arguments": {"a": 1}}
    assert result == {"role": "tool", "tool_call_id": "t1", "content": "3"}
    assert row["tools"][0]["function"]["name"] == "add"


def test_preferences_and_prompts_to_be_graded(tmp_path: Path) -> None:
    name, (row,) = read(written(tmp_path / "p.jsonl", [{"prompt": "a", "chosen": "b", "rejected": "c"}]), "FINE_TUNING")
    assert (name, row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("preference", "b", "c")
    line = {"messages": [{"role": "user", "content": "2+2"}], "reference_answer": "4"}
    _, (row,) = read(written(tmp_path / "r.jsonl", [line]), "REINFORCEMENT_FINE_TUNING")
    assert row["reference"] == {"reference_answer": "4"}
