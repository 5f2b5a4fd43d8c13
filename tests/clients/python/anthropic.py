"""The Anthropic SDK's Messages, whichever of its clients sends them."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.words import ANTHROPIC_TOOL, ASK_NAME, ASK_WEATHER, HELLO, MAX_TOKENS, MISSING, MODEL, RESULT

SETTINGS: dict[str, Any] = {"model": MODEL, "max_tokens": MAX_TOKENS, "extra_body": {"temperature": 0}}
"""The SDK has no parameter of the name temperature any more."""


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def chat(client: Any) -> list[str]:
    first = client.messages.create(messages=[user(HELLO)], **SETTINGS)
    assert first.usage.input_tokens > 0
    assert first.usage.output_tokens > 0
    assert first.stop_reason == "end_turn"
    messages = [user(HELLO), {"role": "assistant", "content": first.content}, user(ASK_NAME)]
    return [text(first), text(client.messages.create(messages=messages, **SETTINGS))]


def stream(client: Any) -> list[str]:
    with client.messages.stream(messages=[user(HELLO)], **SETTINGS) as events:
        pieces = list(events.text_stream)
        assert events.get_final_message().stop_reason == "end_turn"
    return pieces


def tool(client: Any) -> dict[str, Any]:
    """The call is streamed, its result is answered in one piece."""
    settings = {**SETTINGS, "tools": [ANTHROPIC_TOOL]}
    with client.messages.stream(messages=[user(ASK_WEATHER)], tool_choice={"type": "any"}, **settings) as events:
        message = events.get_final_message()
    assert message.stop_reason == "tool_use"
    call = next(block for block in message.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": json.dumps(RESULT)}
    messages = [user(ASK_WEATHER), {"role": "assistant", "content": message.content}, user([result])]
    answer = client.messages.create(messages=messages, **settings)
    return {"name": call.name, "input": call.input, "answer": text(answer)}


def refused(client: Any) -> None:
    client.messages.create(messages=[user(HELLO)], **{**SETTINGS, "model": MISSING})
