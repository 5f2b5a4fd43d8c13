"""The OpenAI SDK: chat completions and embeddings."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.words import (
    ASK_NAME,
    ASK_WEATHER,
    EMBEDDER,
    HELLO,
    MAX_TOKENS,
    MISSING,
    MODEL,
    OPENAI_TOOL,
    RESULT,
    TEXTS,
)

SETTINGS: dict[str, Any] = {"model": MODEL, "max_completion_tokens": MAX_TOKENS, "temperature": 0}


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def chat(client: Any) -> list[str]:
    first = client.chat.completions.create(messages=[user(HELLO)], **SETTINGS)
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens
    said = first.choices[0].message
    assert first.choices[0].finish_reason == "stop"
    second = client.chat.completions.create(messages=[user(HELLO), said, user(ASK_NAME)], **SETTINGS)
    return [said.content, second.choices[0].message.content]


def stream(client: Any) -> list[str]:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(messages=[user(HELLO)], **options, **SETTINGS))
    assert chunks[-1].usage.completion_tokens > 0
    return [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]


def tool(client: Any) -> dict[str, Any]:
    """The call is streamed through the SDK's accumulator, its result is answered in one piece."""
    settings = {**SETTINGS, "tools": [OPENAI_TOOL]}
    with client.chat.completions.stream(messages=[user(ASK_WEATHER)], tool_choice="required", **settings) as events:
        said = events.until_done().get_final_completion().choices[0].message
    (call,) = said.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": json.dumps(RESULT)}
    answer = client.chat.completions.create(messages=[user(ASK_WEATHER), said, result], **settings)
    return {
        "name": call.function.name,
        "input": json.loads(call.function.arguments),
        "answer": answer.choices[0].message.content,
    }


def embed(client: Any) -> list[list[float]]:
    """The SDK asks for base64 and decodes it."""
    return [row.embedding for row in client.embeddings.create(model=EMBEDDER, input=TEXTS).data]


def refused(client: Any) -> None:
    client.chat.completions.create(messages=[user(HELLO)], **{**SETTINGS, "model": MISSING})
