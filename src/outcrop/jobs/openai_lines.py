"""Training data as OpenAI's fine-tuning API takes it: conversations, and pairs of a preferred and another answer.

Knows nothing of files, nor of who asks for the training.
Source: developers.openai.com/api/docs/guides/supervised-fine-tuning and .../direct-preference-optimization.
"""

from __future__ import annotations

import json
from typing import Any

from .line import Fault, Format, Row, entries, only, text

SPOKEN = ("role", "content", "name")
KEYS = {
    "system": SPOKEN,
    "developer": SPOKEN,
    "user": SPOKEN,
    "assistant": (*SPOKEN, "tool_calls", "weight"),
    "tool": ("role", "content", "tool_call_id"),
}
"""Role -> the keys that its messages may have."""

SETTING = ("messages", "tools", "parallel_tool_calls")
"""Keys of a conversation; whether calls may be parallel changes nothing in training."""


def _chat(line: Row) -> Row:
    """A conversation; the assistant's messages are learnt, but for those of weight 0."""
    only(line, *SETTING)
    row = _conversation(line)
    spoken = [message for message in row["messages"] if message["role"] == "assistant"]
    if row["messages"][-1]["role"] != "assistant":
        raise Fault("the last message is not the assistant's: there is nothing to learn")
    if not any(message.get("weight", 1) for message in spoken):
        raise Fault("every message of the assistant has weight 0: there is nothing to learn")
    return row


def _preferred(line: Row) -> Row:
    """Two answers to one conversation, of which the first is to be preferred."""
    only(line, "input", "preferred_output", "non_preferred_output")
    if not isinstance(line["input"], dict):
        raise Fault("input is not an object with messages")
    only(line["input"], *SETTING)
    asked = _conversation(line["input"])
    if asked["messages"][-1]["role"] == "assistant":
        raise Fault("the last message of input is the assistant's: there is nothing to answer")
    names = _names(asked["tools"])
    chosen, rejected = (_answer(line, key, names) for key in ("preferred_output", "non_preferred_output"))
    if chosen == rejected:
        raise Fault("preferred_output and non_preferred_output are the same")
    return {"prompt": asked["messages"], "chosen": chosen, "rejected": rejected, "tools": asked["tools"]}


def _answer(line: Row, key: str, names: set[str]) -> list[Row]:
    said = entries(line, key)
    if len(said) != 1 or not isinstance(said[0], dict) or said[0].get("role") != "assistant":
        raise Fault(f"{key} is not one message of the assistant")
    return [_message(said[0], f"{key}[0]", names)]


def _conversation(holder: Row) -> Row:
    tools = [_tool(tool, place) for place, tool in enumerate(holder.get("tools") or [])]
    names = _names(tools)
    turns = entries(holder, "messages")
    return {"messages": [_message(turn, f"messages[{n}]", names) for n, turn in enumerate(turns)], "tools": tools}


def _names(tools: list[Row]) -> set[str]:
    return {tool["function"]["name"] for tool in tools}


def _tool(tool: Any, place: int) -> Row:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Fault(f"tools[{place}] is not a function with a name")
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    if not isinstance(parameters, dict):
        raise Fault(f"tools[{place}].function.parameters is not an object")
    return {"type": "function", "function": {**function, "parameters": parameters}}


def _message(message: Any, place: str, names: set[str]) -> Row:
    """A message as chat templates take it."""
    if not isinstance(message, dict) or message.get("role") not in KEYS:
        raise Fault(f"{place} has no role of {', '.join(KEYS)}")
    role = message["role"]
    if unknown := message.keys() - set(KEYS[role]):
        raise Fault(f"{place}: the key {min(unknown)!r} is unknown; known: {', '.join(KEYS[role])}")
    read: Row = {"role": "system" if role == "developer" else role, "content": _content(message, place)}
    if role == "assistant":
        read |= _said(message, place, names)
    if role == "tool":
        read["tool_call_id"] = text(message, "tool_call_id")
    elif not read["content"].strip() and "tool_calls" not in read:
        raise Fault(f"{place}: content is empty")
    return read


def _content(message: Row, place: str) -> str:
    """A string, or parts of text; none beside calls."""
    content = message.get("content")
    if content is None and message.get("tool_calls"):
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise Fault(f"{place}: content is neither a string nor a list of parts")
    for part in content:
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise Fault(f"{place}: a part of type {part.get('type')!r} cannot be trained on, only text")
    return "\n".join(part["text"] for part in content)


def _said(message: Row, place: str, names: set[str]) -> Row:
    """What only the assistant's messages have."""
    told: Row = {}
    if "weight" in message:
        if isinstance(message["weight"], bool) or message["weight"] not in (0, 1):
            raise Fault(f"{place}: weight is neither 0 nor 1")
        told["weight"] = message["weight"]
    if message.get("tool_calls"):
        told["tool_calls"] = [_call(call, place, names) for call in entries(message, "tool_calls")]
    return told


def _call(call: Any, place: str, names: set[str]) -> Row:
    """Arguments as an object: chat templates write them out as JSON themselves."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or function.get("name") not in names:
        raise Fault(f"{place}: a tool call names no function of tools")
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (TypeError, ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise Fault(f"{place}: the arguments of a tool call are not a JSON object as a string")
    call_id = text(call, "id")
    return {"id": call_id, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


CHAT = Format("chat messages", frozenset({"messages"}), _chat)
PREFERRED = Format(
    "preferred and other output", frozenset({"input", "preferred_output", "non_preferred_output"}), _preferred
)
