"""Amazon Rerank 1.0: a query, documents of text, the best of them first.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/rerank-use.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .body import Field, require
from .vector import MOST_DOCUMENTS, Ranking

KEYS = {
    "query": Field("String", low=1, required=True),
    "documents": Field("JSONArray", low=1, high=MOST_DOCUMENTS, items=Field("String", low=1), required=True),
    "top_n": Field("Integer", low=1),
}


def read(body: dict[str, Any]) -> Ranking:
    """What `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    return Ranking(body["query"], body["documents"], body.get("top_n"))


def write(ranking: Ranking, scores: Sequence[float]) -> dict[str, Any]:
    """The body that answers."""
    return {"results": [{"index": index, "relevance_score": score} for index, score in ranking.best(scores)]}
