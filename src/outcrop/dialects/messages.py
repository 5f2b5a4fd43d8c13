"""Messages as Mistral AI and AI21 take them over from OpenAI's chat: role and content, tool_calls, tools.

Is no dialect and knows none. What is read has been held against the tables here (`body.require`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

import orjson

from ..turn import Block, Delta, Message, Reply
from .body import ANY, TEXT, Field, malformed, said

FUNCTION = Field("JSONObject", required=True, keys={"name": TEXT, "arguments": TEXT})
CALL = Field("JSONObject", keys={"id": TEXT, "type": Field("String", options=("function",)), "function": FUNCTION})
MESSAGE = Field("JSONObject", keys={
    "role": Field("String", options=("system", "user", "assistant", "tool"), required=True),
    "content": Field(ANY),
    "tool_calls": Field("JSONArray", items=CALL),
    "tool_call_id": Field("String"),
    "name": Field("String"),
})  # fmt: skip
SPEC = Field("JSONObject", required=True, keys={
    "name": TEXT,
    "description": Field("String"),
    "parameters": Field("JSONObject"),
})  # fmt: skip
TOOL = Field("JSONObject", keys={"type": Field("String", options=("function",), required=True), "function": SPEC})
MESSAGES = Field("JSONArray", items=MESSAGE, required=True)
TOOLS = Field("JSONArray", items=TOOL)

DATA_URL = re.compile(r"data:image/(png|jpeg|gif|webp);base64,")


def conversation(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """`messages`, and `system` where there is one. A tool's result is the user's, as in Converse."""
    spoken: list[Message] = []
    system: list[Block] = []
    for place, message in enumerate(messages):
        content = _blocks(message, f"#/messages/{place}")
        if message["role"] == "system":
            system += content
        elif spoken and spoken[-1]["role"] == _role(message):
            spoken[-1]["content"] += content
        else:
            spoken.append({"role": _role(message), "content": content})
    return {"messages": spoken, **({"system": system} if system else {})}


def _role(message: dict[str, Any]) -> str:
    return "assistant" if message["role"] == "assistant" else "user"


def _blocks(message: dict[str, Any], at: str) -> list[Block]:
    content = _content(message.get("content"), f"{at}/content")
    if message["role"] == "tool":
        if "tool_call_id" not in message:
            raise malformed(f"{at}: required key [tool_call_id] not found")
        return [{"toolResult": {"toolUseId": message["tool_call_id"], "content": content}}]
    calls = message.get("tool_calls", ())
    return content + [_use(call, f"{at}/tool_calls/{place}") for place, call in enumerate(calls)]


def _content(content: Any, at: str) -> list[Block]:
    """A string, nothing, or parts."""
    if not content:
        return []
    if isinstance(content, str):
        return [{"text": content}]
    if not isinstance(content, list):
        raise malformed(f"{at}: expected type: String, found: {type(content).__name__}")
    return [_part(part, f"{at}/{place}") for place, part in enumerate(content)]


def _part(part: Any, at: str) -> Block:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"text": text}
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return _image(url, at)
    raise malformed(f"{at}: neither text nor an image_url")


def _image(url: str, at: str) -> Block:
    head = DATA_URL.match(url)
    if head is None:
        raise malformed(f"{at}/image_url: only data:image/...;base64 URLs of png, jpeg, gif and webp are read")
    return {"image": {"format": head[1], "source": {"bytes": url[head.end() :]}}}


def _use(call: dict[str, Any], at: str) -> Block:
    function = call["function"]
    try:
        arguments = orjson.loads(function["arguments"] or "{}")
    except orjson.JSONDecodeError as error:
        raise malformed(f"{at}/function/arguments: {error}") from error
    return {"toolUse": {"toolUseId": call["id"], "name": function["name"], "input": arguments}}


def tool_config(tools: list[dict[str, Any]], choice: dict[str, Any]) -> dict[str, Any]:
    """A toolConfig; `choice` is Converse's."""
    return {"tools": [{"toolSpec": _spec(tool["function"])} for tool in tools], "toolChoice": choice}


def _spec(function: dict[str, Any]) -> dict[str, Any]:
    description = {"description": function["description"]} if function.get("description") else {}
    schema = {"inputSchema": {"json": function.get("parameters") or {"type": "object"}}}
    return {"name": function["name"], **schema, **description}


# write -------------------------------------------------------------------------------------------------------------


def message(reply: Reply) -> dict[str, Any]:
    """The assistant's message: its words, and its calls where it made some."""
    uses = [block["toolUse"] for block in reply["message"]["content"] if "toolUse" in block]
    calls = {"tool_calls": [call_of(use, orjson.dumps(use["input"]).decode()) for use in uses]} if uses else {}
    return {"role": "assistant", "content": said(reply), **calls}


def call_of(use: dict[str, Any], arguments: str) -> dict[str, Any]:
    return {"id": use["toolUseId"], "type": "function", "function": {"name": use["name"], "arguments": arguments}}


def usage(counts: Mapping[str, int]) -> dict[str, int]:
    return {
        "prompt_tokens": counts["inputTokens"],
        "completion_tokens": counts["outputTokens"],
        "total_tokens": counts["totalTokens"],
    }


REASONS = {"max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "tool_calls"}


def reason(stop: str) -> str:
    """Converse stopReason -> stop, length or tool_calls."""
    return REASONS.get(stop, "stop")


# stream ------------------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """What a stream adds to a message. The first part is empty; the last one alone has `stop` and `usage`."""

    text: str = ""
    call: dict[str, Any] | None = None
    """A whole tool call."""
    stop: str | None = None
    """Converse's stopReason."""
    usage: Mapping[str, int] | None = None
    first: bool = False


async def parts(deltas: AsyncGenerator[Delta, None]) -> AsyncGenerator[Part, None]:
    """The answer's beginning, its words as they come, each call once it is whole, its end; no reasoning.

    Closing it closes `deltas`.
    """
    calls, stop = _Calls(), ""
    async with aclosing(deltas):
        async for delta in deltas:
            ((name, event),) = delta.items()
            if name == "messageStart":
                yield Part(first=True)
            elif name == "contentBlockDelta" and event["delta"].get("text"):
                yield Part(event["delta"]["text"])
            elif call := calls.add(name, event):
                yield Part(call=call)
            elif name == "messageStop":
                stop = event["stopReason"]
            elif name == "metadata":
                yield Part(stop=stop, usage=event["usage"])


class _Calls:
    """Gathers the pieces of one call after another."""

    def __init__(self) -> None:
        self.use: dict[str, Any] | None = None
        self.arguments: list[str] = []

    def add(self, name: str, event: dict[str, Any]) -> dict[str, Any] | None:
        """The call, when the event ends one."""
        if name == "contentBlockStart" and "toolUse" in event["start"]:
            self.use, self.arguments = event["start"]["toolUse"], []
        elif name == "contentBlockDelta" and "toolUse" in event["delta"]:
            self.arguments.append(event["delta"]["toolUse"]["input"])
        elif name == "contentBlockStop" and self.use is not None:
            use, self.use = self.use, None
            return call_of(use, "".join(self.arguments) or "{}")
        return None
