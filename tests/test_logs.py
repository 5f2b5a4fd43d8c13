"""How records look: forged lines, terminals, levels."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest

from outcrop.config import Settings
from outcrop.logs import JsonLines, Readable, setup_logging, timestamp


def record(message: str = "hello", *args: Any, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("outcrop.x", logging.WARNING, "file", 1, message, args, None)
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize("evil", ["a\nb", "a\rb", "a\x1b[2Jb", "a\x85b", "a\x00b"])
def test_a_value_cannot_forge_a_line(evil: str) -> None:
    readable, lines = Readable().format(record("%s", evil)), JsonLines().format(record("%s", evil))
    assert len(readable.splitlines()) == 1
    assert "\n" not in lines
    assert "\x1b" not in readable + lines


def test_an_unknown_level_names_itself() -> None:
    with pytest.raises(ValueError, match="loud"):
        setup_logging(Settings(log_level="loud"))


def test_setting_up_twice_logs_once() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        for _ in range(2):
            setup_logging(Settings(log_level="Warning"), stream)
        logging.getLogger("outcrop.x").info("no")
        logging.getLogger("outcrop.x").warning("yes")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["yes"]


def test_a_terminal_gets_words() -> None:
    fields = {
        "operation": "Converse",
        "status": 200,
        "modelId": "m",
        "latencyMs": 12.3,
        "inputTokens": 7,
        "requestId": "id",
    }
    line = Readable().format(record(fields=fields))
    assert line.split(" ", 1)[1] == "warning Converse 200 m  12 ms, 7 in, id"


def test_a_traceback_follows_in_both_forms() -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        made = record(exc_info=sys.exc_info())
    assert "ValueError: bad" in Readable().format(made)
    assert "ValueError: bad" in json.loads(JsonLines().format(made))["traceback"]


def test_time_stamps_are_utc_with_milliseconds() -> None:
    assert timestamp(1_800_000_000.25) == "2027-01-15T08:00:00.250Z"
    assert timestamp(1_800_000_000.999) == "2027-01-15T08:00:00.999Z"
    assert timestamp(0.0) == "1970-01-01T00:00:00.000Z"
