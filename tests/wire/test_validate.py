"""Constraints: every one in the four models is broken once, and the message says which; wording as Bedrock's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from outcrop.errors import ValidationException
from outcrop.wire import spec, validate
from outcrop.wire.spec import Shape

from .generate import Generator

SERVICES = spec.services()


def inputs(service: spec.Service) -> list[Shape]:
    """Every shape that an input holds."""
    found: dict[str, Shape] = {}
    waiting = [operation.input for operation in service.operations()]
    while waiting:
        shape = waiting.pop()
        if shape.name not in found and not shape.is_event_stream:
            found[shape.name] = shape
            waiting += [member.shape for member in shape.members.values()]
            waiting += [shape.item.shape] if shape.type == "list" else []
            waiting += [shape.key.shape, shape.value.shape] if shape.type == "map" else []
    return [shape for shape in found.values() if not shape.is_document]


def breaches(shape: Shape) -> Iterator[tuple[Any, str]]:
    """Values that break one constraint of a shape each, and what the message must say of it."""
    yield from BREACHES.get(shape.type, lambda shape: iter(()))(shape)


def _strings(shape: Shape) -> Iterator[tuple[Any, str]]:
    if shape.enum:
        yield "no-such-value", f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        return
    low, high = shape.traits.get("min", 0), shape.traits.get("max")
    if low:
        yield "a" * (low - 1), f"Member must have length greater than or equal to {low}"
    if high is not None:
        yield "a" * (high + 1), f"Member must have length less than or equal to {high}"
    pattern = shape.traits.get("pattern", "")
    for odd in ("\ud7ff\n\u0000", "", "\x00"):
        if pattern and pattern not in ANYTHING and low <= len(odd) <= (high or 99) and not _fits(shape, odd):
            yield odd, f"Member must satisfy regular expression pattern: {pattern}"
            return


def _fits(shape: Shape, text: str) -> bool:
    from outcrop.wire.pattern import compile_pattern

    return compile_pattern(shape.traits["pattern"]).matches(text)


ANYTHING = (r"[\s\S]*", r"[\s\S]+", r"[\S\s]+", ".*")


def _numbers(shape: Shape) -> Iterator[tuple[Any, str]]:
    if "min" in shape.traits:
        yield shape.traits["min"] - 1, "Member must have value greater than or equal to "
    if "max" in shape.traits:
        yield shape.traits["max"] + 1, "Member must have value less than or equal to "


def _sizes(shape: Shape) -> Iterator[tuple[Any, str]]:
    low, high = shape.traits.get("min", 0), shape.traits.get("max")
    if low:
        yield _filled(shape, low - 1), f"Member must have length greater than or equal to {low}"
    if high is not None and high < 10_000:
        yield _filled(shape, high + 1), f"Member must have length less than or equal to {high}"


def _filled(shape: Shape, size: int) -> Any:
    generator = Generator(False)
    if shape.type == "blob":
        return b"x" * size
    if shape.type == "map":
        return {f"{at}": generator.value(shape.value.shape, 9) for at in range(size)}
    return [generator.value(shape.item.shape, 9) for _ in range(size)]


def _structures(shape: Shape) -> Iterator[tuple[Any, str]]:
    whole = Generator(False).value(shape, 9)
    for name in shape.required:
        yield {key: value for key, value in whole.items() if key != name}, "Member must not be null"
    if shape.is_union and len(shape.members) > 1:
        both = [Generator(False, turn).value(shape, 1) for turn in range(2)]
        yield {**both[0], **both[1]}, "Member must have exactly one of these set: ["
        yield {}, "Member must have exactly one of these set: ["


BREACHES = {
    "string": _strings,
    "integer": _numbers,
    "long": _numbers,
    "float": _numbers,
    "double": _numbers,
    "list": _sizes,
    "map": _sizes,
    "blob": _sizes,
    "structure": _structures,
}
EVERY = [(shape, value, says) for service in SERVICES for shape in inputs(service) for value, says in breaches(shape)]


def test_there_are_as_many_breaches_as_the_models_have_constraints() -> None:
    kinds = {says.split(" ")[2] + shape.type for shape, _, says in EVERY}
    assert len(EVERY) > 2000
    assert {
        "havestring",
        "satisfystring",
        "havelist",
        "haveinteger",
        "havefloat",
        "notstructure",
        "havestructure",
    } <= kinds


@pytest.mark.parametrize("service", spec.SERVICES)
def test_every_constraint_is_seen_when_it_is_broken(service: str) -> None:
    unseen = []
    for shape, value, says in EVERY:
        if repr(shape).split(" ")[1].startswith(f"{service}."):
            found = validate.faults(shape, value) or []
            if not any(fault.constraint.startswith(says) for fault in found):
                unseen.append((shape, says, found))
    assert not unseen


@pytest.mark.parametrize("service", spec.SERVICES)
def test_what_keeps_to_its_constraints_is_let_through(service: str) -> None:
    for operation in spec.load(service).operations():
        for generator in (Generator(False), Generator(True), Generator(True, 1)):
            value = generator.value(operation.output)
            if not operation.output_stream:
                assert not validate.faults(operation.output, value), operation


# ------------------------------------------------------------------ wording

CONVERSE = spec.load("bedrock-runtime").operation("Converse").input


def said(value: dict[str, Any]) -> str:
    with pytest.raises(ValidationException) as caught:
        validate.require(CONVERSE, {"modelId": "m", **value})
    return caught.value.message


def test_a_number_out_of_range_is_quoted() -> None:
    assert said({"inferenceConfig": {"temperature": 1.5}}) == (
        "1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: "
        "Member must have value less than or equal to 1"
    )


def test_places_in_lists_count_from_one() -> None:
    tools = [{"toolSpec": {"name": name, "inputSchema": {"json": {}}}} for name in ("fine", "not fine")]
    assert said({"toolConfig": {"tools": tools}}) == (
        "1 validation error detected: Value 'not fine' at 'toolConfig.tools.2.member.toolSpec.name' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
    )


def test_an_empty_list_is_not_quoted() -> None:
    assert said({"toolConfig": {"tools": []}}) == (
        "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_several_faults_are_counted_and_listed() -> None:
    message = said({"messages": [{"role": "nobody", "content": [{"text": ""}]}], "inferenceConfig": {"maxTokens": 0}})
    assert message.startswith("2 validation errors detected: Value 'nobody' at ")
    assert "'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [" in message
    assert "; Value '0' at 'inferenceConfig.maxTokens' failed" in message


def test_a_missing_member_is_null() -> None:
    assert said({"messages": [{"role": "user"}]}) == (
        "1 validation error detected: Value null at 'messages.1.member.content' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_a_null_in_a_list_is_refused() -> None:
    assert "Value null at 'messages.1.member' failed" in said({"messages": [None]})


def test_a_null_in_a_map_is_refused() -> None:
    assert "Value null at 'requestMetadata.k' failed" in said({"requestMetadata": {"k": None}})


def test_keys_of_maps_are_checked() -> None:
    assert "at 'requestMetadata' failed to satisfy constraint: Map keys must satisfy" in said(
        {"requestMetadata": {"\n\x00": "v"}}
    )


def test_sensitive_values_are_not_repeated() -> None:
    create = spec.load("bedrock").operation("CreateGuardrail").input
    assert create.members["blockedInputMessaging"].shape.is_sensitive
    value = Generator(False).value(create) | {"blockedInputMessaging": "secret" * 1000}
    message = validate.message(validate.faults(create, value) or [])
    assert "secret" not in message
    assert "Value at 'blockedInputMessaging' failed" in message


def test_values_inside_a_sensitive_structure_are_not_repeated() -> None:
    shape = spec.load("bedrock-runtime").operation("ApplyGuardrail").input
    sensitive = [
        held for held in inputs(spec.load("bedrock-runtime")) if held.is_sensitive and held.type == "structure"
    ]
    assert sensitive
    assert shape
    for held in sensitive:
        for value, _ in _structures(held):
            assert not any(
                fault.shown.strip("' ") for fault in validate.faults(held, value) or [] if fault.shown != "null "
            )


def test_long_values_are_clipped() -> None:
    message = said({"toolConfig": {"tools": [{"toolSpec": {"name": "n " * 5000, "inputSchema": {"json": {}}}}]}})
    assert len(message) < 1000


def test_a_thousand_faults_make_a_short_message() -> None:
    message = said({"messages": [{"role": "x", "content": []}] * 1000})
    assert message.startswith("1000 validation errors detected")
    assert len(message) < 5000
