"""The models' patterns: all of them compile, mean what Java means, and none can be made to run for long."""

from __future__ import annotations

import itertools
import re
import time
import warnings

import pytest

from outcrop.wire import spec
from outcrop.wire.pattern import CAREFUL_LENGTH, CORRECTED, compile_pattern, translate

ARN = "arn:aws:bedrock:us-east-1:123456789012:"
PREFIXES = (
    "",
    "a",
    ARN,
    f"{ARN}custom-model/",
    "s3://aa/",
    "https://a",
    "arn:aws:lambda:us-east-1:123456789012:function:",
)
UNITS = ("a", "0", "-", ".", ":", "_", "/", "a-", "a.", ":1", "a/", "a_", "1:", " ")


def patterns() -> dict[str, int]:
    """Every pattern with the longest string it is tried on."""
    found: dict[str, int] = {}
    for service in spec.services():
        for name in service._shapes:
            shape = service.shape(name)
            if source := shape.traits.get("pattern"):
                longest = min(shape.traits.get("max", 10**9), compile_pattern(source).longest, 20_000)
                found[source] = max(found.get(source, 0), int(longest))
    return found


def test_every_pattern_compiles_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(patterns()) > 200


def test_no_pattern_can_be_made_to_run_for_long() -> None:
    """Strings that make backtracking explode: long runs after a fitting start, with an end that never fits."""
    slow = {}
    for source, longest in patterns().items():
        pattern = compile_pattern(source)
        for prefix, unit in itertools.product(PREFIXES, UNITS):
            text = (prefix + unit * longest)[: longest - 1] + "\x00"
            started = time.process_time()
            pattern.matches(text)
            if (took := time.process_time() - started) > 0.5:
                slow[source] = (prefix, unit, took)
                break
    assert not slow


REWRITTEN = [
    ("[a-zA-Z0-9](-*[a-zA-Z0-9\\+\\-\\.])*", "a-.x"),
    ("[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\\+\\-\\.]){0,63}", "a-.x"),
    (r".*\..*\..*", "a.\n"),
    (".*[a-z]{1,20}/.{1,20}.*", "a/0\n"),
    (r"^[a-zA-Z0-9/*][a-zA-Z0-9\-_/*]*(?::[a-zA-Z0-9\-_/*]+)*[a-zA-Z0-9\-_/*]*$", "a:/ "),
    (r"^[a-zA-Z0-9][a-zA-Z0-9\-_/]*(?::[a-zA-Z0-9\-_/]+)*[a-zA-Z0-9\-_/]*$", "a:/ "),
]


@pytest.mark.parametrize(("source", "letters"), REWRITTEN)
def test_a_rewritten_pattern_means_what_it_meant(source: str, letters: str) -> None:
    assert any(part in source for part in CORRECTED)
    assert translate(source) != source
    for size in range(7):
        for text in map("".join, itertools.product(letters, repeat=size)):
            assert compile_pattern(source).matches(text) == bool(re.fullmatch(source, text)), text


def test_digits_spaces_and_words_are_ascii_as_in_java() -> None:
    assert compile_pattern(r"\d").matches("7")
    assert not compile_pattern(r"\d").matches("\u0667")
    assert not compile_pattern(r"\S*").matches("a b")
    assert compile_pattern(r"\S*").matches("a\u00a0b")


def test_categories() -> None:
    name = compile_pattern(r"\p{L}[\p{L}\p{M}0-9_]*( [\p{L}\p{M}0-9_]+)*")
    assert name.matches("\u00c5ngstr\u00f6m \u0391\u0301 \u4e2d_1")
    assert not name.matches("1a")
    assert not name.matches("a\u2028b")
    for source in (r"[^\p{C}]*", r"^\P{C}*$"):
        assert compile_pattern(source).matches("any text \U0001f600")
        assert not compile_pattern(source).matches("a\nb")
        assert not compile_pattern(source).matches("a\u200bb")


def test_a_whole_string_must_match() -> None:
    assert not compile_pattern("[a-z]+").matches("abc\n")
    assert not compile_pattern("^[a-z]+$").matches("abc\n")
    assert not compile_pattern("[a-z]+").matches("1abc")


def test_patterns_that_may_backtrack_are_careful() -> None:
    assert compile_pattern(r"[\s\S]+").longest == float("inf")
    assert compile_pattern(r"([0-9a-zA-Z][_-]?)+").longest == CAREFUL_LENGTH


def test_agents_can_be_tagged() -> None:
    shape = spec.load("bedrock-agent").operation("TagResource").input.members["resourceArn"].shape
    pattern = compile_pattern(shape.traits["pattern"])
    assert pattern.matches(f"{ARN}agent/ABCDEFGHIJ")
    assert pattern.matches(f"{ARN}prompt/ABCDEFGHIJ:12")
    assert not pattern.matches(f"{ARN}guardrail/ABCDEFGHIJ")
