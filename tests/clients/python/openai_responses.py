"""The OpenAI SDK: responses, which remember one another by id."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.words import (
    ASK_NAME,
    ASK_WEATHER,
    DESCRIPTION,
    HELLO,
    MAX_TOKENS,
    MISSING,
    MODEL,
    RESULT,
    SCHEMA,
    TOOL,
)

SETTINGS: dict[str, Any] = {"model": MODEL, "max_output_tokens": MAX_TOKENS, "temperature": 0}
TOOLS = [{"type": "function", "name": TOOL, "description": DESCRIPTION, "parameters": SCHEMA}]


def chat(client: Any) -> list[str]:
    """The second turn sends the id of the first in place of its words."""
    first = client.responses.create(input=HELLO, **SETTINGS)
    assert first.status == "completed"
    assert first.usage.output_tokens > 0
    assert client.responses.retrieve(first.id).output_text == first.output_text
    second = client.responses.create(input=ASK_NAME, previous_response_id=first.id, **SETTINGS)
    return [first.output_text, second.output_text]


def stream(client: Any) -> list[str]:
    with client.responses.stream(input=HELLO, **SETTINGS) as events:
        pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert events.get_final_response().output_text == "".join(pieces)
    return pieces


def tool(client: Any) -> dict[str, Any]:
    asked = client.responses.create(input=ASK_WEATHER, tools=TOOLS, tool_choice="required", **SETTINGS)
    (call,) = [item for item in asked.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": json.dumps(RESULT)}
    answer = client.responses.create(input=[result], previous_response_id=asked.id, tools=TOOLS, **SETTINGS)
    return {"name": call.name, "input": json.loads(call.arguments), "answer": answer.output_text}


def refused(client: Any) -> None:
    client.responses.create(input=HELLO, **{**SETTINGS, "model": MISSING})
