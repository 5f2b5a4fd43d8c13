"""Cohere Embed v3: many texts, cut at either end, in five number formats.

Knows nothing of HTTP and of other dialects. `input_type` is checked and changes nothing: it chooses between tokens that
Cohere's models were trained with and others were not.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html
"""

from __future__ import annotations

from typing import Any

from .. import ids
from ..engines.vectors import Embedded
from .body import Field, require
from .vector import PACKED, Wish, no_images

KEYS = {
    "texts": Field("JSONArray", low=1, high=96, items=Field("String", high=2048), required=True),
    "input_type": Field(
        "String", options=("search_document", "search_query", "classification", "clustering"), required=True
    ),
    "truncate": Field("String", options=("NONE", "START", "END")),
    "embedding_types": Field("JSONArray", low=1, items=Field("String", options=tuple(PACKED))),
}


def read(body: dict[str, Any]) -> Wish:
    """What `body` asks for. Raises ValidationException that names the offending key."""
    no_images(body, "images")
    require(body, KEYS)
    return Wish(body["texts"], body.get("truncate", "NONE"), types=tuple(body.get("embedding_types", ())))


def write(wish: Wish, embedded: Embedded) -> dict[str, Any]:
    """The body that answers: a list of vectors, or one for each number format that was asked for."""
    vectors = wish.vectors(embedded)
    common = {"id": ids.uuid(), "texts": wish.texts}
    if not wish.types:
        return {**common, "response_type": "embeddings_floats", "embeddings": [list(vector) for vector in vectors]}
    by_type = {name: [PACKED[name](vector) for vector in vectors] for name in dict.fromkeys(wish.types)}
    return {**common, "response_type": "embeddings_by_type", "embeddings": by_type}
