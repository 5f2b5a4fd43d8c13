"""What bodies of several families have in common: a table of keys, how a fault in one is told, answers as plain text.

Is no dialect and knows none. Bedrock checks bodies against a JSON schema (its validator is everit's) and answers in
that validator's words: `#/temperature: 3 is not less or equal to 1`, `#: extraneous key [x] is not permitted`, several
faults one after another. They are collected from issues of clients (dify, koog, ruby_llm, autoflow).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from ..errors import ValidationException
from ..turn import Delta, Reply

MOST_FAULTS = 10
CLIP = 64
"""Faults that a message lists, and characters of a value that it repeats."""

MAX_TOKENS = ("inferenceConfig", "maxTokens")
TEMPERATURE = ("inferenceConfig", "temperature")
TOP_P = ("inferenceConfig", "topP")
STOP = ("inferenceConfig", "stopSequences")
TOP_K = ("additionalModelRequestFields", "top_k")


def additional(name: str) -> tuple[str, str]:
    """The place of what Converse has no word for, or of a temperature that may go above its 1."""
    return ("additionalModelRequestFields", name)


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a body: what its value may be, and where it is copied to in the turn.

    `low` and `high` bound a number, the length of a string or the count of an array; `keys` are the only ones of an
    object, `values` all of its values, `items` those of an array.
    """

    type: str
    place: tuple[str, str] | None = None
    low: float | None = None
    high: float | None = None
    required: bool = False
    options: tuple[Any, ...] = ()
    items: Field | None = None
    values: Field | None = None
    keys: Mapping[str, Field] | None = None


ANY = "Any"
TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Boolean": (bool,),
    "Integer": (int,),
    "Number": (int, float),
    "JSONArray": (list,),
    "JSONObject": (dict,),
}
FOUND = {
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "BigDecimal",
    list: "JSONArray",
    dict: "JSONObject",
    type(None): "Null",
}
"""Type of a value -> its name in a message."""

TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")

TEXT = Field("String", required=True)
TEXTS = Field("String", low=1)


def malformed(what: str) -> ValidationException:
    """Bedrock's words for a body that a model family cannot take."""
    return ValidationException(f"Malformed input request: {what}, please reformat your input and try again.")


def require(body: dict[str, Any], keys: Mapping[str, Field]) -> None:
    """Raise ValidationException that names every key at fault."""
    if found := [*islice(_faults(body, Field("JSONObject", keys=keys), "#"), MOST_FAULTS)]:
        raise malformed("".join(found))


def limit(body: dict[str, Any], keys: Mapping[str, Field]) -> None:
    """The same for those keys alone, whatever else the body has."""
    require({key: value for key, value in body.items() if key in keys}, keys)


def placed(body: Mapping[str, Any], keys: Mapping[str, Field]) -> dict[str, Any]:
    """The turn that those keys of a checked body make which are copied as they stand."""
    turn: dict[str, Any] = {}
    for name, entry in keys.items():
        if entry.place and name in body:
            group, member = entry.place
            turn.setdefault(group, {})[member] = body[name]
    return turn


def _faults(value: Any, entry: Field, at: str) -> Iterator[str]:
    if entry.type != ANY and type(value) not in TYPES[entry.type]:
        yield f"{at}: expected type: {entry.type}, found: {FOUND[type(value)]}"
    elif entry.options and value not in entry.options:
        yield f"{at}: {_shown(value)} is not a valid enum value"
    elif isinstance(value, dict):
        yield from _object(value, entry, at)
    elif isinstance(value, list):
        yield from _count(len(value), entry, at, ("minimum item count", "maximum item count", "found"))
        for place, item in enumerate(value if entry.items else ()):
            yield from _faults(item, entry.items or entry, f"{at}/{place}")
    elif isinstance(value, str):
        yield from _count(len(value), entry, at, ("minLength", "maxLength", "actual"))
    elif isinstance(value, (int, float)):
        yield from _range(value, entry, at)


def _object(value: dict[str, Any], entry: Field, at: str) -> Iterator[str]:
    keys = entry.keys
    if keys is not None:
        yield from (f"{at}: required key [{key}] not found" for key in keys if keys[key].required and key not in value)
        yield from (f"{at}: extraneous key [{key[:CLIP]}] is not permitted" for key in value if key not in keys)
    for key, item in value.items():
        if inner := (keys or {}).get(key, entry.values):
            yield from _faults(item, inner, f"{at}/{key[:CLIP]}")


def _count(count: int, entry: Field, at: str, words: tuple[str, str, str]) -> Iterator[str]:
    if entry.low is not None and count < entry.low:
        yield f"{at}: expected {words[0]}: {entry.low}, {words[2]}: {count}"
    if entry.high is not None and count > entry.high:
        yield f"{at}: expected {words[1]}: {entry.high}, {words[2]}: {count}"


def _range(value: float, entry: Field, at: str) -> Iterator[str]:
    if entry.low is not None and value < entry.low:
        yield f"{at}: {value} is not greater or equal to {entry.low}"
    if entry.high is not None and value > entry.high:
        yield f"{at}: {value} is not less or equal to {entry.high}"


def _shown(value: Any) -> str:
    return ("true" if value is True else "false" if value is False else str(value))[:CLIP]


def tool_id(id: str) -> str:
    """The id of a call as Converse takes it; another provider's may be longer or have other letters."""
    if TOOL_ID.fullmatch(id):
        return id
    return f"call_{hashlib.sha256(id.encode(errors='surrogatepass')).hexdigest()[:24]}"


# answers of plain text ---------------------------------------------------------------------------------------------


def said(reply: Reply) -> str:
    """The words of an answer; reasoning and calls have no place in plain text."""
    return "".join(block["text"] for block in reply["message"]["content"] if "text" in block)


class Piece(NamedTuple):
    """What a stream adds to an answer of plain text. The last piece, and no other, says why the answer stopped."""

    text: str = ""
    usage: Mapping[str, int] = {}
    """TokenUsage as far as it is known by then."""
    stop: str | None = None
    """Converse's stopReason."""
    stop_sequence: str | None = None
    first: bool = False
    """Whether no piece with words came before it."""


async def chunks(
    deltas: AsyncGenerator[Delta, None], write: Callable[[Piece], dict[str, Any]]
) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text and one for the end; reasoning and calls are left out, as in `said`.

    Closing it closes `deltas`.
    """
    told = _Told()
    async with aclosing(deltas):
        async for delta in deltas:
            if piece := told.piece(delta):
                yield write(piece)


@dataclass(slots=True)
class _Told:
    """What a stream has told so far."""

    usage: Mapping[str, int] = field(default_factory=dict)
    stop: dict[str, Any] = field(default_factory=dict)
    first: bool = True

    def piece(self, delta: Delta) -> Piece | None:
        """What the delta adds, if anything."""
        if "contentBlockDelta" in delta:
            return self._words(delta["contentBlockDelta"]["delta"].get("text", ""))
        if "messageStart" in delta:
            self.usage = delta["messageStart"].get("usage", {})
        elif "messageStop" in delta:
            self.stop = delta["messageStop"]
        elif "metadata" in delta:
            word = self.stop.get("additionalModelResponseFields", {}).get("stop_sequence")
            return Piece("", delta["metadata"]["usage"], self.stop["stopReason"], word, self.first)
        return None

    def _words(self, text: str) -> Piece | None:
        if not text:
            return None
        first, self.first = self.first, False
        return Piece(text, self.usage, first=first)
