"""What bodies for embeddings and reranking come to, whatever their family, and what their answers have in common.

Is no dialect and knows none. A module of EMBEDDERS reads a body into a `Wish` and writes the answer to it; one of
RERANKERS reads one into a `Ranking`:

    read(body) -> Wish               write(wish, embedded) -> dict
    read(body) -> Ranking            write(ranking, scores) -> dict
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..engines.vectors import Embedded
from ..errors import ValidationException
from ..vectors import Vector, binary, int8, shortened, ubinary, uint8

MOST_DOCUMENTS = 1000


@dataclass(frozen=True, slots=True)
class Wish:
    """The embeddings that a body asks for."""

    texts: list[str]
    truncate: str = "NONE"
    """What to drop of a text that is too long: NONE (it is an error), START or END."""
    limit: int | None = None
    """Tokens of a text, where fewer are wanted than the model takes."""
    unit: bool = True
    """Vectors of length 1."""
    dimensions: int | None = None
    types: tuple[str, ...] = ()
    """Number formats; none means plain floats in the family's simplest answer."""

    def vectors(self, embedded: Embedded) -> list[Vector]:
        """The vectors, as short as they were wanted. ValidationException where they have fewer dimensions."""
        return [shortened(vector, self.dimensions, self.unit) for vector in embedded.vectors]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order that a body asks for: the `count` most relevant documents, all of them where it is None."""

    query: str
    documents: list[str]
    count: int | None = None

    def best(self, scores: Sequence[float]) -> list[tuple[int, float]]:
        """(index, score) of the most relevant documents, the best first."""
        return sorted(enumerate(scores), key=lambda pair: -pair[1])[: self.count]


PACKED: dict[str, Callable[[Vector], list[Any]]] = {
    "float": list,
    "int8": int8,
    "uint8": uint8,
    "binary": binary,
    "ubinary": ubinary,
}
"""Number format -> how a vector is written in it."""


def written(document: Any) -> str:
    """A document of text or JSON as text: of an object one line a member, as Cohere advises, else JSON."""
    if isinstance(document, dict):
        return "\n".join(f"{key}: {_value(value)}" for key, value in document.items())
    return _value(document)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def no_images(body: dict[str, Any], *keys: str) -> None:
    """ValidationException where a body brings what is no text."""
    for key in keys:
        if body.get(key):
            raise ValidationException(f"This model embeds text only. Remove {key} and try again.")
