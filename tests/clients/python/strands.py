"""Strands Agents: an agent that keeps its conversation, streams every answer and runs its tool itself."""

from __future__ import annotations

from typing import Any

from strands import Agent
from strands.tools import tool as strands_tool

from tests.clients.words import ASK_NAME, ASK_WEATHER, DESCRIPTION, HELLO, MAX_TOKENS, MISSING, RESULT, TOOL


def agent(model: Any, **options: Any) -> Agent:
    model.update_config(temperature=0, max_tokens=MAX_TOKENS)
    return Agent(model=model, callback_handler=None, **options)


def chat(model: Any) -> list[str]:
    talk = agent(model)
    return [str(talk(HELLO)).rstrip("\n"), str(talk(ASK_NAME))]


async def stream(model: Any) -> list[str]:
    return [event["data"] async for event in agent(model).stream_async(HELLO) if "data" in event]


def tool(model: Any) -> dict[str, Any]:
    asked: list[dict[str, Any]] = []

    @strands_tool(name=TOOL, description=DESCRIPTION)
    def get_weather(city: str) -> dict[str, Any]:
        asked.append({"city": city})
        return RESULT

    answer = agent(model, tools=[get_weather])(ASK_WEATHER)
    return {"name": TOOL if asked else None, "input": asked[0] if asked else None, "answer": str(answer)}


def refused(model: Any) -> None:
    model.update_config(model_id=MISSING)
    agent(model)(HELLO)
