"""What OpenAI's bodies have in common: sampling, parts of messages, tools, forms of an answer, usage.

Is no dialect: knows nothing of chat messages, response items or their events.
Source: platform.openai.com/docs/api-reference and the types of the `openai` package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from ..errors import ValidationException
from ..turn import Block, Message
from . import body as bodies
from .body import malformed

NUMBERS: dict[str, tuple[type, float, float]] = {
    "temperature": (float, 0, 2),
    "top_p": (float, 0, 1),
    "presence_penalty": (float, -2, 2),
    "frequency_penalty": (float, -2, 2),
    "seed": (int, -(2**63), 2**63 - 1),
    "top_logprobs": (int, 0, 20),
    "n": (int, 1, 128),
    "best_of": (int, 1, 20),
    "max_tokens": (int, 1, 2**31 - 1),
    "max_completion_tokens": (int, 1, 2**31 - 1),
    "max_output_tokens": (int, 1, 2**31 - 1),
}
"""Body key -> what kind of number it is, and its bounds (seed: what an engine can hold)."""

ADDITIONAL = frozenset(
    {"seed", "presence_penalty", "frequency_penalty", "logit_bias"}
    | {"top_k", "min_p", "typical_p", "repeat_penalty", "repetition_penalty", "repeat_last_n", "chat_template_kwargs"}
)
"""Keys that go to the engine as they stand. Those of the second row OpenAI does not have and open models' servers do;
the engine says whether it has them, too."""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

FORMATS = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/html": "html",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
"""Media type -> document format."""

FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
"""Converse stopReason -> finish_reason where it is not `stop`."""

_DATA_URL = re.compile(r"data:([a-z]+/[a-z0-9.+-]+)(?:;[a-z]+=[^;,]*)*;base64,", re.IGNORECASE)


# faults ----------------------------------------------------------------------------------------------------------


def fault(what: str, param: str | None = None) -> ValidationException:
    """A fault of the body, at the parameter `param`."""
    error = malformed(what)
    error.members["param"] = param
    return error


class At:
    """A part of the body that is being read: what does not have the shape it must have is a fault at `place`."""

    __slots__ = ("place",)  # a generator would take five times as long

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, KeyError):
            key = str(error.args[0])
            raise fault(f"#: required key [{key}] not found", f"{self.place}.{key}" if self.place else key) from error
        if isinstance(error, TypeError | AttributeError | LookupError | ValueError):
            raise fault(f"#: {error}", self.place or None) from error


def permit(body: dict[str, Any], known: AbstractSet[str], refused: dict[str, str]) -> None:
    """Raise for keys that are not known, and for those that cannot be served (key -> why)."""
    if body.keys() <= known:
        return
    for key in sorted(body.keys() & refused.keys()):
        if body[key]:
            raise fault(f"#: {key}: {refused[key]}", key)
    if unknown := body.keys() - known - refused.keys():
        raise fault(f"#: extraneous key [{min(unknown)}] is not permitted", min(unknown))


def text(value: Any, param: str) -> str:
    if not isinstance(value, str):
        raise fault(f"#: {param}: expected a string, got {type(value).__name__}", param)
    return value


def listed(body: dict[str, Any], key: str) -> list[Any]:
    """The list at `key`, which must be there."""
    if key not in body:
        raise fault(f"#: required key [{key}] not found", key)
    if not isinstance(body[key], list):
        raise fault(f"#: {key}: expected a list, got {type(body[key]).__name__}", key)
    return body[key]


def number(body: dict[str, Any], key: str) -> Any:
    """The number at `key`; None where it is absent or null. Raises for one of the wrong kind or out of bounds."""
    value = body.get(key)
    if value is None:
        return None
    kind, low, high = NUMBERS[key]
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        raise fault(f"#: {key}: expected {'an integer' if kind is int else 'a number'}, got {_name(value)}", key)
    if not low <= value <= high:
        raise fault(f"#: {key}: expected a value from {low} to {high}, got {value}", key)
    return value


def _name(value: Any) -> str:
    return {bool: "a boolean", str: "a string", list: "an array", dict: "an object", float: "a decimal"}[type(value)]


def flag(body: dict[str, Any], key: str) -> bool:
    """A boolean; false where it is absent or null."""
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise fault(f"#: {key}: expected a boolean, got {type(value).__name__}", key)
    return bool(value)


# sampling --------------------------------------------------------------------------------------------------------


def sampling(body: dict[str, Any], limit: int | None) -> dict[str, Any]:
    """The inferenceConfig and the additionalModelRequestFields of a body; `limit` is its greatest number of tokens."""
    told = {key: number(body, key) if key in NUMBERS else body[key] for key in ADDITIONAL & body.keys()}
    fields = {key: value for key, value in told.items() if value is not None}
    config = {"maxTokens": limit, "topP": number(body, "top_p"), "stopSequences": _stops(body.get("stop"))}
    config = {key: value for key, value in config.items() if value is not None}
    if (temperature := number(body, "temperature")) is not None:
        # Converse knows no temperature above 1; engines do.
        (config if temperature <= 1 else fields)["temperature"] = temperature
    _check_bias(fields.get("logit_bias"))
    groups = {"inferenceConfig": config, "additionalModelRequestFields": fields}
    return {name: group for name, group in groups.items() if group}


def _stops(stop: Any) -> list[str] | None:
    if stop is None or isinstance(stop, str):
        return [stop] if stop else None
    with At("stop"):
        return [text(word, "stop") for word in stop]


def _check_bias(bias: Any) -> None:
    if bias is None:
        return
    with At("logit_bias"):
        for token, weight in bias.items():
            if not token.isdecimal() or isinstance(weight, bool) or not -100 <= weight <= 100:
                raise ValueError("logit_bias maps token ids to numbers from -100 to 100")


def effort(value: Any, param: str) -> dict[str, Any]:
    """How hard to think, as an additional field; empty where it is not said."""
    if value is None:
        return {}
    if value not in EFFORTS:
        raise fault(f"#: {param}: expected one of {', '.join(EFFORTS)}", param)
    return {"reasoning_effort": value}


def add_fields(turn: dict[str, Any], fields: dict[str, Any]) -> None:
    if fields:
        turn.setdefault("additionalModelRequestFields", {}).update(fields)


# parts -----------------------------------------------------------------------------------------------------------


ReadParts = dict[str, Callable[[dict[str, Any]], list[Block]]]
"""Content part type -> how it reads."""


def content(given: Any, kinds: ReadParts) -> list[Block]:
    """A content field: a string, or a list of parts of these kinds."""
    if isinstance(given, str):
        return words(given, "content")
    return [block for part in given for block in _part(part, kinds)]


def _part(part: dict[str, Any], kinds: ReadParts) -> list[Block]:
    kind = part["type"]
    if kind not in kinds:
        raise ValueError(f"content part {kind!r} is not one of {', '.join(kinds)}")
    return kinds[kind](part)


def image(url: Any) -> Block:
    """An image from its data URL."""
    media_type, data = _data(url, "image")
    return {"image": {"format": media_type.removeprefix("image/").replace("jpg", "jpeg"), "source": {"bytes": data}}}


def document(file: dict[str, Any]) -> Block:
    """A document from a file's `filename` and `file_data`."""
    if "file_data" not in file:
        raise ValueError("a file is given by its file_data (a data URL) or by the file_id of an uploaded file")
    name = text(file.get("filename") or "document", "filename")
    media_type, data = _data(file["file_data"], "file")
    return {"document": {"name": name[:200], "format": _format(media_type, name), "source": {"bytes": data}}}


def _format(media_type: str, name: str) -> str:
    suffix = name.rpartition(".")[2].lower()
    known = FORMATS.get(media_type) or (suffix if suffix in FORMATS.values() else None)
    if known is None and not media_type.startswith("text/"):
        raise ValueError(f"a file of type {media_type} cannot be read; documents are {', '.join(FORMATS.values())}")
    return known or "txt"


def _data(url: Any, what: str) -> tuple[str, str]:
    """Media type and base64 of a data URL."""
    if not isinstance(url, str):
        raise ValueError(f"the {what} is not a data URL")
    head = _DATA_URL.match(url[:200])
    if head is None:
        raise ValueError(f"the {what} must be a data URL (data:image/png;base64,...); this service fetches no others")
    return head[1].lower(), url[head.end() :]


def say(messages: list[Message], spoken: Message | None, role: str, content: list[Block]) -> Message | None:
    """Add to a conversation in which user and assistant alternate. `spoken` is the last message of one of them; what
    that then is comes back. A system message keeps its place, but for one between two messages of the same side: it
    then follows them."""
    if not content:
        return spoken
    if role != "system" and spoken and spoken["role"] == role:
        spoken["content"] += content
        return spoken
    messages.append({"role": role, "content": content})
    return spoken if role == "system" else messages[-1]


def tool_use(id: Any, name: Any, arguments: Any) -> Block:
    """A call that the model made earlier. Arguments are JSON text."""
    try:
        given = orjson.loads(text(arguments, "arguments").strip() or "{}")
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the arguments of the call {id} are not JSON ({error})") from error
    return {"toolUse": {"toolUseId": tool_id(id), "name": _tool_name(name), "input": given}}


def tool_result(id: Any, content: list[Block]) -> Block:
    return {"toolResult": {"toolUseId": tool_id(id), "content": content}}


def tool_id(id: Any) -> str:
    return bodies.tool_id(text(id, "id of a call"))


def reasoning(said: str) -> Block:
    return {"reasoningContent": {"reasoningText": {"text": said}}}


def words(said: Any, param: str) -> list[Block]:
    """A text as a block; none where it says nothing."""
    return [{"text": said}] if text(said, param).strip() else []


# tools -----------------------------------------------------------------------------------------------------------


def tool_spec(function: dict[str, Any]) -> dict[str, Any]:
    """A function as Converse's tool."""
    description = {"description": function["description"]} if function.get("description") else {}
    schema = _object(function.get("parameters") or {"type": "object", "properties": {}})
    name = _tool_name(function["name"])
    return {"toolSpec": {"name": name, "inputSchema": {"json": schema}, **description}}


def _tool_name(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"the name of a tool must be a string, not {type(name).__name__}")
    return name


def tools(body: dict[str, Any], read: Callable[[Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools of a body, each read by `read`."""
    specs = []
    if body.get("tools"):
        with At("tools"):
            for place, tool in enumerate(body["tools"]):
                with At(f"tools[{place}]"):
                    specs.append(read(tool))
    return specs


def tool_choice(body: dict[str, Any], read: Callable[[Any], Any]) -> Any:
    """What `add_tools` takes for a choice, read by `read`; `auto` where the body does not choose."""
    if not body.get("tool_choice"):
        return "auto"
    with At("tool_choice"):
        return read(body["tool_choice"])


def add_tools(turn: dict[str, Any], specs: list[dict[str, Any]], choice: Any, parallel: Any) -> None:
    """The tools of a turn and which to call. `choice` is `auto`, `none`, `required`, {"name": a tool} or
    {"names": tools, "mode": `auto` or `required`}."""
    if not specs:
        return _add_spoken_of(turn)
    fields: dict[str, Any] = {} if parallel is None or parallel is True else {"parallel_tool_calls": False}
    chosen: dict[str, Any] = {"auto": {}}
    if isinstance(choice, dict) and "names" in choice:
        specs = _allowed(specs, choice["names"])
        choice = choice["mode"]
    if choice == "none":
        fields["tool_choice"] = "none"
    elif choice == "required":
        chosen = {"any": {}}
    elif isinstance(choice, dict):
        chosen = {"tool": {"name": choice["name"]}}
    turn["toolConfig"] = {"tools": specs, "toolChoice": chosen}
    add_fields(turn, fields)


def _allowed(specs: list[dict[str, Any]], names: list[Any]) -> list[dict[str, Any]]:
    known = {spec["toolSpec"]["name"] for spec in specs}
    missing = [name for name in names if not isinstance(name, str) or name not in known]
    if missing or not names:
        raise fault(f"#: tool_choice: allowed_tools must name tools of this request, not {missing}", "tool_choice")
    wanted = set(names)
    return [spec for spec in specs if spec["toolSpec"]["name"] in wanted]


def _add_spoken_of(turn: dict[str, Any]) -> None:
    """Tools that a conversation speaks of and the request no longer offers: Converse wants them to be known."""
    blocks = [block for message in turn["messages"] for block in message["content"]]
    names = dict.fromkeys(block["toolUse"]["name"] for block in blocks if "toolUse" in block)
    if names:
        turn["toolConfig"] = {"tools": [tool_spec({"name": name}) for name in names], "toolChoice": {"auto": {}}}
        add_fields(turn, {"tool_choice": "none"})


# form ------------------------------------------------------------------------------------------------------------


def output_config(form: dict[str, Any] | None, definition: str | None) -> dict[str, Any]:
    """The outputConfig for a response_format or a text.format; `definition` is the key that holds the schema's
    definition, where that is not the form itself."""
    kind = (form or {"type": "text"})["type"]
    if kind not in ("text", "json_object", "json_schema"):
        raise ValueError(f"the format {kind!r} is not one of text, json_object, json_schema")
    if kind == "text" or form is None:
        return {}
    told = {"schema": {"type": "object"}, "name": "output"}
    if kind == "json_schema":
        told = form[definition] if definition else form
    structure = {"name": text(told["name"], "name"), "schema": json.dumps(_object(told["schema"]))}
    return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": structure}}}}


def _object(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise ValueError("the schema must be an object")
    return schema


# answers ---------------------------------------------------------------------------------------------------------


def finish_reason(stop: str) -> str:
    return FINISH.get(stop, "stop")


def prompt_tokens(usage: dict[str, int]) -> int:
    """All tokens of the prompt: Converse tells those read from and written to the cache apart."""
    return usage["totalTokens"] - usage["outputTokens"]


def weighed(tokens: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Log-probabilities without what engines add to them."""
    return [
        {**_weight(token), "top_logprobs": [_weight(top) for top in token.get("top_logprobs", ())]} for token in tokens
    ]


def _weight(token: dict[str, Any]) -> dict[str, Any]:
    raw = token.get("bytes")
    return {
        "token": token["token"],
        "logprob": token["logprob"],
        "bytes": list(token["token"].encode()) if raw is None else raw,
    }
