"""The hyperparameters of customization jobs: their names, ranges and defaults.

Bedrock's own names where it has them; further ones are ours and documented in docs/customisation.md. Knows nothing of
training. Source: docs.aws.amazon.com/bedrock/latest/userguide/custom-models-hp.html.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ValidationException


@dataclass(frozen=True, slots=True)
class Number:
    """A number between `low` and `high`, both included. `default` None: the method chooses."""

    type: type[int] | type[float]
    low: float
    high: float
    default: float | None

    def read(self, name: str, text: str) -> float:
        try:
            value = self.type(text)
        except ValueError:
            kind = "an integer" if self.type is int else "a number"
            raise ValidationException(f"The hyperparameter {name} must be {kind}, not {text[:40]!r}.") from None
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise ValidationException(
                f"The hyperparameter {name} must be between {self.low:g} and {self.high:g}, not {text[:40]}."
            )
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; the first is the default."""

    words: tuple[str, ...]

    @property
    def default(self) -> str:
        return self.words[0]

    def read(self, name: str, text: str) -> str:
        if text not in self.words:
            raise ValidationException(
                f"The hyperparameter {name} must be one of {', '.join(self.words)}, not {text[:40]!r}."
            )
        return text


COMMON: dict[str, Number | Choice] = {
    "epochCount": Number(int, 1, 100, 3),
    "batchSize": Number(int, 1, 1024, 8),
    "learningRate": Number(float, 1e-7, 1.0, None),
    "learningRateMultiplier": Number(float, 0.001, 100, 1),
    "learningRateWarmupSteps": Number(int, 0, 10_000, 0),
    "tuning": Choice(("lora", "full")),
    "loraRank": Number(int, 1, 512, 16),
    "loraAlpha": Number(float, 0.1, 4096, 32),
    "maxSequenceLength": Number(int, 16, 131_072, 2048),
    "evalInterval": Number(int, 1, 100_000, 0),
    "seed": Number(int, 0, 2**31 - 1, 0),
}

METHODS: dict[str, dict[str, Number | Choice]] = {
    "FINE_TUNING": {**COMMON, "beta": Number(float, 0.001, 10, 0.1)},
    "CONTINUED_PRE_TRAINING": COMMON,
    "DISTILLATION": {**COMMON, "temperature": Number(float, 0, 2, 0)},
    "REINFORCEMENT_FINE_TUNING": {
        **COMMON,
        "epochCount": Number(int, 1, 50, 1),
        "batchSize": Number(int, 1, 512, 16),
        "trainingSamplePerPrompt": Number(int, 2, 16, 4),
        "inferenceMaxTokens": Number(int, 1, 131_072, 128),
        "maxPromptLength": Number(int, 1, 131_072, 1024),
        "temperature": Number(float, 0.01, 2, 1),
    },
}
"""customizationType -> hyperparameter -> what it may be. `beta` is for preference data (DPO)."""


def given(job: Mapping[str, Any]) -> dict[str, str]:
    """What a job's request asks for: hyperParameters, and a reinforcement job's own typed ones as text."""
    typed = job.get("customizationConfig", {}).get("rftConfig", {}).get("hyperParameters", {})
    return {**job.get("hyperParameters", {}), **{name: str(value) for name, value in typed.items()}}


def read(customization_type: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The given hyperparameters as values, defaults filled in. ValidationException names the first that cannot be."""
    known = METHODS[customization_type]
    if unknown := given.keys() - known.keys():
        raise ValidationException(
            f"The hyperparameter {min(unknown)} is unknown for {customization_type}; known: {', '.join(known)}."
        )
    return {name: field.read(name, given[name]) if name in given else field.default for name, field in known.items()}
