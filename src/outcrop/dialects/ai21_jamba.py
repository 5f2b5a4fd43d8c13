"""AI21 Jamba: messages in, choices out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-jamba.html,
docs.ai21.com/reference/jamba-1-6-api-ref (tools, chunks).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from .. import ids
from ..turn import Delta, Reply
from . import messages as spoken
from .body import MAX_TOKENS, STOP, TEXTS, TOP_P, Field, additional, placed, require

KEYS = {
    "messages": spoken.MESSAGES,
    "tools": spoken.TOOLS,
    "max_tokens": Field("Integer", MAX_TOKENS, low=1, high=4096),
    "temperature": Field("Number", additional("temperature"), low=0, high=2),
    "top_p": Field("Number", TOP_P, low=0, high=1),
    "stop": Field("JSONArray", STOP, items=TEXTS),
    "n": Field("Integer", low=1, high=1),
    "frequency_penalty": Field("Number", additional("frequency_penalty")),
    "presence_penalty": Field("Number", additional("presence_penalty")),
}
"""One answer a request: a second one is another request."""


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    turn = placed(body, KEYS) | spoken.conversation(body["messages"])
    if body.get("tools"):
        turn["toolConfig"] = spoken.tool_config(body["tools"], {"auto": {}})
    return turn


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    choice = {"index": 0, "message": spoken.message(reply), "finish_reason": spoken.reason(reply["stopReason"])}
    return {"id": _id(), "choices": [choice], "usage": spoken.usage(reply["usage"])}


def _id() -> str:
    return f"chat-{ids.digits(32)}"


async def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk that opens the message, one for every piece of it, and one that ends it and counts tokens."""
    id = _id()
    async with aclosing(spoken.parts(deltas)) as parts:
        async for part in parts:
            yield {"id": id, **_chunk(part)}


def _chunk(part: spoken.Part) -> dict[str, Any]:
    usage = {"usage": spoken.usage(part.usage)} if part.usage else {}
    choice = {"index": 0, "delta": _delta(part), "finish_reason": part.stop and spoken.reason(part.stop)}
    return {"choices": [choice], **usage}


def _delta(part: spoken.Part) -> dict[str, Any]:
    if part.first:
        return {"role": "assistant"}
    return {"tool_calls": [part.call]} if part.call else {"content": part.text}
