"""LlamaIndex's BedrockEmbedding."""

from __future__ import annotations

from typing import Any

from tests.clients.words import MISSING_EMBEDDER, TEXTS


def embed(embedder: Any) -> list[list[float]]:
    """Two as documents, one as a query: both ways must land in one space."""
    return [*embedder.get_text_embedding_batch(TEXTS[:2]), embedder.get_query_embedding(TEXTS[2])]


def refused(embedder: Any) -> None:
    embedder.model_name = MISSING_EMBEDDER
    embedder.get_text_embedding(TEXTS[0])
