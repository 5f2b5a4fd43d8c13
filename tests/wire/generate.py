"""Deterministic parameters for any shape of a service model, within its constraints: smallest or fullest.

Knows nothing of Outcrop's validator, which it helps to judge; strings for a pattern are grown from the pattern's
own syntax tree and checked with `re`.
"""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from functools import cache
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from outcrop.wire.pattern import translate
from outcrop.wire.spec import Member, Shape

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DEEPEST = 6
"""Recursive shapes stop here: below it only required members are filled in."""
WEIGHTS = {"structure": 1, "list": 2, "map": 2}
ALPHABET = "abcdeXYZ019"
DOCUMENT = {"text": "any \u00e9", "list": [1, 2.5, None, True], "nested": {"a": {}}}


class Generator:
    """Fills in shapes. `full` fills in optional members too; `turn` chooses the member of a union."""

    def __init__(self, full: bool, turn: int = 0) -> None:
        self.full, self.turn = full, turn

    def value(self, shape: Shape, depth: int = 0) -> Any:
        if shape.is_document:
            return DOCUMENT
        return getattr(self, f"_{shape.type}")(shape, depth)

    def _structure(self, shape: Shape, depth: int) -> dict[str, Any]:
        chosen = self._union(shape, depth) if shape.is_union else self._members(shape, depth)
        return {member.name: self._member(member, depth) for member in chosen}

    def _member(self, member: Member, depth: int) -> Any:
        if member.is_json:
            return '{"a":1}'
        value = self.value(member.shape, depth + 1)
        in_query = member.location == "querystring" and member.shape.type == "list"
        return value or [self.value(member.shape.item.shape)] if in_query else value

    def _union(self, shape: Shape, depth: int) -> list[Member]:
        pool = list(shape.members.values())
        if depth > DEEPEST:
            lightest = min(WEIGHTS.get(member.shape.type, 0) for member in pool)
            pool = [member for member in pool if WEIGHTS.get(member.shape.type, 0) == lightest]
        return [pool[self.turn % len(pool)]]

    def _members(self, shape: Shape, depth: int) -> list[Member]:
        wanted = shape.members if self.full and depth <= DEEPEST else shape.required
        return [member for name, member in shape.members.items() if name in wanted]

    def _list(self, shape: Shape, depth: int) -> list[Any]:
        return [self.value(shape.item.shape, depth + 1) for _ in range(self._size(shape, depth))]

    def _map(self, shape: Shape, depth: int) -> dict[str, Any]:
        size = min(self._size(shape, depth), 1 if shape.key.shape.enum else 99)
        return {self._key(shape.key.shape, at): self.value(shape.value.shape, depth + 1) for at in range(size)}

    def _key(self, shape: Shape, at: int) -> str:
        return self._string(shape, 0) if shape.enum or at == 0 else text(shape, at)

    def _size(self, shape: Shape, depth: int) -> int:
        low = shape.traits.get("min", 0)
        return max(low, 1) if self.full and depth <= DEEPEST else low

    def _string(self, shape: Shape, depth: int) -> str:
        return shape.enum[self.turn % len(shape.enum)] if shape.enum else text(shape, 0)

    def _blob(self, shape: Shape, depth: int) -> bytes:
        return b"\x00\xff{" + b"b" * (shape.traits.get("min", 0) - 3)

    def _boolean(self, shape: Shape, depth: int) -> bool:
        return not self.turn % 2

    def _timestamp(self, shape: Shape, depth: int) -> datetime:
        return MOMENT

    def _integer(self, shape: Shape, depth: int) -> int:
        low, high = shape.traits.get("min", 0), shape.traits.get("max", 7)
        return int(high if self.full else low)

    _long = _integer

    def _double(self, shape: Shape, depth: int) -> float:
        low, high = shape.traits.get("min", 0.25), shape.traits.get("max", 2.5)
        return float(high if self.full else low)

    _float = _double


@cache
def text(shape: Shape, variant: int) -> str:
    """A string that satisfies a shape's length and pattern."""
    low, high = shape.traits.get("min", 0), shape.traits.get("max", 10**9)
    dice = random.Random(f"{shape.name}{variant}")
    if "pattern" not in shape.traits:
        return "".join(dice.choices(ALPHABET, k=min(max(low, 3 + variant), high)))
    source = translate(shape.traits["pattern"])
    grow = Growth(parser.parse(source), dice)
    for attempt in range(4000):
        found = grow.string(1 + attempt % max(2, min(low + 2, 64)))
        if max(low, 1) <= len(found) <= high and re.fullmatch(source, found, re.ASCII):
            return found
    raise AssertionError(f"no string found for {shape}: {source}")


class Growth:
    """Writes strings that match a parsed pattern."""

    def __init__(self, tree: Any, dice: random.Random) -> None:
        self.tree, self.dice = tree, dice

    def string(self, repeats: int) -> str:
        self.repeats = repeats
        return self._sequence(self.tree)

    def _sequence(self, tree: Any) -> str:
        return "".join(getattr(self, f"_{kind.name.lower()}")(what) for kind, what in tree)

    def _literal(self, what: int) -> str:
        return chr(what)

    def _not_literal(self, what: int) -> str:
        return self.dice.choice([char for char in ALPHABET if ord(char) != what])

    def _any(self, what: None) -> str:
        return self.dice.choice(ALPHABET)

    def _in(self, items: Any) -> str:
        if items[0][0] is constants.NEGATE:
            return self.dice.choice(ALPHABET)
        kind, what = self.dice.choice(items)
        if kind is constants.CATEGORY:
            return self._category(what)
        return chr(self.dice.randint(*what)) if kind is constants.RANGE else chr(what)

    def _category(self, what: Any) -> str:
        return {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " "}.get(what.name, "a")

    def _branch(self, what: Any) -> str:
        return self._sequence(self.dice.choice(what[1]))

    def _subpattern(self, what: Any) -> str:
        return self._sequence(what[3])

    def _max_repeat(self, what: Any) -> str:
        low, high, inner = what
        times = self.dice.randint(low, min(int(high), max(low, self.repeats)))
        return "".join(self._sequence(inner) for _ in range(times))

    def _at(self, what: Any) -> str:
        return ""

    def _assert_not(self, what: Any) -> str:
        return ""
