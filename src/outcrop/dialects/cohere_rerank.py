"""Cohere Rerank: a query, documents of text or JSON, the best of them first.

Knows nothing of HTTP and of other dialects.
Source: docs.cohere.com/v2/reference/rerank, docs.aws.amazon.com/bedrock/latest/userguide/rerank-use.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .body import Field, malformed, require
from .vector import MOST_DOCUMENTS, Ranking, written

KEYS = {
    "query": Field("String", low=1, required=True),
    "documents": Field("JSONArray", low=1, high=MOST_DOCUMENTS, required=True),
    "top_n": Field("Integer", low=1),
    "api_version": Field("Integer", low=2),
    "max_tokens_per_doc": Field("Integer", low=1),
    "rank_fields": Field("JSONArray", items=Field("String")),
}


def read(body: dict[str, Any]) -> Ranking:
    """What `body` asks for. Raises ValidationException that names the offending key.

    `max_tokens_per_doc` is checked only: a document is cut where the model's own limit ends it.
    """
    require(body, KEYS)
    for place, document in enumerate(body["documents"]):
        if not isinstance(document, str | dict):
            raise malformed(f"#/documents/{place}: expected type: String or JSONObject")
    fields = body.get("rank_fields")
    return Ranking(body["query"], [_text(document, fields) for document in body["documents"]], body.get("top_n"))


def _text(document: str | dict[str, Any], fields: list[str] | None) -> str:
    if isinstance(document, dict) and fields:
        return written({key: document[key] for key in fields if key in document})
    return written(document)


def write(ranking: Ranking, scores: Sequence[float]) -> dict[str, Any]:
    """The body that answers."""
    return {"results": [{"index": index, "relevance_score": score} for index, score in ranking.best(scores)]}
