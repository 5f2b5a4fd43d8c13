"""Instructor over Converse: a Pydantic class filled by the tool call that it forces. It cannot stream over Bedrock."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from tests.clients.words import ASK_NAME, ASK_WEATHER, DESCRIPTION, HELLO, MAX_TOKENS, MISSING, MODEL

SETTINGS: dict[str, Any] = {"inferenceConfig": {"maxTokens": MAX_TOKENS, "temperature": 0}}


class GetWeather(BaseModel):
    __doc__ = DESCRIPTION
    city: str = Field(description="Name of the city.")


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def chat(extractor: Any) -> list[str]:
    create = extractor.chat.completions.create
    first = create(model=MODEL, messages=[user(HELLO)], response_model=None, **SETTINGS)["output"]["message"]
    messages = [user(HELLO), first, user(ASK_NAME)]
    second = create(model=MODEL, messages=messages, response_model=None, **SETTINGS)["output"]["message"]
    return [first["content"][0]["text"], second["content"][0]["text"]]


def fill(extractor: Any, model: str, **settings: Any) -> dict[str, Any]:
    create = extractor.chat.completions.create
    messages = [user(ASK_WEATHER)]
    return create(model=model, messages=messages, response_model=GetWeather, max_retries=0, **settings).model_dump()


def tool(extractor: Any) -> dict[str, Any]:
    """Instructor sends no result back: what it asked for is the answer."""
    return {"name": "get_weather", "input": fill(extractor, MODEL, **SETTINGS)}


def refused(extractor: Any) -> None:
    fill(extractor, MISSING, **SETTINGS)
