"""Amazon Nova (schema messages-v1): Converse's own shapes as a body, with media in base64.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html,
docs.aws.amazon.com/nova/latest/nova2-userguide/request-response-schema.html.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..turn import Block, Delta, Reply
from .body import MAX_TOKENS, STOP, TEMPERATURE, TEXT, TEXTS, TOP_K, TOP_P, Field, additional, placed, require

REASONING = Field("JSONObject", additional("reasoningConfig"), keys={
    "type": Field("String", options=("enabled", "disabled"), required=True),
    "maxReasoningEffort": Field("String", options=("low", "medium", "high")),
})  # fmt: skip
INFERENCE = {
    "maxTokens": Field("Integer", MAX_TOKENS, low=1),
    "max_new_tokens": Field("Integer", MAX_TOKENS, low=1),
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "topP": Field("Number", TOP_P, low=0, high=1),
    "top_p": Field("Number", TOP_P, low=0, high=1),
    "topK": Field("Integer", TOP_K, low=0),
    "top_k": Field("Integer", TOP_K, low=0),
    "stopSequences": Field("JSONArray", STOP, items=TEXTS),
    "reasoningConfig": REASONING,
}
"""With the names of the schema's first edition beside today's."""

OBJECT = Field("JSONObject")
BLOCK = Field("JSONObject", keys={"text": Field("String")} | dict.fromkeys(
    ("image", "video", "audio", "document", "toolUse", "toolResult", "reasoningContent", "cachePoint"), OBJECT
))  # fmt: skip
MESSAGE = Field("JSONObject", keys={"role": TEXT, "content": Field("JSONArray", items=BLOCK, required=True)})
KEYS = {
    "messages": Field("JSONArray", items=MESSAGE, required=True),
    "schemaVersion": Field("String", options=("messages-v1",)),
    "system": Field("JSONArray", items=BLOCK),
    "inferenceConfig": Field("JSONObject", keys=INFERENCE),
    "toolConfig": OBJECT,
    "reasoningConfig": REASONING,
}


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    turn = placed(body.get("inferenceConfig", {}), INFERENCE)
    if "reasoningConfig" in body:
        turn.setdefault("additionalModelRequestFields", {})["reasoningConfig"] = body["reasoningConfig"]
    if "toolConfig" in body:
        turn["toolConfig"] = body["toolConfig"]
    if "system" in body:
        turn["system"] = _apart(body["system"])
    messages = [{"role": message["role"], "content": _apart(message["content"])} for message in body["messages"]]
    return turn | {"messages": messages}


def _apart(blocks: list[Block]) -> list[Block]:
    """A cachePoint stands beside what it marks here, and after it in Converse."""
    return [{kind: value} for block in blocks for kind, value in _marks_last(block)]


def _marks_last(block: Block) -> list[tuple[str, Any]]:
    return sorted(block.items(), key=lambda member: member[0] == "cachePoint")


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    return {
        "output": {"message": reply["message"]},
        "stopReason": reply["stopReason"],
        "usage": _usage(reply["usage"]),
    }


def _usage(usage: dict[str, int]) -> dict[str, int]:
    """With the cache's counts under the names of this body."""
    return {
        "inputTokens": usage["inputTokens"],
        "outputTokens": usage["outputTokens"],
        "totalTokens": usage["totalTokens"],
        "cacheReadInputTokenCount": usage.get("cacheReadInputTokens", 0),
        "cacheWriteInputTokenCount": usage.get("cacheWriteInputTokens", 0),
    }


async def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """Events in Converse's shapes; what other APIs tell besides is left out. Closing it closes `deltas`."""
    async with aclosing(deltas):
        async for delta in deltas:
            ((name, event),) = delta.items()
            yield {name: EVENTS[name](event)} if name in EVENTS else delta


EVENTS = {
    "messageStart": lambda event: {"role": event["role"]},
    "contentBlockDelta": lambda event: {"delta": event["delta"], "contentBlockIndex": event["contentBlockIndex"]},
    "messageStop": lambda event: {"stopReason": event["stopReason"]},
    "metadata": lambda event: {"usage": _usage(event["usage"]), "metrics": {}, "trace": {}},
}
