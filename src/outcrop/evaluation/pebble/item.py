"""One question of the scorecard: a conversation (Converse messages) and a function that marks the reply.

Knows nothing of how a model is reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random


@dataclass
class Reply:
    """What a model gave back, and how many tokens it read and wrote; or why it gave nothing."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, dict]] = field(default_factory=list)
    read: int = 0
    written: int = 0
    error: str = ""


@dataclass
class Item:
    """One question: ``mark`` says whether a reply is right. ``part`` tells the two figures of a row apart."""

    messages: list[dict]
    mark: Callable[[Reply], bool]
    part: str = ""
    system: str = ""
    tools: list[dict] = field(default_factory=list)
    schema: dict | None = None


def user(text: str) -> dict:
    return {"role": "user", "content": [{"text": text}]}


def assistant(text: str) -> dict:
    return {"role": "assistant", "content": [{"text": text}]}


def says(*wanted: str) -> Callable[[Reply], bool]:
    """The reply is free of tool calls and contains every wanted text, whatever the case."""
    return lambda reply: not reply.calls and all(has(reply.text, w) for w in wanted)


def has(text: str, wanted: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(wanted.lower())}(?!\w)", text.lower()) is not None


def value(rng: Random, pool: list[str] | str) -> str:
    """A value of a pool of words, or a number of two to four digits."""
    return str(rng.randint(11, 9999)) if pool == "number" else rng.choice(pool)
