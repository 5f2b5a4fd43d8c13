"""Mistral AI chat completion: messages and tools in, choices out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-chat-completion.html; the members of an
answer around `choices`, and the shape of a chunk, are those that the service sends for mistral-large-2407.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from .. import ids
from ..turn import Delta, Reply
from . import messages as spoken
from .body import MAX_TOKENS, TEMPERATURE, TOP_P, Field, placed, require

KEYS = {
    "messages": spoken.MESSAGES,
    "tools": spoken.TOOLS,
    "tool_choice": Field("String", options=("auto", "any", "none")),
    "max_tokens": Field("Integer", MAX_TOKENS, low=1, high=8192),
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "top_p": Field("Number", TOP_P, low=0, high=1),
}


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    turn = placed(body, KEYS) | spoken.conversation(body["messages"])
    choice = body.get("tool_choice", "auto")
    if body.get("tools"):
        turn["toolConfig"] = spoken.tool_config(body["tools"], {"any" if choice == "any" else "auto": {}})
        if choice == "none":
            turn["additionalModelRequestFields"] = {"tool_choice": "none"}
    return turn


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    choice = {"index": 0, "message": spoken.message(reply), "stop_reason": spoken.reason(reply["stopReason"])}
    return {**_envelope("chat.completion", model_id), "choices": [choice], "usage": spoken.usage(reply["usage"])}


def _envelope(kind: str, model_id: str) -> dict[str, Any]:
    return {"id": ids.digits(32), "object": kind, "created": int(time.time()), "model": model_id}


async def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text and, whole, for every call; the last says why it stopped and counts tokens."""
    envelope = _envelope("chat.completion.chunk", model_id)
    async with aclosing(spoken.parts(deltas)) as parts:
        async for part in parts:
            yield {**envelope, **_chunk(part)}


def _chunk(part: spoken.Part) -> dict[str, Any]:
    message = {"role": "assistant", "content": part.text, "tool_calls": [part.call] if part.call else None}
    choice = {"index": 0, "message": message, "stop_reason": part.stop and spoken.reason(part.stop)}
    return {"choices": [choice], "usage": part.usage and spoken.usage(part.usage)}
