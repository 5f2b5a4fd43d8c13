"""Amazon Titan Embeddings G1 - Text: one text, one vector.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
"""

from __future__ import annotations

from typing import Any

from ..engines.vectors import Embedded
from .body import Field, require
from .vector import Wish

KEYS = {"inputText": Field("String", low=1, high=50_000, required=True)}


def read(body: dict[str, Any]) -> Wish:
    """What `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    return Wish([body["inputText"]])


def write(wish: Wish, embedded: Embedded) -> dict[str, Any]:
    """The body that answers."""
    (vector,) = embedded.vectors
    return {"embedding": list(vector), "inputTextTokenCount": embedded.tokens}
