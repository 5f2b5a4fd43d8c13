"""Instructor: a Pydantic class filled by the tool call that it forces."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from tests.clients.words import ASK_WEATHER, DESCRIPTION, HELLO, MAX_TOKENS, MISSING, MODEL

SETTINGS: dict[str, Any] = {"inferenceConfig": {"maxTokens": MAX_TOKENS, "temperature": 0}, "max_retries": 0}


class GetWeather(BaseModel):
    __doc__ = DESCRIPTION
    city: str = Field(description="Name of the city.")


def ask(extractor: Any, model: str, text: str) -> GetWeather:
    messages = [{"role": "user", "content": text}]
    return extractor.chat.completions.create(model=model, messages=messages, response_model=GetWeather, **SETTINGS)


def tool(extractor: Any) -> dict[str, Any]:
    """Instructor sends no result back: what it asked for is the answer."""
    return {"name": "get_weather", "input": ask(extractor, MODEL, ASK_WEATHER).model_dump()}


def refused(extractor: Any) -> None:
    ask(extractor, MISSING, HELLO)
