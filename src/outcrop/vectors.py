"""Vectors after the engine: shorter, of length 1, packed into few bits, compared.

Pure arithmetic on plain numbers; knows nothing of models, engines or bodies.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TypeAlias

from .errors import ValidationException

Vector: TypeAlias = "array[float]"
"""float32 values."""

SPREAD = 4.0
"""int8 covers this many standard deviations of a component. The components of a vector of length 1 in d dimensions
have one of 1/sqrt(d), so one scale serves every vector of a model: dot products of packed ones can be compared."""


def shortened(vector: Vector, dimensions: int | None, unit: bool = True) -> Vector:
    """The first `dimensions` components, scaled to length 1 again unless `unit` is False; None leaves the vector.

    As a Matryoshka model is shortened (arXiv 2205.13147); one that was not trained for it loses more.
    ValidationException for more than there are.
    """
    if dimensions is None or dimensions == len(vector):
        return vector
    if dimensions > len(vector):
        raise ValidationException(
            f"This model's embeddings have {len(vector)} dimensions; {dimensions} cannot be had. "
            f"Leave it out, or ask for {len(vector)} or fewer."
        )
    return scaled(vector[:dimensions]) if unit else vector[:dimensions]


def scaled(vector: Vector) -> Vector:
    """The vector at length 1; all zeros stay."""
    length = math.hypot(*vector)
    return array("f", [value / length for value in vector]) if length else vector


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of the angle between two vectors of length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def int8(vector: Vector) -> list[int]:
    """Components as -128..127, one scale for all vectors of a model."""
    scale = math.sqrt(len(vector)) * 127 / SPREAD
    return [max(-128, min(127, round(value * scale))) for value in vector]


def uint8(vector: Vector) -> list[int]:
    """Components as 0..255."""
    return [value + 128 for value in int8(vector)]


def bits(vector: Vector) -> list[int]:
    """The sign of each component: 1 above zero, else 0."""
    return [1 if value > 0 else 0 for value in vector]


def ubinary(vector: Vector) -> list[int]:
    """Signs, eight to a byte, the first highest; 0..255."""
    signs = bits(vector)
    signs += [0] * (-len(signs) % 8)
    return [_byte(signs[at : at + 8]) for at in range(0, len(signs), 8)]


def binary(vector: Vector) -> list[int]:
    """Signs, eight to a byte; -128..127, 128 below `ubinary`."""
    return [value - 128 for value in ubinary(vector)]


def _byte(signs: Sequence[int]) -> int:
    return sum(sign << place for sign, place in zip(signs, range(7, -1, -1), strict=True))
