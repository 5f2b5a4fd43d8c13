"""InvokeModel's bodies that ask for embeddings or for reranking, answered.

Knows no family: the tables of `dialects` do.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .. import dialects
from ..call import Call
from ..catalog import Model
from ..dialects.vector import Ranking, Wish

TABLE = {**dialects.EMBEDDERS, **dialects.RERANKERS}


def dialect(called: str, model: Model) -> ModuleType | None:
    """The module of the body that a call of `called` takes; None where it is a chat family's."""
    return TABLE.get(dialects.family(called, model.family))


async def answer(call: Call, model_id: str, dialect: ModuleType, body: dict[str, Any]) -> dict[str, Any]:
    """The body that answers; usage and latency are in call.note. Raises what `Inference` raises."""
    asked: Wish | Ranking = dialect.read(body)
    inference = call.services.inference
    if isinstance(asked, Ranking):
        ranked = await inference.rerank(call, model_id, asked.query, asked.documents)
        return dialect.write(asked, ranked.scores)
    embedded = await inference.embed(
        call, model_id, asked.texts, truncate=asked.truncate, unit=asked.unit, limit=asked.limit
    )
    return dialect.write(asked, embedded)
