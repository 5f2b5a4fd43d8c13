"""How log records look on stderr: JSON lines for a collector, a calm line for a person.

Knows nothing of what is logged; a record's own fields come in its `fields` attribute.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import orjson

from .config import Settings

LEVELS = ("debug", "info", "warning", "error")
QUIET = ("aiosqlite", "asyncio", "alembic", "botocore", "urllib3", "granian.access", "pypdf")
"""Loggers of libraries that are of interest only at debug level."""

_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
"""Control characters, made visible: a logged value cannot forge a line or move a terminal's cursor."""


def setup_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every logger to stderr once, at `settings.log_level`. ValueError names a level that does not exist."""
    level = settings.log_level.lower()
    if level not in LEVELS:
        raise ValueError(f"setting log_level: {settings.log_level!r} is not one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Readable() if handler.stream.isatty() else JsonLines())
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = (
        False  # never shown, half of a record's cost
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel("DEBUG" if level == "debug" else "WARNING")


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC, milliseconds), level, then the record's fields, or logger and message."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time": timestamp(record.created), "level": record.levelname.lower()}
        fields = getattr(record, "fields", None)
        line |= fields if fields is not None else {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return dump(line).decode()


class Readable(logging.Formatter):
    """`12:00:01 info  Converse 200 outcrop.pebble-v1 12 ms, ...`, with a traceback on the lines that follow."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None)
        text = request_text(fields) if fields is not None else record.getMessage()
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname.lower():<7} {text.translate(_VISIBLE)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def request_text(fields: dict[str, Any]) -> str:
    """A request's line in words."""
    head = [fields.get("operation"), fields.get("status"), fields.get("errorCode"), fields.get("modelId")]
    tail = [
        _if(fields, "latencyMs", "{:.0f} ms"),
        _if(fields, "firstTokenMs", "first token {:.0f} ms"),
        _if(fields, "inputTokens", "{} in"),
        _if(fields, "outputTokens", "{} out"),
        _if(fields, "stopReason", "{}"),
        _if(fields, "requestId", "{}"),
        *(f"{cause['type']} at {(cause['at'] or ['?'])[-1]}" for cause in fields.get("cause", ())),
    ]
    return f"{' '.join(str(part) for part in head if part)}  {', '.join(part for part in tail if part)}"


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds: 2026-11-21T22:00:00.123Z."""
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


def dump(value: Any, default: Callable[[Any], str] = str) -> bytes:
    """JSON on one line; what JSON has no word for is written as `default` says."""
    try:
        return orjson.dumps(value, default=default)
    except TypeError:  # a lone surrogate or an integer past 64 bits, which orjson refuses: the surrogate becomes ?
        return json.dumps(value, default=default, ensure_ascii=False).encode(errors="replace")


_last_second: tuple[int, str] = (0, "1970-01-01T00:00:00")


def _second(whole: int) -> str:
    """The part of a time stamp that a thousand lines share."""
    global _last_second
    if _last_second[0] != whole:
        _last_second = whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return _last_second[1]


def _if(fields: dict[str, Any], name: str, form: str) -> str | None:
    return None if fields.get(name) is None else form.format(fields[name])
