"""Instructor over OpenAI's API: a Pydantic class filled by a forced tool call, also while it streams."""

from __future__ import annotations

from typing import Any

from tests.clients.python.instructor import GetWeather, fill, user
from tests.clients.words import ASK_NAME, ASK_WEATHER, HELLO, MAX_TOKENS, MISSING, MODEL

SETTINGS: dict[str, Any] = {"max_tokens": MAX_TOKENS, "temperature": 0}


def say(extractor: Any, messages: list[Any], **options: Any) -> Any:
    create = extractor.chat.completions.create
    return create(model=MODEL, messages=messages, response_model=None, **SETTINGS, **options)


def chat(extractor: Any) -> list[str]:
    first = say(extractor, [user(HELLO)]).choices[0].message
    second = say(extractor, [user(HELLO), first.model_dump(exclude_none=True), user(ASK_NAME)]).choices[0].message
    return [first.content, second.content]


def stream(extractor: Any) -> list[str]:
    chunks = say(extractor, [user(HELLO)], stream=True)
    return [piece for chunk in chunks if chunk.choices and (piece := chunk.choices[0].delta.content)]


def tool(extractor: Any) -> dict[str, Any]:
    return {"name": "get_weather", "input": fill(extractor, MODEL, **SETTINGS)}


def partial(extractor: Any) -> list[dict[str, Any]]:
    """The class as it fills while the arguments stream."""
    create = extractor.chat.completions.create_partial
    halves = create(model=MODEL, messages=[user(ASK_WEATHER)], response_model=GetWeather, **SETTINGS)
    return [half.model_dump() for half in halves]


def refused(extractor: Any) -> None:
    fill(extractor, MISSING, **SETTINGS)
