"""POST /embeddings.

Knows nothing of engines; the vectors are inference.embed's, of length 1.
"""

from __future__ import annotations

import base64
import sys
from typing import Any

from ...call import Call
from ...dialects.openai_parts import fault, permit
from ...vectors import Vector, shortened
from ..door import Answer, Events, Request
from ..recorded import recorded
from . import asked

KNOWN = frozenset({"input", "model", "dimensions", "encoding_format", "user"})
FORMATS = ("float", "base64")
MOST_TEXTS = 2048


@recorded
async def create(call: Call, request: Request) -> Answer | Events:
    """https://platform.openai.com/docs/api-reference/embeddings/create"""
    body = request.json()
    permit(body, KNOWN, {})
    texts, format = _texts(body), body.get("encoding_format") or "float"
    if format not in FORMATS:
        raise fault(f"#: encoding_format: expected one of {', '.join(FORMATS)}", "encoding_format")
    dimensions = _dimensions(body)
    model = await asked.model(call, body)
    embedded = await call.services.inference.embed(call, model, texts)
    data = [
        {"object": "embedding", "index": index, "embedding": _written(vector, dimensions, format)}
        for index, vector in enumerate(embedded.vectors)
    ]
    usage = {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens}
    return Answer({"object": "list", "data": data, "model": model, "usage": usage})


def _texts(body: dict[str, Any]) -> list[str]:
    given = body.get("input")
    if given is None:
        raise fault("#: required key [input] not found", "input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 1 <= len(texts) <= MOST_TEXTS:
        raise fault(f"#: input: expected a string or from 1 to {MOST_TEXTS} strings", "input")
    if not all(isinstance(text, str) and text for text in texts):
        raise fault("#: input: expected strings that say something; token ids are not taken", "input")
    return texts


def _dimensions(body: dict[str, Any]) -> int | None:
    wanted = body.get("dimensions")
    if wanted is None or (type(wanted) is int and wanted > 0):
        return wanted
    raise fault("#: dimensions: expected an integer greater than 0", "dimensions")


def _written(vector: Vector, dimensions: int | None, format: str) -> list[float] | str:
    vector = shortened(vector, dimensions)
    if format == "float":
        return vector.tolist()
    if sys.byteorder == "big":  # the API's are little-endian
        vector = vector[:]
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()
