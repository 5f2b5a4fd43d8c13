"""Cohere Embed v4: texts or inputs of text parts, an output dimension, a budget of tokens, five number formats.

Knows nothing of HTTP and of other dialects. `input_type` is checked and changes nothing: it chooses between tokens that
Cohere's models were trained with and others were not.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
"""

from __future__ import annotations

from typing import Any

from .. import ids
from ..engines.vectors import Embedded
from ..errors import ValidationException
from .body import Field, malformed, require
from .vector import PACKED, Wish, no_images

TRUNCATE = {"NONE": "NONE", "LEFT": "START", "RIGHT": "END", "START": "START", "END": "END"}
"""Side to drop -> its name in the house; v4 takes v3's names as well."""

PART = Field("JSONObject", keys={"type": Field("String", required=True), "text": Field("String"),
                                 "image_url": Field("Any")})  # fmt: skip
INPUT = Field("JSONObject", keys={"content": Field("JSONArray", low=1, items=PART, required=True)})
KEYS = {
    "texts": Field("JSONArray", low=1, high=96, items=Field("String")),
    "inputs": Field("JSONArray", low=1, high=96, items=INPUT),
    "input_type": Field(
        "String", options=("search_document", "search_query", "classification", "clustering"), required=True
    ),
    "truncate": Field("String", options=tuple(TRUNCATE)),
    "embedding_types": Field("JSONArray", low=1, items=Field("String", options=tuple(PACKED))),
    "output_dimension": Field("Integer", options=(256, 512, 1024, 1536)),
    "max_tokens": Field("Integer", low=1, high=128_000),
}


def read(body: dict[str, Any]) -> Wish:
    """What `body` asks for. Raises ValidationException that names the offending key."""
    no_images(body, "images")
    require(body, KEYS)
    if ("texts" in body) == ("inputs" in body):
        raise malformed("#: exactly one of the keys [texts, inputs] is needed")
    return Wish(
        body["texts"] if "texts" in body else [_joined(item["content"]) for item in body["inputs"]],
        TRUNCATE[body.get("truncate", "NONE")],
        limit=body.get("max_tokens"),
        dimensions=body.get("output_dimension"),
        types=tuple(body.get("embedding_types", ())),
    )


def _joined(parts: list[dict[str, Any]]) -> str:
    for part in parts:
        if part["type"] != "text" or "text" not in part:
            raise ValidationException(f"This model embeds text only. Remove the part of type {part['type'][:64]!r}.")
    return "\n".join(part["text"] for part in parts)


def write(wish: Wish, embedded: Embedded) -> dict[str, Any]:
    """The body that answers: a list of vectors, or one for each number format that was asked for."""
    vectors = wish.vectors(embedded)
    common = {"id": ids.uuid(), "texts": wish.texts}
    if not wish.types:
        return {**common, "response_type": "embeddings_floats", "embeddings": [list(vector) for vector in vectors]}
    by_type = {name: [PACKED[name](vector) for vector in vectors] for name in dict.fromkeys(wish.types)}
    return {**common, "response_type": "embeddings_by_type", "embeddings": by_type}
