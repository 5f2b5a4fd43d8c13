"""LangChain's BedrockEmbeddings."""

from __future__ import annotations

from typing import Any

from tests.clients.words import MISSING_EMBEDDER, TEXTS


def embed(embeddings: Any) -> list[list[float]]:
    """Two as documents, one as a query: both ways must land in one space."""
    return [*embeddings.embed_documents(TEXTS[:2]), embeddings.embed_query(TEXTS[2])]


def refused(embeddings: Any) -> None:
    embeddings.model_copy(update={"model_id": MISSING_EMBEDDER}).embed_query(TEXTS[0])
