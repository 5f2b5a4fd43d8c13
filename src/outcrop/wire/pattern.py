"""The Java regular expressions of the service models as Python ones, matched against a whole string.

Knows nothing of shapes. Three differences matter: Java's \\d, \\s and \\w are ASCII (so re.ASCII), \\p{L}, \\p{M} and
\\p{C} must be spelt out, and neither engine is safe from patterns that backtrack, so these carry a length limit.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby

CAREFUL_LENGTH = 2048
"""Longest string tried on a pattern whose time may grow faster than its input, where the model sets no limit."""

CORRECTED = {
    # The agents' TaggableResourcesArn says /d where \d is meant: as written no ARN of an agent could be tagged.
    r":/d{12}:": r":[0-9]{12}:",
    r"(?::/d+)?": r"(?::[0-9]+)?",
    # The rest mean the same as what they replace, but their time does not explode on a text made to be slow.
    r"(-*[a-zA-Z0-9\+\-\.])*": r"[a-zA-Z0-9+.-]*",
    r"{1,63}(-*[a-zA-Z0-9\+\-\.]){0,63}": r"[a-zA-Z0-9+.-]*",  # its shape is at most 63 long
    r".*\..*\..*": r"[^.\n]*\.[^.\n]*\..*",
    r".*[a-z]{1,20}/.{1,20}.*": r".*[a-z]/.+",
    r"(?::[a-zA-Z0-9\-_/*]+)*[a-zA-Z0-9\-_/*]*$": r"(?::[a-zA-Z0-9\-_/*]+)*$",
    r"(?::[a-zA-Z0-9\-_/]+)*[a-zA-Z0-9\-_/]*$": r"(?::[a-zA-Z0-9\-_/]+)*$",
    # This one is narrower: an ARN's fields hold no colon.
    r"arn:aws(?:-us-gov|-cn|-iso|-iso-[a-z])*:.+:.*:\d+:.+/.+$": r"arn:aws(?:-[a-z-]+)?:[^:]+:[^:]*:\d+:[^/]+/.+",
}
"""Parts of the models' patterns that cannot be used as they are written, and what stands in for them."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; strings longer than `longest` should not be tried on it."""

    compiled: re.Pattern[str]
    longest: float

    def matches(self, text: str) -> bool:
        return self.compiled.fullmatch(text) is not None


@cache
def compile_pattern(source: str) -> Pattern:
    """Raises re.error for a pattern that Python cannot read (a test compiles all of them)."""
    return Pattern(re.compile(translate(source), re.ASCII), float("inf") if _is_linear(source) else CAREFUL_LENGTH)


def translate(source: str) -> str:
    """A Java pattern in Python's syntax."""
    for part, stand_in in CORRECTED.items():
        source = source.replace(part, stand_in)
    return re.sub(r"\[[^\]\\]*(?:\\.[^\]\\]*)*\]|\\[pP]\{\w\}", _spell_out, source)


def _spell_out(match: re.Match[str]) -> str:
    text = match[0]
    if not text.startswith("["):
        return f"[{_category(text)}]"
    return re.sub(r"\\[pP]\{\w\}", lambda inner: _category(inner[0]), text)


def _category(text: str) -> str:
    return _ranges(text[3], text[1] == "P")


@cache
def _ranges(category: str, others: bool) -> str:
    """The characters of a Unicode category (or all others) as the inside of a character class; 0.2 s, once."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in _runs(category, others))


def _runs(category: str, others: bool) -> Iterator[tuple[int, int]]:
    points = range(sys.maxunicode + 1)
    for is_in, run in groupby(points, lambda point: unicodedata.category(chr(point)).startswith(category) != others):
        if is_in:
            first = next(run)
            yield first, first + sum(1 for _ in run)


def _is_linear(source: str) -> bool:
    """A single character class, repeated or not: no way to backtrack."""
    return re.fullmatch(r"\^?(\[[^\]\\]*(?:\\.[^\]\\]*)*\]|\.|\\\w)([*+]|\{\d+(,\d*)?\})?\$?", source) is not None
