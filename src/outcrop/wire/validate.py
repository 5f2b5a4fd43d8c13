"""The constraints of a service model: required, length, range, pattern, enum and union, compiled once a shape.

Knows nothing of JSON or HTTP: it looks at parsed values. Wording follows what Bedrock answers, collected from issues
of its clients: `Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value
less than or equal to 1`. Values of sensitive shapes are never repeated in a message, long ones are clipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..errors import ValidationException
from .pattern import compile_pattern
from .spec import Shape

CLIP = 64
"""Characters of an offending value that a message repeats."""
MOST_FAULTS = 10
"""Faults that a message lists; the count names all of them."""


class Fault(NamedTuple):
    """One broken constraint. `shown` is the value as the message quotes it, empty where it must not be."""

    path: str
    shown: str
    constraint: str

    def under(self, parent: str, sensitive: bool = False) -> Fault:
        path = f"{parent}.{self.path}" if self.path else parent
        return Fault(path, "" if sensitive else self.shown, self.constraint)

    def __str__(self) -> str:
        return f"Value {self.shown}at '{self.path}' failed to satisfy constraint: {self.constraint}"


Faults = list[Fault] | None
Check = Callable[[Any], Faults]
"""What is wrong with a value, None when nothing is."""

_checks: dict[Shape, Check | None] = {}


def require(shape: Shape, value: Any) -> None:
    """Raise ValidationException when a parsed value breaks its shape's constraints."""
    found = faults(shape, value)
    if found:
        raise ValidationException(message(found))


def faults(shape: Shape, value: Any) -> Faults:
    """Every broken constraint of a parsed value; None or empty when it is well formed."""
    check = checker(shape)
    return check(value) if check else None


def message(found: list[Fault]) -> str:
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
    return f"{count}: {'; '.join(map(str, found[:MOST_FAULTS]))}"


def checker(shape: Shape) -> Check | None:
    """The compiled check of a shape; None when nothing can be wrong with it."""
    if shape not in _checks:
        _checks[shape] = None if shape.is_document or shape.is_event_stream else _COMPILERS[shape.type](shape)
    return _checks[shape]


def _structure(shape: Shape) -> Check | None:
    required, union, sensitive = frozenset(shape.required), shape.is_union, shape.is_sensitive
    members: dict[str, Check] = {}

    def check(value: dict[str, Any]) -> Faults:
        found: list[Fault] = []
        if not required <= value.keys():
            found.extend(Fault(name, "null ", NOT_NULL) for name in shape.required if name not in value)
        if union and len(value) != 1:
            found.append(one_of)
        for name, item in value.items():
            if name in members and (wrong := members[name](item)):
                found.extend(fault.under(name, sensitive) for fault in wrong)
        return found

    one_of = Fault("", "", f"Member must have exactly one of these set: [{', '.join(shape.members)}]")
    _checks[shape] = check  # before its members: shapes may hold themselves
    members.update((name, found) for name, member in shape.members.items() if (found := checker(member.shape)))
    return check if required or union or members else None


def _list(shape: Shape) -> Check:
    check_item, check_length = checker(shape.item.shape), _length(shape)

    def check(value: list[Any]) -> Faults:
        found = check_length(value) or []
        if None in value:
            found.extend(Fault(f"{at}.member", "null ", NOT_NULL) for at, item in enumerate(value, 1) if item is None)
        elif check_item:
            for at, item in enumerate(value, 1):
                if wrong := check_item(item):
                    found.extend(fault.under(f"{at}.member", shape.is_sensitive) for fault in wrong)
        return found

    return check


def _map(shape: Shape) -> Check:
    check_key, check_value, check_length = checker(shape.key.shape), checker(shape.value.shape), _length(shape)

    def check(value: dict[str, Any]) -> Faults:
        found = check_length(value) or []
        for key, item in value.items():
            if check_key and (wrong := check_key(key)):
                found.append(Fault("", "", f"Map keys must satisfy constraint: [{_constraints(wrong)}]"))
            if item is None:
                found.append(Fault(clip(key), "null ", NOT_NULL))
            elif check_value and (wrong := check_value(item)):
                found.extend(fault.under(f"{clip(key)}.member", shape.is_sensitive) for fault in wrong)
        return found

    return check


def _string(shape: Shape) -> Check | None:
    parts = [part for part in (_length(shape), _enum(shape), _pattern(shape)) if part]
    if len(parts) < 2:
        return parts[0] if parts else None

    def check(value: str) -> Faults:
        found: list[Fault] = []
        for part in parts:
            if wrong := part(value):
                found.extend(wrong)
        return found

    return check


def _length(shape: Shape) -> Check:
    low, high = shape.traits.get("min", 0), shape.traits.get("max", float("inf"))
    show = _shower(shape)

    def check(value: Any) -> Faults:
        if low <= len(value) <= high:
            return None
        bound = f"less than or equal to {high}" if len(value) > high else f"greater than or equal to {low}"
        return [Fault("", show(value), f"Member must have length {bound}")]

    return check


def _number(shape: Shape) -> Check | None:
    low, high = shape.traits.get("min", float("-inf")), shape.traits.get("max", float("inf"))
    show = _shower(shape)

    def check(value: float) -> Faults:
        if low <= value <= high:
            return None
        bound = f"less than or equal to {_plain(high)}" if value > high else f"greater than or equal to {_plain(low)}"
        return [Fault("", show(value), f"Member must have value {bound}")]

    return check if "min" in shape.traits or "max" in shape.traits else None


def _enum(shape: Shape) -> Check | None:
    allowed, show = frozenset(shape.enum), _shower(shape)

    def check(value: str) -> Faults:
        if value in allowed:
            return None
        return [Fault("", show(value), f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")]

    return check if allowed else None


def _pattern(shape: Shape) -> Check | None:
    if "pattern" not in shape.traits:
        return None
    source, show = shape.traits["pattern"], _shower(shape)
    pattern = compile_pattern(source)
    longest = shape.traits.get("max", pattern.longest)

    def check(value: str) -> Faults:
        if len(value) > longest:
            # Too long is either said by the length check, or longer than this pattern can be tried on safely.
            too_long = f"Member must have length less than or equal to {longest}"
            return None if "max" in shape.traits else [Fault("", show(value), too_long)]
        if pattern.matches(value):
            return None
        return [Fault("", show(value), f"Member must satisfy regular expression pattern: {source}")]

    return check


def _free(_: Shape) -> None:
    return None


NOT_NULL = "Member must not be null"

_COMPILERS: dict[str, Callable[[Shape], Check | None]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "blob": _length,
    "integer": _number,
    "long": _number,
    "short": _number,
    "byte": _number,
    "float": _number,
    "double": _number,
    "boolean": _free,
    "timestamp": _free,
}


def _shower(shape: Shape) -> Callable[[Any], str]:
    """How messages quote values of a shape: scalars that are not sensitive, clipped."""
    if shape.is_sensitive or shape.type in ("list", "map", "blob"):
        return lambda value: ""
    return lambda value: f"'{clip(str(value))}' "


def clip(text: str) -> str:
    return text if len(text) <= CLIP else f"{text[:CLIP]}..."


def _constraints(found: Iterable[Fault]) -> str:
    return ", ".join(fault.constraint for fault in found)


def _plain(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)
