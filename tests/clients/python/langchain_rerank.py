"""LangChain's BedrockRerank: Rerank of bedrock-agent-runtime."""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document

from tests.clients.words import QUESTION, TEXTS


def rerank(rerank: Any) -> list[str]:
    """The texts, best first."""
    documents = rerank.compress_documents([Document(text) for text in TEXTS], QUESTION)
    assert all(0 <= document.metadata["relevance_score"] <= 1 for document in documents)
    return [document.page_content for document in documents]


def refused(rerank: Any) -> None:
    arn = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v0:0"
    rerank.model_copy(update={"model_arn": arn}).rerank(TEXTS, QUESTION)
