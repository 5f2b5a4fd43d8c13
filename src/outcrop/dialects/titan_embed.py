"""Amazon Titan Text Embeddings V2: one text, dimensions, normalize, floats and bits.

Knows nothing of HTTP and of other dialects.
Sources: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html, and for `binary` being one
digit for each dimension AWS's post "Build cost-effective RAG applications with Binary Embeddings in Amazon Titan".
"""

from __future__ import annotations

from typing import Any

from ..engines.vectors import Embedded
from ..vectors import bits
from .body import Field, require
from .vector import Wish

KEYS = {
    "inputText": Field("String", low=1, high=50_000, required=True),
    "dimensions": Field("Integer", options=(256, 512, 1024)),
    "normalize": Field("Boolean"),
    "embeddingTypes": Field("JSONArray", low=1, items=Field("String", options=("float", "binary"))),
}

PACKED = {"float": list, "binary": bits}


def read(body: dict[str, Any]) -> Wish:
    """What `body` asks for. Raises ValidationException that names the offending key.

    Left out, `dimensions` are the model's own, where Titan has 1,024.
    """
    require(body, KEYS)
    return Wish(
        [body["inputText"]],
        unit=body.get("normalize", True),
        dimensions=body.get("dimensions"),
        types=tuple(body.get("embeddingTypes", ["float"])),
    )


def write(wish: Wish, embedded: Embedded) -> dict[str, Any]:
    """The body that answers."""
    (vector,) = wish.vectors(embedded)
    by_type = {name: PACKED[name](vector) for name in wish.types}
    return {"embedding": list(vector), "inputTextTokenCount": embedded.tokens, "embeddingsByType": by_type}
