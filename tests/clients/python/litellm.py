"""LiteLLM: its Bedrock provider, which speaks Converse and InvokeModel with a SigV4 signer of its own."""

from __future__ import annotations

import json
from typing import Any

import litellm

from tests.clients.words import (
    ASK_NAME,
    ASK_WEATHER,
    CLAUDE,
    HELLO,
    MAX_TOKENS,
    MISSING,
    OPENAI_TOOL,
    RESULT,
    TEXTS,
    TITAN,
)

SETTINGS: dict[str, Any] = {"model": f"bedrock/{CLAUDE}", "max_tokens": MAX_TOKENS, "temperature": 0}


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def chat(outcrop: dict[str, str]) -> list[str]:
    first = litellm.completion(messages=[user(HELLO)], **SETTINGS, **outcrop)
    assert first.usage.prompt_tokens > 0
    said = first.choices[0].message
    second = litellm.completion(messages=[user(HELLO), said, user(ASK_NAME)], **SETTINGS, **outcrop)
    return [said.content, second.choices[0].message.content]


def stream(outcrop: dict[str, str]) -> list[str]:
    chunks = litellm.completion(messages=[user(HELLO)], stream=True, **SETTINGS, **outcrop)
    return [piece for chunk in chunks if (piece := chunk.choices[0].delta.content)]


def tool(outcrop: dict[str, str]) -> dict[str, Any]:
    settings = {**SETTINGS, **outcrop, "tools": [OPENAI_TOOL]}
    said = litellm.completion(messages=[user(ASK_WEATHER)], tool_choice="required", **settings).choices[0].message
    (call,) = said.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": json.dumps(RESULT)}
    answer = litellm.completion(messages=[user(ASK_WEATHER), said, result], **settings)
    return {
        "name": call.function.name,
        "input": json.loads(call.function.arguments),
        "answer": answer.choices[0].message.content,
    }


def embed(outcrop: dict[str, str]) -> list[list[float]]:
    answer = litellm.embedding(model=f"bedrock/{TITAN}", input=TEXTS, **outcrop)
    return [row["embedding"] for row in answer.data]


def refused(outcrop: dict[str, str]) -> None:
    litellm.completion(messages=[user(HELLO)], **{**SETTINGS, "model": f"bedrock/{MISSING}"}, **outcrop)
