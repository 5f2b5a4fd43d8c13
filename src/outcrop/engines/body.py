"""A turn written as the body of an OpenAI chat completion request.

Pure functions; knows nothing of HTTP. Source: platform.openai.com/docs/api-reference/chat, llama.cpp tools/server/README.md.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from ..errors import ValidationException
from ..turn import Block, Message, Turn
from .endpoint import Endpoint

INFERENCE = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p"}
"""inferenceConfig member -> body field."""

ADDITIONAL = {
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "logit_bias": "logit_bias",
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
}
"""additionalModelRequestFields that every server takes."""

EXTRA = {
    "top_k": "top_k",
    "topK": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "repeat_penalty": "repeat_penalty",
    "repetition_penalty": "repetition_penalty",
    "repeat_last_n": "repeat_last_n",
}
"""additionalModelRequestFields that a server takes when its kind lists the field."""

SYNONYMS = {"repetition_penalty": "repeat_penalty", "repeat_penalty": "repetition_penalty"}

IGNORED = frozenset({"anthropic_beta", "anthropic_version"})


def body(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    """The request body for a streamed answer. Raises ValidationException for fields the engine does not have."""
    config = turn.get("inferenceConfig", {})
    out: dict[str, Any] = {
        "model": endpoint.model,
        "messages": messages(turn),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    out |= {field: config[member] for member, field in INFERENCE.items() if member in config}
    if stop := config.get("stopSequences"):
        out |= {"stop": stop, **endpoint.kind.with_stop}
    out |= _tools(turn, endpoint)
    out |= _output(turn)
    out |= _additional(turn.get("additionalModelRequestFields") or {}, endpoint)
    return out | endpoint.kind.always


def messages(turn: Turn) -> list[dict[str, Any]]:
    """The conversation in OpenAI's roles; a tool result becomes a message of its own."""
    system = "\n\n".join(filter(None, map(_text, turn.get("system", []))))
    out = [{"role": "system", "content": system}] if system else []
    for message in turn.get("messages", []):
        out.extend(_assistant(message) if message["role"] == "assistant" else _user(message))
    return out


def _assistant(message: Message) -> list[dict[str, Any]]:
    content = message["content"]
    out: dict[str, Any] = {"role": "assistant", "content": "".join(filter(None, map(_text, content)))}
    if reasoning := "".join(map(_reasoning, content)):
        out["reasoning_content"] = reasoning
    if calls := [_call(block["toolUse"]) for block in content if "toolUse" in block]:
        out["tool_calls"] = calls
    return [out]


def _reasoning(block: Block) -> str:
    return block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")


def _call(use: dict[str, Any]) -> dict[str, Any]:
    arguments = orjson.dumps(use["input"]).decode()
    return {"id": use["toolUseId"], "type": "function", "function": {"name": use["name"], "arguments": arguments}}


def _user(message: Message) -> Iterator[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for block in message["content"]:
        if "toolResult" in block:
            yield _tool_result(block["toolResult"])
        else:
            parts.extend(_parts(block))
    if parts:
        yield {"role": "user", "content": _flat(parts)}


def _tool_result(result: dict[str, Any]) -> dict[str, Any]:
    parts = [part for block in result["content"] for part in _parts(block)]
    if result.get("status") == "error":
        parts.insert(0, {"type": "text", "text": "Error:"})
    return {"role": "tool", "tool_call_id": result["toolUseId"], "content": _flat(parts)}


def _flat(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Plain text where all parts are text: every chat template takes it."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _parts(block: Block) -> Iterable[dict[str, Any]]:
    if "image" in block:
        return [_image(block["image"])]
    text = _text(block)
    return [] if text is None else [{"type": "text", "text": text}]


def _image(image: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64encode(image["source"]["bytes"]).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/{image['format']};base64,{data}"}}


def _text(block: Block) -> str | None:
    """What a block says in words; None for a block without words (cachePoint, toolUse, image)."""
    match block:
        case {"text": text} | {"guardContent": {"text": {"text": text}}}:
            return text
        case {"json": value}:
            return orjson.dumps(value).decode()
        case {"searchResult": result}:
            said = "\n".join(part["text"] for part in result["content"] if "text" in part)
            return f'<search_result title="{result["title"]}" source="{result["source"]}">\n{said}\n</search_result>'
    return None


def forced(turn: Turn) -> bool:
    """Whether toolChoice demands a call."""
    return bool((turn.get("toolConfig") or {}).get("toolChoice", {}).keys() & {"any", "tool"})


def _tools(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    config = turn.get("toolConfig") or {}
    specs = [tool["toolSpec"] for tool in config.get("tools", []) if "toolSpec" in tool]
    if not specs:
        return {}
    out: dict[str, Any] = {"tools": [_function(spec) for spec in specs]}
    if not forced(turn):
        return out | {"tool_choice": "auto", "parallel_tool_calls": True}
    chosen = config["toolChoice"].get("tool", {}).get("name")
    specs = [spec for spec in specs if chosen in (None, spec["name"])]
    if not endpoint.kind.forces_tools:
        return out | {"tool_choice": "none", "response_format": _format("tool_call", _call_schema(specs))}
    named = {"type": "function", "function": {"name": chosen}}
    return out | {"tool_choice": named if chosen else "required"}


def _call_schema(specs: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema of one call, as models trained on Hermes' format write it: name first, then arguments."""
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": spec["name"]}, "arguments": _parameters(spec)},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for spec in specs
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def _parameters(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["inputSchema"].get("json") or {"type": "object", "properties": {}}


def _function(spec: dict[str, Any]) -> dict[str, Any]:
    function = {"name": spec["name"], "parameters": _parameters(spec)}
    if "description" in spec:
        function["description"] = spec["description"]
    return {"type": "function", "function": function}


def _output(turn: Turn) -> dict[str, Any]:
    form = (turn.get("outputConfig") or {}).get("textFormat")
    if not form:
        return {}
    definition = form["structure"]["jsonSchema"]
    try:
        schema = orjson.loads(definition["schema"])
    except orjson.JSONDecodeError as error:
        raise ValidationException(f"outputConfig.textFormat: the schema is not valid JSON: {error}") from error
    if not isinstance(schema, dict):
        raise ValidationException("outputConfig.textFormat: the schema must be a JSON object.")
    return {"response_format": _format(definition.get("name", "output"), schema)}


def _format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}


def _additional(fields: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ADDITIONAL:
            out[ADDITIONAL[name]] = value
        elif name in EXTRA:
            out[_extra(EXTRA[name], endpoint)] = value
        elif name in ("thinking", "reasoning_config", "reasoningConfig", "enable_thinking"):
            out |= _thinking(value, endpoint)
        elif name == "chat_template_kwargs" and endpoint.kind.template_kwargs:
            out["chat_template_kwargs"] = out.get("chat_template_kwargs", {}) | value
        elif name not in IGNORED:
            raise _extraneous(name)
    return out


def _extra(name: str, endpoint: Endpoint) -> str:
    for candidate in (name, SYNONYMS.get(name)):
        if candidate in endpoint.kind.extra_sampling:
            return candidate
    raise _extraneous(name)


def _thinking(value: Any, endpoint: Endpoint) -> dict[str, Any]:
    """Anthropic's `thinking: {"type": "enabled"}`, Nova's reasoningConfig and a bare flag say the same thing."""
    if not endpoint.kind.template_kwargs:
        return {}
    enabled = value.get("type") in ("enabled", "adaptive") if isinstance(value, dict) else bool(value)
    return {"chat_template_kwargs": {"enable_thinking": enabled}}


def _extraneous(name: str) -> ValidationException:
    return ValidationException(
        f"Malformed input request: extraneous key [{name}] is not permitted, please reformat your input and try again."
    )
