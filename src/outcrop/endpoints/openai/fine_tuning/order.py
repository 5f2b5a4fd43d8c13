"""What a body of POST /fine_tuning/jobs asks for, checked: OpenAI's names on one side, a job's on the other.

Knows nothing of records, files or models. Source: developers.openai.com/api/reference/resources/fine_tuning.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ....dialects.openai_parts import fault
from ....dialects.openai_parts import text as string
from ....hyperparameters import METHODS as RANGES
from ....hyperparameters import Number
from ....jobs import openai_graders

KNOWN = (
    "model", "training_file", "validation_file", "method", "hyperparameters", "suffix", "seed", "metadata",
    "integrations",
)  # fmt: skip
SEEDS = 2**31

COMMON = {"n_epochs": "epochCount", "batch_size": "batchSize", "learning_rate_multiplier": "learningRateMultiplier"}
SAMPLES = "compute_multiplier"
"""Times as many samples a prompt, within the range of trainingSamplePerPrompt."""


@dataclass(frozen=True, slots=True)
class Method:
    """One of OpenAI's methods: the customizationType that does it, and OpenAI's name of each hyperparameter -> ours."""

    kind: str
    hyperparameters: dict[str, str]
    auto: tuple[str, ...] = ()
    """Hyperparameters that may not be chosen here, only left to the service."""


METHODS = {
    "supervised": Method("FINE_TUNING", COMMON),
    "dpo": Method("FINE_TUNING", {**COMMON, "beta": "beta"}),
    "reinforcement": Method(
        "REINFORCEMENT_FINE_TUNING",
        {**COMMON, "eval_interval": "evalInterval", SAMPLES: "trainingSamplePerPrompt"},
        ("eval_samples", "reasoning_effort"),
    ),
}


@dataclass(frozen=True, slots=True)
class Order:
    """A body as it is meant. `hyperparameters` are ours, as text; `suffix` is as it will stand in the model's name."""

    model: str
    training_file: str
    validation_file: str | None
    method: str
    hyperparameters: dict[str, str]
    grader: dict[str, Any] | None
    suffix: str
    seed: int
    metadata: dict[str, str] | None


def read(body: dict[str, Any]) -> Order:
    """Raises ValidationException that names the parameter (`param`)."""
    _only(body, KNOWN, "")
    if body.get("integrations"):
        raise fault("#: integrations: this service reports to nobody else", "integrations")
    method, given, grader = _method(body)
    seed = _seed(body.get("seed"))
    return Order(
        model=_required(body, "model"),
        training_file=_required(body, "training_file"),
        validation_file=_optional(body, "validation_file"),
        method=method,
        hyperparameters={**_hyperparameters(method, given), "seed": str(seed)},
        grader=grader,
        suffix=_suffix(_optional(body, "suffix")),
        seed=seed,
        metadata=_metadata(body.get("metadata")),
    )


def _required(body: dict[str, Any], name: str) -> str:
    if body.get(name) is None:
        raise fault(f"#: required key [{name}] not found", name)
    return string(body[name], name)


def _optional(body: dict[str, Any], name: str) -> str | None:
    return None if body.get(name) is None else string(body[name], name)


def _object(value: Any, place: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise fault(f"#: {place}: expected an object", place)
    return value


def _only(holder: dict[str, Any], known: Iterable[str], place: str) -> None:
    if unknown := holder.keys() - set(known):
        name = f"{place}.{min(unknown)}".strip(".")
        raise fault(f"#: extraneous key [{name}] is not permitted", name)


def _method(body: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """The method's name, its hyperparameters as they were given, and its grader."""
    told, older = body.get("method"), _object(body.get("hyperparameters"), "hyperparameters")
    if told is None:
        return "supervised", older, None
    told = _object(told, "method")
    if older:
        raise fault("#: hyperparameters: give them in method alone", "hyperparameters")
    name = _required(told, "type") if "type" in told else ""
    if name not in METHODS:
        raise fault(f"#: method.type: expected one of {', '.join(METHODS)}", "method.type")
    _only(told, ("type", name), "method")
    config = _object(told.get(name), f"method.{name}")
    graded = name == "reinforcement"
    _only(config, ("hyperparameters", "grader") if graded else ("hyperparameters",), f"method.{name}")
    given = _object(config.get("hyperparameters"), f"method.{name}.hyperparameters")
    return name, given, _grader(config.get("grader")) if graded else None


def _grader(grader: Any) -> dict[str, Any]:
    try:
        openai_graders.check(grader)
    except openai_graders.GraderFault as wrong:
        param = f"method.reinforcement.{wrong.place}"
        raise fault(f"#: {param}: {wrong}", param) from wrong
    return grader


def _hyperparameters(name: str, given: dict[str, Any]) -> dict[str, str]:
    method, place = METHODS[name], f"method.{name}.hyperparameters"
    _only(given, (*method.hyperparameters, *method.auto), place)
    for key in method.auto:
        if given.get(key) not in (None, "auto", "default"):
            raise fault(f"#: {place}.{key}: cannot be chosen here; leave it out", f"{place}.{key}")
    chosen = {key: given[key] for key in method.hyperparameters if given.get(key) not in (None, "auto")}
    return {method.hyperparameters[key]: _value(method, key, value, place) for key, value in chosen.items()}


def _value(method: Method, key: str, value: Any, place: str) -> str:
    field = RANGES[method.kind][method.hyperparameters[key]]
    assert isinstance(field, Number)
    if key == SAMPLES:
        value = _number(value, Number(float, 0.1, 100, 1), f"{place}.{key}")
        return str(int(min(field.high, max(field.low, round(value * (field.default or 1))))))
    return str(_number(value, field, f"{place}.{key}"))


def _number(value: Any, field: Number, param: str) -> float:
    kinds = int if field.type is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not field.low <= value <= field.high:
        kind = "an integer" if field.type is int else "a number"
        raise fault(f'#: {param}: expected {kind} from {field.low:g} to {field.high:g}, or "auto"', param)
    return value


def _seed(value: Any) -> int:
    if value is None:
        return secrets.randbelow(SEEDS)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < SEEDS:
        raise fault(f"#: seed: expected an integer from 0 to {SEEDS - 1}", "seed")
    return value


def _suffix(given: str | None) -> str:
    """As a model's name takes it: lower-case letters, digits and hyphens."""
    if given is not None and not 1 <= len(given) <= 64:
        raise fault("#: suffix: expected from 1 to 64 characters", "suffix")
    return re.sub(r"[^a-z0-9]+", "-", (given or "").lower()).strip("-")


def _metadata(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    pairs = _object(value, "metadata").items()
    if len(pairs) > 16 or not all(isinstance(v, str) and len(v) <= 512 and len(k) <= 64 for k, v in pairs):
        raise fault("#: metadata: expected up to 16 strings of 512 characters, under keys of 64", "metadata")
    return value
