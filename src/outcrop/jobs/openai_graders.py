"""Graders as OpenAI's reinforcement fine-tuning describes them: checked when a job is made, computed in its worker.

Knows nothing of HTTP: `ask` asks a model. Templates are `{{ item.path }}` (the line of data) and `{{ sample.path }}`
(the answer), nothing more. Source: developers.openai.com/api/docs/guides/graders.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import formula, similarity

Grader = dict[str, Any]
Ask = Callable[[Grader, list[dict[str, str]], dict[str, Any]], Any]
"""(grader, messages, JSON schema of `result`) -> the model's `result`; None where it gave none."""

TEMPLATE = re.compile(r"\{\{\s*(item|sample)\.([\w.\[\]-]+)\s*\}\}")
SAMPLE = ("output_text", "output_json")
OPERATIONS: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "like": lambda given, wanted: wanted in given,
    "ilike": lambda given, wanted: wanted.lower() in given.lower(),
}
SAMPLING = ("max_completions_tokens", "temperature", "top_p", "seed", "reasoning_effort")


class GraderFault(Exception):
    """What is wrong with a grader; `place` is where, below the grader."""

    def __init__(self, place: str, words: str) -> None:
        super().__init__(words)
        self.place = place


class Unreadable(Exception):
    """An answer, or a judgement of it, that cannot be read: it earns nothing."""


def check(grader: Any, place: str = "grader") -> None:
    """Raise GraderFault for a grader that cannot be computed here."""
    kind = KINDS.get(str(grader.get("type"))) if isinstance(grader, dict) else None
    if kind is None:
        raise GraderFault(f"{place}.type", f"expected one of {', '.join(KINDS)}")
    if unknown := grader.keys() - {"type", "name", *kind.needs, *kind.may}:
        raise GraderFault(f"{place}.{min(unknown)}", "is not known")
    for name in kind.needs:
        if not isinstance(grader.get(name), kind.needs[name]) or not grader[name]:
            raise GraderFault(f"{place}.{name}", "is missing or of the wrong type")
    kind.check(grader, place)
    for text in _texts(grader):
        _check_template(text, place)


def score(grader: Grader, item: dict[str, Any], answer: str, ask: Ask) -> float:
    """What the grader gives an answer. Raises Unreadable, and LookupError for what `item` does not have."""
    return KINDS[grader["type"]].score(grader, {"item": item, "sample": _sample(answer)}, ask)


def missing(grader: Grader, item: dict[str, Any]) -> list[str]:
    """What the grader reads of a line of data and the line does not have."""
    paths = [path for text in _texts(grader) for space, path in TEMPLATE.findall(text) if space == "item"]
    return [f"item.{path}" for path in dict.fromkeys(paths) if not _has(item, path)]


def models(grader: Grader) -> list[str]:
    """The models that judge."""
    return [one["model"] for one in (grader, *grader.get("graders", {}).values()) if "model" in one]


def _texts(grader: Grader) -> Iterator[str]:
    """Every text with templates."""
    for value in (grader.get("input"), grader.get("reference")):
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (_said(message) for message in value)
    for inner in grader.get("graders", {}).values():
        yield from _texts(inner)


# templates -------------------------------------------------------------------------------------------------------


def _check_template(text: str, place: str) -> None:
    for found in _braced(text):
        match = TEMPLATE.fullmatch(found)
        if match is None:
            raise GraderFault(place, f"the template {found[:80]} is neither {{{{item.NAME}}}} nor {{{{sample.NAME}}}}")
        if match[1] == "sample" and match[2].split(".")[0].split("[")[0] not in SAMPLE:
            raise GraderFault(place, f"the template {found[:80]}: a sample has {', '.join(SAMPLE)}")


def _braced(text: str) -> Iterator[str]:
    """What stands in double braces. A lazy pattern would look through to the end of the text from every brace."""
    start = text.find("{{")
    while start >= 0 and (end := text.find("}}", start + 2)) >= 0:
        yield text[start : end + 2]
        start = text.find("{{", end + 2)


def _sample(answer: str) -> dict[str, Any]:
    try:
        return {"output_text": answer, "output_json": json.loads(answer)}
    except (ValueError, RecursionError):
        return {"output_text": answer}


def _filled(text: str, spaces: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        try:
            found = _at(spaces[match[1]], match[2])
        except LookupError as error:
            if match[1] == "sample":
                raise Unreadable(match[0]) from error
            raise
        return found if isinstance(found, str) else json.dumps(found)

    return TEMPLATE.sub(value, text)


def _at(value: Any, path: str) -> Any:
    """LookupError where the path leads nowhere."""
    for part in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, list) and part.isdecimal():
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value[part]
        else:
            raise LookupError(path)
    return value


def _has(item: dict[str, Any], path: str) -> bool:
    try:
        _at(item, path)
    except LookupError:
        return False
    return True


# the kinds -------------------------------------------------------------------------------------------------------


def _one_of(grader: Grader, name: str, known: Any, place: str, why: dict[str, str]) -> None:
    if grader[name] not in known:
        reason = f" ({why[grader[name]]})" if grader[name] in why else ""
        raise GraderFault(f"{place}.{name}", f"{grader[name][:40]!r} is not one of {', '.join(known)}{reason}")


def _check_string(grader: Grader, place: str) -> None:
    _one_of(grader, "operation", OPERATIONS, place, {})


def _string(grader: Grader, spaces: dict[str, Any], ask: Ask) -> float:
    given, wanted = _filled(grader["input"], spaces), _filled(grader["reference"], spaces)
    return float(OPERATIONS[grader["operation"]](given, wanted))


def _check_similarity(grader: Grader, place: str) -> None:
    _one_of(grader, "evaluation_metric", similarity.METRICS, place, similarity.LEFT_OUT)


def _similarity(grader: Grader, spaces: dict[str, Any], ask: Ask) -> float:
    given, wanted = _filled(grader["input"], spaces), _filled(grader["reference"], spaces)
    return similarity.METRICS[grader["evaluation_metric"]](given, wanted)


def _said(message: Any) -> str:
    """The words of a message to a judge: a string, a part of text, or a list of both."""
    content = message.get("content") if isinstance(message, dict) else None
    parts = content if isinstance(content, list) else [content]
    words = [part.get("text") if isinstance(part, dict) else part for part in parts]
    told = [word for word in words if isinstance(word, str)]
    if not told or len(told) < len(words):
        raise GraderFault("grader.input", "a judge reads messages with a role and content of text")
    return "\n".join(told)


def _check_judge(grader: Grader, place: str) -> None:
    for message in grader["input"]:
        _said(message)
        if message.get("role") not in ("system", "developer", "user", "assistant"):
            raise GraderFault(f"{place}.input", "a message has no role of system, developer, user or assistant")
    sampling = grader.get("sampling_params") or {}
    if not isinstance(sampling, dict) or sampling.keys() - set(SAMPLING):
        raise GraderFault(f"{place}.sampling_params", f"known: {', '.join(SAMPLING)}")
    bounds = grader.get("range") or [0, 1]
    numbers = isinstance(bounds, list) and len(bounds) == 2 and all(map(_is_number, bounds))
    if not numbers or bounds[0] >= bounds[1]:
        raise GraderFault(f"{place}.range", "expected two numbers, the lower first")


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)


def _messages(grader: Grader, spaces: dict[str, Any]) -> list[dict[str, str]]:
    return [{"role": message["role"], "content": _filled(_said(message), spaces)} for message in grader["input"]]


def _judge(grader: Grader, spaces: dict[str, Any], ask: Ask) -> float:
    low, high = grader.get("range") or (0, 1)
    mark = ask(grader, _messages(grader, spaces), {"type": "number", "minimum": low, "maximum": high})
    if not _is_number(mark):
        raise Unreadable(repr(mark))
    return float(min(high, max(low, mark)))


def _check_label(grader: Grader, place: str) -> None:
    _check_judge(grader, place)
    if not all(isinstance(label, str) for label in grader["labels"]):
        raise GraderFault(f"{place}.labels", "each must be a string")
    known = set(grader["labels"])
    if not all(isinstance(label, str) and label in known for label in grader["passing_labels"]):
        raise GraderFault(f"{place}.passing_labels", "each must be one of labels")


def _label(grader: Grader, spaces: dict[str, Any], ask: Ask) -> float:
    label = ask(grader, _messages(grader, spaces), {"type": "string", "enum": grader["labels"]})
    return float(label in grader["passing_labels"])


def _refuse_python(grader: Grader, place: str) -> None:
    words = "callers' code is not run here; an operator can put a Python grader into the service's graders folder, for"
    raise GraderFault(f"{place}.source", f"{words} CreateModelCustomizationJob (docs/customisation.md)")


def _never(grader: Grader, spaces: dict[str, Any], ask: Ask) -> float:
    raise AssertionError("refused by check")


def _check_multi(grader: Grader, place: str) -> None:
    for name, inner in grader["graders"].items():
        if isinstance(inner, dict) and inner.get("type") == "multi":
            raise GraderFault(f"{place}.graders.{name}", "a multi grader cannot hold another")
        check(inner, f"{place}.graders.{name}")
    try:
        formula.check(grader["calculate_output"], grader["graders"])
    except formula.NoFormula as error:
        raise GraderFault(f"{place}.calculate_output", f"cannot be read: {error}") from error


def _multi(grader: Grader, spaces: dict[str, Any], ask: Ask) -> float:
    inner = grader["graders"].items()
    marks = {name: KINDS[one["type"]].score(one, spaces, ask) for name, one in inner}
    try:
        return formula.value(grader["calculate_output"], marks)
    except formula.NoValue as error:
        raise Unreadable(str(error)) from error


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of grader: keys that it must have, of which type, keys that it may have, its check and its score."""

    needs: dict[str, type]
    may: tuple[str, ...]
    check: Callable[[Grader, str], None]
    score: Callable[[Grader, dict[str, Any], Ask], float]


JUDGE = ("sampling_params", "range")

KINDS: dict[str, Kind] = {
    "string_check": Kind({"input": str, "reference": str, "operation": str}, (), _check_string, _string),
    "text_similarity": Kind(
        {"input": str, "reference": str, "evaluation_metric": str}, (), _check_similarity, _similarity
    ),
    "score_model": Kind({"input": list, "model": str}, JUDGE, _check_judge, _judge),
    "label_model": Kind(
        {"input": list, "model": str, "labels": list, "passing_labels": list}, JUDGE, _check_label, _label
    ),
    "python": Kind({"source": str}, ("image_tag",), _refuse_python, _never),
    "multi": Kind({"graders": dict, "calculate_output": str}, (), _check_multi, _multi),
}
