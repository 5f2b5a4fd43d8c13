"""Pydantic AI: an agent over Converse that runs its tool itself."""

from __future__ import annotations

from typing import Any

from pydantic_ai import Agent
from pydantic_ai.embeddings import Embedder
from pydantic_ai.embeddings.bedrock import BedrockEmbeddingModel
from pydantic_ai.models.bedrock import BedrockConverseModel

from tests.clients.words import (
    ASK_NAME,
    ASK_WEATHER,
    DESCRIPTION,
    HELLO,
    MAX_TOKENS,
    MISSING,
    RESULT,
    TEXTS,
    TITAN,
    TOOL,
)

SETTINGS: Any = {"temperature": 0, "max_tokens": MAX_TOKENS}


def chat(model: Any) -> list[str]:
    agent = Agent(model, model_settings=SETTINGS)
    first = agent.run_sync(HELLO)
    return [first.output, agent.run_sync(ASK_NAME, message_history=first.all_messages()).output]


async def stream(model: Any) -> list[str]:
    async with Agent(model, model_settings=SETTINGS).run_stream(HELLO) as answer:
        return [piece async for piece in answer.stream_text(delta=True, debounce_by=None)]


def tool(model: Any) -> dict[str, Any]:
    asked: list[dict[str, Any]] = []
    agent = Agent(model, model_settings=SETTINGS)

    @agent.tool_plain(name=TOOL, description=DESCRIPTION)
    def get_weather(city: str) -> dict[str, Any]:
        asked.append({"city": city})
        return RESULT

    answer = agent.run_sync(ASK_WEATHER).output
    return {"name": TOOL if asked else None, "input": asked[0] if asked else None, "answer": answer}


def embed(provider: Any) -> list[list[float]]:
    """Two as documents, one as a query: both ways must land in one space."""
    embedder = Embedder(BedrockEmbeddingModel(TITAN, provider=provider))
    documents = embedder.embed_documents_sync(TEXTS[:2])
    return [*documents.embeddings, *embedder.embed_query_sync(TEXTS[2]).embeddings]


def refused(provider: Any) -> None:
    Agent(BedrockConverseModel(MISSING, provider=provider)).run_sync(HELLO)
