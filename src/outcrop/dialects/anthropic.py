"""Anthropic Messages: its body read into a turn, its answer and its stream written from a reply and from deltas.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html,
docs.anthropic.com/en/api/messages, docs.anthropic.com/en/api/messages-streaming.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from .. import ids
from ..errors import ValidationException
from ..turn import Block, Delta, Message, Reply
from .body import tool_id

KEYS = {
    "max_tokens": ("inferenceConfig", "maxTokens"),
    "temperature": ("inferenceConfig", "temperature"),
    "top_p": ("inferenceConfig", "topP"),
    "stop_sequences": ("inferenceConfig", "stopSequences"),
    "top_k": ("additionalModelRequestFields", "top_k"),
    "thinking": ("additionalModelRequestFields", "thinking"),
}
"""Body key -> its place in the turn, where it is copied as it stands."""

READ_HERE = frozenset({"messages", "system", "tools", "tool_choice", "output_format", "output_config", "cache_control"})


@dataclass(frozen=True, slots=True)
class Form:
    """What one API asks of the body beyond what all have in common."""

    required: tuple[str, ...]
    ignored: frozenset[str]
    """Keys that change nothing here."""


BEDROCK = Form(
    ("max_tokens", "messages"),
    frozenset({"anthropic_version", "anthropic_beta", "metadata", "model", "stream", "service_tier"}),
)
"""InvokeModel: the version is in the body, model and stream are in the path."""
MESSAGES = Form(
    ("model", "max_tokens", "messages"),
    frozenset({"model", "stream", "metadata", "service_tier", "user_profile_id", "workspace_id"}),
)
"""Anthropic's own POST /v1/messages: the version is in a header."""
COUNT = Form(("model", "messages"), MESSAGES.ignored | {"max_tokens"})
"""POST /v1/messages/count_tokens."""

STOP_REASONS = {
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
    "malformed_model_output": "end_turn",
    "malformed_tool_use": "end_turn",
}
"""Converse stopReason -> stop_reason where the names differ."""

LONGEST_TITLE = 200
"""Characters of a document's name in Converse; a title may have more here."""

MEDIA_TYPES = {"application/pdf": "pdf", "text/plain": "txt"}


# read ------------------------------------------------------------------------------------------------------------


def read(body: dict[str, Any], form: Form = BEDROCK) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    for key in form.required:
        if key not in body:
            raise _malformed(f"#: required key [{key}] not found")
    if unknown := body.keys() - KEYS.keys() - READ_HERE - form.ignored:
        raise _malformed(f"#: extraneous key [{min(unknown)}] is not permitted")
    try:
        return _turn(body)
    except KeyError as error:
        raise _malformed(f"#: required key [{error.args[0]}] not found") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise _malformed(f"#: {error}") from error


def _malformed(what: str) -> ValidationException:
    return ValidationException(f"Malformed input request: {what}, please reformat your input and try again.")


def _turn(body: dict[str, Any]) -> dict[str, Any]:
    turn: dict[str, Any] = {"messages": _messages(body["messages"])}
    if effort := (body.get("output_config") or {}).get("effort"):
        turn["additionalModelRequestFields"] = {"reasoning_effort": effort}
    for key, (group, member) in KEYS.items():
        if body.get(key) is not None:
            turn.setdefault(group, {})[member] = body[key]
    if system := body.get("system"):
        turn["system"] = _content(system)
    if tools := body.get("tools"):
        _add_tools(turn, tools, body.get("tool_choice") or {"type": "auto"})
    if schema := _schema(body):
        turn["outputConfig"] = _text_format(schema)
    if body.get("cache_control") and turn["messages"]:
        turn["messages"][-1]["content"].append(_cache_point(body["cache_control"]))
    return turn


def _messages(messages: list[dict[str, Any]]) -> list[Message]:
    """The messages; those of one role in a row are one, as in Anthropic's own API."""
    read: list[Message] = []
    for message in messages:
        content = _content(message["content"])
        if read and read[-1]["role"] == message["role"]:
            read[-1]["content"] += content
        else:
            read.append({"role": message["role"], "content": content})
    return read


def _content(content: str | Iterable[dict[str, Any]]) -> list[Block]:
    """A content field (a string or a list of blocks) as blocks, each cache_control as a cachePoint after its block."""
    if isinstance(content, str):
        return [{"text": content}]
    blocks: list[Block] = []
    for block in content:
        blocks.append(_block(block))
        if block.get("cache_control"):
            blocks.append(_cache_point(block["cache_control"]))
    return blocks


def _cache_point(control: dict[str, Any]) -> Block:
    ttl = {"ttl": control["ttl"]} if "ttl" in control else {}
    return {"cachePoint": {"type": "default", **ttl}}


def _block(block: dict[str, Any]) -> Block:
    reader = BLOCKS.get(block["type"])
    if reader is None:
        raise ValueError(f"content type [{block['type']}] is not one of {', '.join(sorted(BLOCKS))}")
    return reader(block)


def _tool_result(block: dict[str, Any]) -> Block:
    status = {"status": "error"} if block.get("is_error") else {}
    content = [part for part in _content(block.get("content") or []) if "cachePoint" not in part]
    return {"toolResult": {"toolUseId": _id(block["tool_use_id"]), "content": content, **status}}


def _thinking(block: dict[str, Any]) -> Block:
    signed = {"signature": block["signature"]} if block.get("signature") else {}
    return {"reasoningContent": {"reasoningText": {"text": block["thinking"], **signed}}}


def _image(block: dict[str, Any]) -> Block:
    format = block["source"].get("media_type", "").removeprefix("image/")
    return {"image": {"format": format, "source": {"bytes": _base64(block["source"])}}}


def _document(block: dict[str, Any]) -> Block:
    source = block["source"]
    title = _text(block.get("title") or "document", "title")[:LONGEST_TITLE]
    name = {"name": title, **({"context": block["context"]} if block.get("context") else {})}
    if source["type"] == "content":
        return {"document": {**name, "source": {"content": _content(source["content"])}}}
    if source["type"] == "text":
        return {"document": {**name, "format": "txt", "source": {"text": source["data"]}}}
    data = _base64(source)
    if source["media_type"] not in MEDIA_TYPES:
        raise ValueError(f"media_type [{source['media_type']}] is not one of {', '.join(MEDIA_TYPES)}")
    return {"document": {**name, "format": MEDIA_TYPES[source["media_type"]], "source": {"bytes": data}}}


def _base64(source: dict[str, Any]) -> str:
    if source["type"] != "base64":
        raise ValueError(f"source type [{source['type']}] is not supported")
    return source["data"]


def _redacted(block: dict[str, Any]) -> Block:
    return {"reasoningContent": {"redactedContent": base64.b64encode(block["data"].encode()).decode()}}


def _search_result(block: dict[str, Any]) -> Block:
    parts = [{"text": part["text"]} for part in block["content"]]
    return {"searchResult": {"source": block["source"], "title": block["title"], "content": parts}}


def _id(id: Any) -> str:
    return tool_id(_text(id, "id of a call"))


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what}: expected a string, got {type(value).__name__}")
    return value


BLOCKS: dict[str, Callable[[dict[str, Any]], Block]] = {
    "text": lambda block: {"text": block["text"]},
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "search_result": _search_result,
    "tool_use": lambda block: {
        "toolUse": {"toolUseId": _id(block["id"]), "name": block["name"], "input": block["input"]},
    },
    "tool_result": _tool_result,
}
"""Content block type -> how it reads."""


def _add_tools(turn: dict[str, Any], tools: list[dict[str, Any]], choice: dict[str, Any]) -> None:
    """The tools and which of them to call. What Converse has no word for are additional fields."""
    kind = choice["type"]
    chosen = {"tool": {"name": choice["name"]}} if kind == "tool" else {"auto" if kind == "none" else kind: {}}
    turn["toolConfig"] = {"tools": _tools(tools), "toolChoice": chosen}
    if kind == "none":
        turn.setdefault("additionalModelRequestFields", {})["tool_choice"] = "none"
    if choice.get("disable_parallel_tool_use"):
        turn.setdefault("additionalModelRequestFields", {})["parallel_tool_calls"] = False


def _tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for tool in tools:
        listed.append({"toolSpec": _tool_spec(tool)})
        if tool.get("cache_control"):
            listed.append(_cache_point(tool["cache_control"]))
    return listed


def _tool_spec(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        raise ValueError(f"tool type [{tool['type']}] is not supported")
    more = {key: tool[key] for key in ("description", "strict") if tool.get(key)}
    return {"name": tool["name"], "inputSchema": {"json": tool["input_schema"]}, **more}


def _schema(body: dict[str, Any]) -> dict[str, Any] | None:
    form = body.get("output_format") or (body.get("output_config") or {}).get("format")
    return form["schema"] if form else None


def _text_format(schema: dict[str, Any]) -> dict[str, Any]:
    structure = {"jsonSchema": {"name": "output", "schema": json.dumps(schema)}}
    return {"textFormat": {"type": "json_schema", "structure": structure}}


# write -----------------------------------------------------------------------------------------------------------


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers. A call that was cut off in its arguments has none: they are no JSON."""
    content = [_written(block) for block in reply["message"]["content"]]
    return {
        **_envelope(model_id),
        "content": content,
        "stop_reason": _stop_reason(reply["stopReason"]),
        "stop_sequence": reply["fields"].get("stop_sequence"),
        "usage": _usage(reply["usage"]),
    }


def _envelope(model_id: str) -> dict[str, Any]:
    return {"model": model_id, "id": f"msg_bdrk_{ids.digits(24)}", "type": "message", "role": "assistant"}


def _written(block: Block) -> dict[str, Any]:
    if "toolUse" in block:
        use = block["toolUse"]
        given = use["input"] if isinstance(use["input"], dict) else {}
        return {"type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": given}
    if "reasoningContent" in block:
        said = block["reasoningContent"]["reasoningText"]
        return {"type": "thinking", "thinking": said["text"], "signature": said.get("signature", "")}
    return {"type": "text", "text": block["text"]}


def _stop_reason(reason: str) -> str:
    return STOP_REASONS.get(reason, reason)


def _usage(usage: dict[str, int]) -> dict[str, int]:
    return {
        "input_tokens": usage["inputTokens"],
        "cache_creation_input_tokens": usage.get("cacheWriteInputTokens", 0),
        "cache_read_input_tokens": usage.get("cacheReadInputTokens", 0),
        "output_tokens": usage["outputTokens"],
    }


# stream ----------------------------------------------------------------------------------------------------------


async def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """The events of Anthropic's stream, each a dict with its `type`. Closing it closes `deltas`."""
    open_at = -1
    stop: dict[str, Any] = {}
    async with aclosing(deltas):
        async for delta in deltas:
            ((name, event),) = delta.items()
            if name == "contentBlockDelta":
                index, piece = event["contentBlockIndex"], _piece(event["delta"])
                if open_at != index:
                    open_at = index
                    yield _block_start(index, EMPTY[piece["type"]])
                yield {"type": "content_block_delta", "index": index, "delta": piece}
            elif name == "messageStart":
                yield _message_start(event, model_id)
            elif name == "contentBlockStart":
                open_at = event["contentBlockIndex"]
                yield _block_start(open_at, _opened(event["start"]))
            elif name == "contentBlockStop":
                yield {"type": "content_block_stop", "index": event["contentBlockIndex"]}
            elif name == "messageStop":
                stop = event
            else:
                yield _message_delta(stop, event["usage"])
                yield {"type": "message_stop"}


EMPTY = {
    "text_delta": {"type": "text", "text": ""},
    "thinking_delta": {"type": "thinking", "thinking": "", "signature": ""},
    "signature_delta": {"type": "thinking", "thinking": "", "signature": ""},
}
"""Kind of a delta -> the empty block that it opens."""


def _message_start(event: dict[str, Any], model_id: str) -> dict[str, Any]:
    usage = _usage(event["usage"]) if "usage" in event else {"input_tokens": 0, "output_tokens": 0}
    message = {**_envelope(model_id), "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    return {"type": "message_start", "message": message}


def _block_start(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _opened(start: dict[str, Any]) -> dict[str, Any]:
    use = start["toolUse"]
    return {"type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": {}}


def _piece(delta: dict[str, Any]) -> dict[str, Any]:
    if "text" in delta:
        return {"type": "text_delta", "text": delta["text"]}
    if "toolUse" in delta:
        return {"type": "input_json_delta", "partial_json": delta["toolUse"]["input"]}
    reasoning = delta["reasoningContent"]
    if "signature" in reasoning:
        return {"type": "signature_delta", "signature": reasoning["signature"]}
    return {"type": "thinking_delta", "thinking": reasoning.get("text", "")}


def _message_delta(stop: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
    fields = stop.get("additionalModelResponseFields", {})
    ended = {"stop_reason": _stop_reason(stop["stopReason"]), "stop_sequence": fields.get("stop_sequence")}
    return {"type": "message_delta", "delta": ended, "usage": _usage(usage)}
