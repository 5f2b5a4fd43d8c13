# ruff: noqa: E501
"""The shape of a conversation: roles, tools, thoughts and calls as text, and which of that text is learnt.

Knows nothing of tasks. ``render`` and the Jinja template ``chat_template.jinja`` must agree (``tests/recipes`` holds them to it).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

TEMPLATE = (Path(__file__).parent / "chat_template.jinja").read_text()
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VISIBLE = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tools>", "</tools>"]
LEARN, HARDLY, SKIP = 20, 1, 0  # weights in the loss
Span = tuple[str, int]


@dataclass
class Message:
    """One turn. ``text`` may be spans with weights of their own, where only a part is to be learnt."""

    role: str
    text: str | list[Span] = ""
    thought: str | None = None
    calls: list[tuple[str, dict]] = field(default_factory=list)
    learn: bool = True


@dataclass
class Chat:
    """A conversation and the tools it may use (each ``{"name", "description", "parameters"}`` with a JSON schema)."""

    messages: list[Message]
    tools: list[dict] = field(default_factory=list)


def user(text: str) -> Message:
    return Message("user", text)


def pebble(
    text: str | list[Span] = "",
    thought: str | None = None,
    calls: list[tuple[str, dict]] | None = None,
    learn: bool = True,
) -> Message:
    return Message("assistant", text, thought, calls or [], learn)


def compact(value: object) -> str:
    """JSON as the model reads and writes it: one line, no escapes beyond ASCII's own."""
    return json.dumps(value, ensure_ascii=False)


def render(chat: Chat) -> list[Span]:
    """The whole conversation as spans of text, each with its weight in the loss."""
    spans: list[Span] = []
    messages = chat.messages
    if chat.tools:
        system = messages[0] if messages[0].role == "system" else None
        messages = messages[1:] if system else messages
        spans.append((_system(system.text + "\n\n" if system else "", chat.tools), SKIP))
    for message in messages:
        spans += (
            _assistant(message)
            if message.role == "assistant"
            else [(f"<|im_start|>{message.role}\n{message.text}<|im_end|>\n", SKIP)]
        )
    return spans


def _system(text: str, tools: list[dict]) -> str:
    lines = "\n".join(tool_line(tool) for tool in tools)
    return f"<|im_start|>system\n{text}<tools>\n{lines}\n</tools><|im_end|>\n"


def tool_line(tool: dict) -> str:
    """A tool in one line: its name, its description and what each argument is (``?`` marks an optional one)."""
    schema = tool.get("parameters") or {}
    required = schema.get("required", [])
    arguments = {
        key: _kind(value) + ("" if key in required else "?") + _about(value)
        for key, value in schema.get("properties", {}).items()
    }
    return compact({"name": tool["name"], "description": tool.get("description", ""), "arguments": arguments})


def _kind(schema: dict) -> str:
    """One word for a type; of ``anyOf``, as Pydantic writes an optional field, the alternative that is not null."""
    for option in schema.get("anyOf", []):
        schema = option if option.get("type") != "null" else schema
    return " | ".join(map(str, schema["enum"])) if "enum" in schema else str(schema.get("type", "any"))


def _about(schema: dict) -> str:
    return ", " + schema["description"] if schema.get("description") else ""


def _assistant(message: Message) -> list[Span]:
    learn = LEARN if message.learn else SKIP
    spans = [("<|im_start|>assistant\n", SKIP)]
    if message.thought is not None:
        spans.append((f"<think>\n{message.thought}\n</think>\n\n", learn if message.thought else SKIP))
    spans += message.text if isinstance(message.text, list) else [(message.text, learn)]
    calls = "\n".join(
        f"<tool_call>\n{compact({'name': name, 'arguments': arguments})}\n</tool_call>"
        for name, arguments in message.calls
    )
    return [*spans, (calls, learn), ("<|im_end|>", learn), ("\n", SKIP)]
