"""OpenAI's Responses API: a request and the items before it read into a turn, and the response object it begins.

Knows nothing of HTTP, of stored responses and of other dialects; openai_events.py writes what the model answers.
Source: platform.openai.com/docs/api-reference/responses and the types of the `openai` package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..turn import Block, Message
from .openai_parts import (
    ADDITIONAL,
    At,
    ReadParts,
    add_fields,
    add_tools,
    content,
    document,
    effort,
    fault,
    flag,
    image,
    number,
    output_config,
    permit,
    reasoning,
    sampling,
    say,
    text,
    tool_choice,
    tool_result,
    tool_spec,
    tool_use,
    tools,
    words,
)

READ_HERE = frozenset(
    {"input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "max_output_tokens"}
    | {"temperature", "top_p", "top_logprobs", "include", "truncation", "metadata", "stop", "logit_bias"}
)
IGNORED = frozenset(
    {"model", "stream", "stream_options", "store", "background", "previous_response_id", "user", "safety_identifier"}
    | {"service_tier", "max_tool_calls", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"}
    | {"background_options"}
)
"""Keys that are the door's or only a hint."""

FLAGS = frozenset({"store", "background", "stream", "parallel_tool_calls"})

KNOWN = READ_HERE | IGNORED | ADDITIONAL

REFUSED = {
    "prompt": "this service stores no prompts",
    "conversation": "this service keeps no conversations; use previous_response_id",
    "context_management": "this service does not compact conversations",
    "moderation": "this service does not moderate here",
    "image": "this service makes no images",
    "access_programs": "this service has none",
}

INCLUDABLE = frozenset({"message.output_text.logprobs", "reasoning.encrypted_content"})
"""What `include` may ask for of what there is here. Reasoning is not encrypted: it comes as the item's content."""
ELSEWHERE = (
    "file_search_call.",
    "web_search_call.",
    "computer_call_output.",
    "code_interpreter_call.",
    "message.input",
)
"""Beginnings of what `include` may ask for of tools that nobody can have called here: there is never any."""

DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "background": False,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "text": {"format": {"type": "text"}},
    "top_logprobs": 0,
    "truncation": "disabled",
    "user": None,
}
"""Members of a response that repeat its request, and what they are where it does not say."""


def begun(body: dict[str, Any], id: str, created: int, status: str = "in_progress") -> dict[str, Any]:
    """The response object before anything is answered. `created` is seconds since the epoch."""
    said = {key: body[key] for key in DEFAULTS.keys() & body.keys() if body[key] is not None}
    thinking = body.get("reasoning") or {}
    return {
        "id": id,
        "object": "response",
        "created_at": created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": body["model"],
        "output": [],
        "reasoning": {"effort": thinking.get("effort"), "summary": thinking.get("summary")},
        "service_tier": "default",
        "usage": None,
        **DEFAULTS,
        **said,
        "text": DEFAULTS["text"] | (body.get("text") or {}),
    }


# read ------------------------------------------------------------------------------------------------------------


def read(body: dict[str, Any], items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for after `items`: those of earlier responses, then its own input.

    Raises ValidationException that names the parameter (`param`).
    """
    check(body)
    turn = _conversation(items, _instructions(body)) | sampling(body, number(body, "max_output_tokens"))
    _add_tools(turn, body)
    if body.get("text") is not None:
        with At("text"):
            turn |= output_config(body["text"].get("format"), None)
    add_fields(turn, _effort(body) | _logprobs(body))
    return turn


def _effort(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("reasoning") is None:
        return {}
    with At("reasoning"):
        return effort(body["reasoning"].get("effort"), "reasoning.effort")


def check(body: dict[str, Any]) -> None:
    """Raise for keys and choices that cannot be served."""
    permit(body, KNOWN, REFUSED)
    for key in FLAGS & body.keys():
        flag(body, key)
    if body.get("truncation") not in (None, "auto", "disabled"):
        raise fault("#: truncation: expected one of auto, disabled", "truncation")
    if body.get("metadata"):
        with At("metadata"):
            for key, value in body["metadata"].items():
                text(value, f"metadata.{key}")
    if body.get("include"):
        with At("include"):
            for wanted in body["include"]:
                if wanted not in INCLUDABLE and not wanted.startswith(ELSEWHERE):
                    raise ValueError(f"include: {wanted!r} is not one of {', '.join(sorted(INCLUDABLE))}")


def own_items(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The input of a request as items; a string is a user's message."""
    if "input" not in body:
        raise fault("#: required key [input] not found", "input")
    given = body["input"]
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise fault("#: input: expected a string or a list of items", "input")
    return given


def _instructions(body: dict[str, Any]) -> list[Block]:
    said = body.get("instructions")
    return [] if said is None else words(said, "instructions")


def _logprobs(body: dict[str, Any]) -> dict[str, Any]:
    top = number(body, "top_logprobs")
    wanted = "message.output_text.logprobs" in (body.get("include") or ())
    return {"logprobs": True, "top_logprobs": top or 0} if wanted or top else {}


def _conversation(items: Sequence[dict[str, Any]], instructions: list[Block]) -> dict[str, Any]:
    messages: list[Message] = []
    spoken: Message | None = None
    for place, item in enumerate(items):
        with At(f"input[{place}]"):
            spoken = say(messages, spoken, *_item(item))
    if not messages:
        raise fault("#: input: there must be something to answer", "input")
    lead = next((place for place, message in enumerate(messages) if message["role"] != "system"), len(messages))
    system = instructions + [block for message in messages[:lead] for block in message["content"]]
    if lead == len(messages):  # chat templates need somebody to answer to
        return {"messages": [{"role": "user", "content": system}]}
    return {"messages": messages[lead:], **({"system": system} if system else {})}


def _item(item: dict[str, Any]) -> tuple[str, list[Block]]:
    """An item's side of the conversation and its blocks."""
    kind = item.get("type") or "message"
    if kind not in ITEMS:
        raise ValueError(f"item type {kind!r} is not one of {', '.join(ITEMS)}")
    return ITEMS[kind](item)


def _message(item: dict[str, Any]) -> tuple[str, list[Block]]:
    if item["role"] not in SIDES:
        raise ValueError(f"role {item['role']!r} is not one of {', '.join(SIDES)}")
    return SIDES[item["role"]], _content(item["content"])


SIDES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
"""Role -> whose side speaks."""


PARTS: ReadParts = {
    "input_text": lambda part: words(part["text"], "text"),
    "output_text": lambda part: words(part["text"], "text"),
    "text": lambda part: words(part["text"], "text"),
    "refusal": lambda part: words(part["refusal"], "refusal"),
    "input_image": lambda part: [image(part["image_url"])],
    "input_file": lambda part: [document(part)],
}
"""Content part type -> how it reads."""


def _content(given: Any) -> list[Block]:
    return content(given, PARTS)


def _reasoning(item: dict[str, Any]) -> tuple[str, list[Block]]:
    """What the model thought: the content where there is one, or the summary."""
    said = "".join(text(part["text"], "text") for part in item.get("content") or item.get("summary") or ())
    return "assistant", [reasoning(said)] if said.strip() else []


def _call(item: dict[str, Any]) -> tuple[str, list[Block]]:
    return "assistant", [tool_use(item["call_id"], item["name"], item["arguments"])]


def _output(item: dict[str, Any]) -> tuple[str, list[Block]]:
    return "user", [tool_result(item["call_id"], _content(item["output"]))]


ITEMS: dict[str, Callable[[dict[str, Any]], tuple[str, list[Block]]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call,
    "function_call_output": _output,
}
"""Item type -> how it reads."""


def _add_tools(turn: dict[str, Any], body: dict[str, Any]) -> None:
    add_tools(turn, tools(body, _tool), tool_choice(body, _choice), body.get("parallel_tool_calls"))


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool["type"] != "function":
        raise ValueError(f"tool type {tool['type']!r} is not supported by this service; functions are")
    return tool_spec(tool)


def _choice(choice: Any) -> Any:
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise ValueError(f"tool_choice {choice!r} is not one of auto, none, required")
        return choice
    if choice["type"] == "allowed_tools":
        return {"names": [tool["name"] for tool in choice["tools"]], "mode": _choice(choice["mode"])}
    if choice["type"] != "function":
        raise ValueError(f"tool_choice type {choice['type']!r} is not supported by this service")
    return {"name": choice["name"]}
