"""One line of training data: what can be wrong with it, and the checks that all formats share.

Knows no format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


class Fault(Exception):
    """What is wrong with one line."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write an example. `name` is how it is shown; a line is of the first format whose `marks` it has."""

    name: str
    marks: frozenset[str]
    read: Callable[[Row], Row]


def only(line: Row, *known: str) -> None:
    if unknown := line.keys() - set(known):
        raise Fault(f"the key {min(unknown)!r} is unknown; known: {', '.join(known)}")


def text(line: Mapping[str, Any], key: str) -> str:
    if key not in line:
        raise Fault(f"{key} is missing")
    value = line[key]
    if not isinstance(value, str):
        raise Fault(f"{key} is not a string")
    if not value.strip():
        raise Fault(f"{key} is empty")
    return value


def entries(line: Row, key: str) -> list[Any]:
    value = line.get(key)
    if not isinstance(value, list) or not value:
        raise Fault(f"{key} is not a list with at least one entry")
    return value
