"""A turn written as the body of an OpenAI chat completion request.

Pure functions; knows nothing of HTTP.
Sources: platform.openai.com/docs/api-reference/chat, llama.cpp's tools/server/README.md.
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

ADDITIONAL = frozenset(
    {
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "temperature",
        "top_p",
        "max_tokens",
        "parallel_tool_calls",
    }
)
"""additionalModelRequestFields that every server takes under the same name."""

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

THINKING = frozenset({"thinking", "reasoning_config", "reasoningConfig", "enable_thinking"})
"""How Claude, Nova and Qwen are told to reason or not."""

EFFORTS = {"minimal": "low", "xhigh": "high", "max": "high"}
"""OpenAI's reasoning_effort -> the nearest that the templates of open models know; the others are known as they are."""

IGNORED = frozenset({"anthropic_beta", "anthropic_version"})

ANY_OBJECT: dict[str, Any] = {"type": "object", "properties": {}}


def body(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    """The request body for a streamed answer. Raises ValidationException for fields the engine does not have."""
    if "prompt" in turn:
        return _continuation(turn, endpoint)
    return {
        "model": endpoint.model,
        "messages": messages(turn),
        "stream": True,
        "stream_options": {"include_usage": True},
        **_inference(turn, endpoint),
        **_output(turn),
        **_tools(turn, endpoint),
        **_prefill(turn, endpoint),
        **_unthinking(turn, endpoint),
        **_additional(turn.get("additionalModelRequestFields") or {}, endpoint),
        **endpoint.always,
    }


def path(turn: Turn) -> str:
    """Where the body goes."""
    return "/v1/completions" if "prompt" in turn else "/v1/chat/completions"


def _continuation(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    """The body for a text to go on from."""
    return {
        "model": endpoint.model,
        "prompt": turn.get("prompt"),
        "stream": True,
        "stream_options": {"include_usage": True},
        **_inference(turn, endpoint),
        **_additional(turn.get("additionalModelRequestFields") or {}, endpoint),
        **endpoint.always,
    }


def _inference(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    config = turn.get("inferenceConfig", {})
    out = {field: config[member] for member, field in INFERENCE.items() if member in config}
    if stop := config.get("stopSequences"):
        out |= {"stop": stop, **endpoint.kind.with_stop}
    return out


def _unthinking(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    """No reasoning before an answer whose form is demanded, unless the request asks for it: llama.cpp binds the answer
    to its schema only after the reasoning, and a small model may not come to an end of that."""
    demanded = reads_as_call(turn, endpoint) or "textFormat" in (turn.get("outputConfig") or {})
    return {"chat_template_kwargs": {"enable_thinking": False}} if demanded and endpoint.kind.template_kwargs else {}


def _prefill(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    """A last message of the assistant is the beginning of the answer, which goes on from there."""
    last = turn.get("messages", [])[-1:]
    if not last or last[0]["role"] != "assistant":
        return {}
    if forced(turn) or _output(turn):
        raise ValidationException(
            "This model does not support assistant message prefill together with a forced tool or an output format. "
            "The conversation must end with a user message."
        )
    return endpoint.kind.with_prefill


def messages(turn: Turn) -> list[dict[str, Any]]:
    """The conversation in OpenAI's roles; a tool result becomes a message of its own."""
    system = "\n\n".join(filter(None, map(_text, turn.get("system", []))))
    out = [{"role": "system", "content": system}] if system else []
    for message in turn.get("messages", []):
        out.extend(ROLES[message["role"]](message))
    return out


def _system(message: Message) -> list[dict[str, Any]]:
    """A system message between the others."""
    return [{"role": "system", "content": "\n\n".join(filter(None, map(_text, message["content"])))}]


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


ROLES = {"user": _user, "assistant": _assistant, "system": _system}


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
            said = _joined(result["content"])
            return f'<search_result title="{result["title"]}" source="{result["source"]}">\n{said}\n</search_result>'
        case {"citationsContent": cited}:
            return _joined(cited.get("content", []))
    return None


def _joined(parts: list[dict[str, Any]]) -> str:
    return "\n".join(part["text"] for part in parts if "text" in part)


def forced(turn: Turn) -> bool:
    """Whether toolChoice demands a call."""
    return bool((turn.get("toolConfig") or {}).get("toolChoice", {}).keys() & {"any", "tool"})


def reads_as_call(turn: Turn, endpoint: Endpoint) -> bool:
    """Whether the text of the answer is a call, because a schema had to force it."""
    return forced(turn) and not endpoint.kind.forces_tools


def _tools(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    config = turn.get("toolConfig") or {}
    specs = [tool["toolSpec"] for tool in config.get("tools", []) if "toolSpec" in tool]
    if not specs:
        return {}
    listed = {"tools": [function(spec) for spec in specs]}
    if not forced(turn):
        return listed | {"tool_choice": "auto", "parallel_tool_calls": True}
    chosen = config["toolChoice"].get("tool", {}).get("name")
    if endpoint.kind.forces_tools:
        named = {"type": "function", "function": {"name": chosen}}
        return listed | {"tool_choice": named if chosen else "required"}
    schema = _call_schema([spec for spec in specs if chosen in (None, spec["name"])])
    return listed | {"tool_choice": "none", "response_format": _format("tool_call", schema)}


def _call_schema(specs: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema of one call, as models trained on Hermes' format write it: name first, then arguments."""
    if len(specs) == 1:
        return _one_call(specs[0], "#")
    return {"anyOf": [_one_call(spec, f"#/anyOf/{place}") for place, spec in enumerate(specs)]}


def _one_call(spec: dict[str, Any], place: str) -> dict[str, Any]:
    arguments = _moved(_parameters(spec), f"{place}/properties/arguments")
    return {
        "type": "object",
        "properties": {"name": {"const": spec["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, place: str) -> Any:
    """A schema that stands at `place` of another: its references to its own parts go there."""
    if isinstance(schema, list):
        return [_moved(item, place) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: _moved(value, place) for key, value in schema.items()}
    if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
        out["$ref"] = place + reference[1:]
    return out


def _parameters(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["inputSchema"].get("json") or ANY_OBJECT


def function(spec: dict[str, Any]) -> dict[str, Any]:
    """A toolSpec in OpenAI's words."""
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


def _additional(fields: Any, endpoint: Endpoint) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise ValidationException(
            "The format of the value at additionalModelRequestFields is invalid. Provide a json object for the field "
            "and try again."
        )
    out: dict[str, Any] = {}
    template: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ADDITIONAL or (name, value) == ("tool_choice", "none"):
            out[name] = value
        elif name in EXTRA:
            out[_extra(EXTRA[name], endpoint)] = value
        elif name in THINKING:
            template["enable_thinking"] = _enabled(value)
        elif name == "reasoning_effort":
            effort = _effort(value, endpoint)
            out |= effort
            template |= {"enable_thinking": value != "none", **effort}
        elif name == "chat_template_kwargs" and isinstance(value, dict):
            template |= value
        elif name not in IGNORED:
            raise _extraneous(name)
    return out | ({"chat_template_kwargs": template} if template and endpoint.kind.template_kwargs else {})


def _extra(name: str, endpoint: Endpoint) -> str:
    for candidate in (name, SYNONYMS.get(name)):
        if candidate in endpoint.kind.extra_sampling:
            return candidate
    raise _extraneous(name)


def _enabled(value: Any) -> bool:
    return value.get("type") in ("enabled", "adaptive") if isinstance(value, dict) else bool(value)


def _effort(value: Any, endpoint: Endpoint) -> dict[str, Any]:
    """How hard to think, for servers that know it as a field; none at all is said to the template alone."""
    if not isinstance(value, str):
        raise ValidationException("The value at additionalModelRequestFields.reasoning_effort must be a string.")
    if not endpoint.kind.template_kwargs:
        return {"reasoning_effort": value}
    return {} if value == "none" else {"reasoning_effort": EFFORTS.get(value, value)}


def _extraneous(name: str) -> ValidationException:
    return ValidationException(
        f"Malformed input request: #: extraneous key [{name}] is not permitted, please reformat your input and try "
        "again."
    )
