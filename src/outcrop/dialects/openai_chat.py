"""OpenAI chat completions: the body read into a turn, its answer and its chunks written from replies and from deltas.

Also the InvokeModel body of gpt-oss, Qwen and DeepSeek V3. Knows nothing of HTTP and of other dialects.
Source: platform.openai.com/docs/api-reference/chat and .../chat-streaming,
docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html. Reasoning goes in and out as
`reasoning_content`, as with DeepSeek's API, vLLM, SGLang and llama.cpp.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from .. import ids
from ..turn import Block, Delta, Message, Reply
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
    finish_reason,
    flag,
    image,
    listed,
    number,
    output_config,
    permit,
    prompt_tokens,
    reasoning,
    sampling,
    say,
    text,
    tool_choice,
    tool_result,
    tool_spec,
    tool_use,
    tools,
    weighed,
    words,
)

READ_HERE = frozenset(
    {"messages", "stop", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"}
    | {
        "modalities",
        "logprobs",
        "logit_bias",
        "temperature",
        "top_p",
        "top_logprobs",
        "max_tokens",
        "max_completion_tokens",
    }
)
IGNORED = frozenset(
    {"model", "n", "stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier"}
    | {"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "verbosity", "prediction"}
)
"""Keys that are somebody else's (the door's) or only a hint."""

KNOWN = READ_HERE | IGNORED | ADDITIONAL

REFUSED = {
    "audio": "this service answers in text",
    "functions": "deprecated; use tools",
    "function_call": "deprecated; use tool_choice",
    "web_search_options": "this service does not search the web",
    "moderation": "this service does not moderate here",
}


# read ------------------------------------------------------------------------------------------------------------


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the parameter (`param`)."""
    permit(body, KNOWN, REFUSED)
    if body.get("modalities") not in (None, ["text"]):
        raise fault("#: modalities: this service answers in text", "modalities")
    turn = _conversation(listed(body, "messages")) | sampling(body, _limit(body))
    _add_tools(turn, body)
    if body.get("response_format") is not None:
        with At("response_format"):
            turn |= output_config(body["response_format"], "json_schema")
    add_fields(turn, effort(body.get("reasoning_effort"), "reasoning_effort") | _logprobs(body))
    return turn


def _limit(body: dict[str, Any]) -> int | None:
    newer, older = number(body, "max_completion_tokens"), number(body, "max_tokens")
    return older if newer is None else newer


def _logprobs(body: dict[str, Any]) -> dict[str, Any]:
    top = number(body, "top_logprobs")
    if not flag(body, "logprobs"):
        if top is not None:
            raise fault("#: top_logprobs: logprobs must be true", "top_logprobs")
        return {}
    return {"logprobs": True} | ({} if top is None else {"top_logprobs": top})


def _conversation(given: list[Any]) -> dict[str, Any]:
    """messages and system: what is said to the model before anybody speaks is its system prompt. Where nobody else
    speaks at all it is what the model answers: chat templates need somebody to answer to."""
    messages: list[Message] = []
    spoken: Message | None = None
    for place, message in enumerate(given):
        with At(f"messages[{place}]"):
            spoken = say(messages, spoken, *_message(message))
    if not messages:
        raise fault("#: messages: there must be at least one message", "messages")
    lead = next((place for place, message in enumerate(messages) if message["role"] != "system"), len(messages))
    system = [block for message in messages[:lead] for block in message["content"]]
    if lead == len(messages):
        return {"messages": [{"role": "user", "content": system}]}
    return {"messages": messages[lead:], **({"system": system} if system else {})}


def _message(message: dict[str, Any]) -> tuple[str, list[Block]]:
    """A message's side of the conversation and its blocks."""
    role = message["role"]
    if role not in ROLES:
        raise ValueError(f"role {role!r} is not one of {', '.join(ROLES)}")
    side, reader = ROLES[role]
    return side, reader(message)


PARTS: ReadParts = {
    "text": lambda part: words(part["text"], "text"),
    "image_url": lambda part: [image(part["image_url"]["url"])],
    "file": lambda part: [document(part["file"])],
    "refusal": lambda part: words(part["refusal"], "refusal"),
}
"""Content part type -> how it reads."""


def _content(given: Any) -> list[Block]:
    return content(given, PARTS)


def _assistant(message: dict[str, Any]) -> list[Block]:
    thought = message.get("reasoning_content") or message.get("reasoning")
    said = message.get("content") or message.get("refusal") or ""
    return [
        *([reasoning(text(thought, "reasoning_content"))] if thought else []),
        *_content(said),
        *(_tool_call(call) for call in message.get("tool_calls") or ()),
    ]


def _tool_call(call: dict[str, Any]) -> Block:
    if call.get("type", "function") != "function":
        raise ValueError(f"tool call type {call['type']!r} is not supported")
    function = call["function"]
    return tool_use(call["id"], function["name"], function["arguments"])


ROLES: dict[str, tuple[str, Callable[[dict[str, Any]], list[Block]]]] = {
    "system": ("system", lambda message: _content(message["content"])),
    "developer": ("system", lambda message: _content(message["content"])),
    "user": ("user", lambda message: _content(message["content"])),
    "assistant": ("assistant", _assistant),
    "tool": ("user", lambda message: [tool_result(message["tool_call_id"], _content(message["content"]))]),
}
"""Role -> whose side speaks, and how its message reads."""


def _add_tools(turn: dict[str, Any], body: dict[str, Any]) -> None:
    flag(body, "parallel_tool_calls")
    add_tools(turn, tools(body, _tool), tool_choice(body, _choice), body.get("parallel_tool_calls"))


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool["type"] != "function":
        raise ValueError(f"tool type {tool['type']!r} is not supported; functions are")
    return tool_spec(tool["function"])


def _choice(choice: Any) -> Any:
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise ValueError(f"tool_choice {choice!r} is not one of auto, none, required")
        return choice
    if choice["type"] == "allowed_tools":
        allowed = choice["allowed_tools"]
        return {"names": [tool["function"]["name"] for tool in allowed["tools"]], "mode": _choice(allowed["mode"])}
    if choice["type"] != "function":
        raise ValueError(f"tool_choice type {choice['type']!r} is not supported")
    return {"name": choice["function"]["name"]}


# write -----------------------------------------------------------------------------------------------------------


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    return completion([reply], model_id)


def completion(replies: Sequence[Reply], model_id: str) -> dict[str, Any]:
    """The body that answers with a choice for each reply. The prompt they share counts once."""
    choices = [_choice_of(reply, index) for index, reply in enumerate(replies)]
    told = [_usage(reply["usage"], reply.get("details", {})) for reply in replies]
    return {**envelope(model_id, "chat.completion"), "choices": choices, "usage": summed(told)}


def envelope(model_id: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{ids.digits(32)}",
        "object": kind,
        "created": int(time.time()),
        "model": model_id,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _choice_of(reply: Reply, index: int) -> dict[str, Any]:
    told = reply["fields"].get("logprobs")
    return {
        "index": index,
        "message": _written(reply["message"]["content"]),
        "logprobs": None if told is None else {"content": weighed(told), "refusal": None},
        "finish_reason": finish_reason(reply["stopReason"]),
    }


def _written(content: list[Block]) -> dict[str, Any]:
    said = "".join(block["text"] for block in content if "text" in block)
    calls = [_call(block["toolUse"]) for block in content if "toolUse" in block]
    thought = "".join(
        block["reasoningContent"]["reasoningText"]["text"] for block in content if "reasoningContent" in block
    )
    return {
        "role": "assistant",
        "content": said if said or not calls else None,
        "refusal": None,
        "annotations": [],
        **({"reasoning_content": thought} if thought else {}),
        **({"tool_calls": calls} if calls else {}),
    }


def _call(use: dict[str, Any]) -> dict[str, Any]:
    given = use["input"]  # its text where the call was cut off in it
    function = {"name": use["name"], "arguments": given if isinstance(given, str) else orjson.dumps(given).decode()}
    return {"id": use["toolUseId"], "type": "function", "function": function}


def _usage(usage: dict[str, int], details: dict[str, int]) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt_tokens(usage),
        "completion_tokens": usage["outputTokens"],
        "total_tokens": usage["totalTokens"],
        "prompt_tokens_details": {"cached_tokens": details.get("cachedTokens", 0), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": details.get("reasoningTokens", 0),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def summed(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The usage of several answers to one prompt: the prompt counts once, the answers all."""
    whole = {**told[0], "completion_tokens_details": {**told[0]["completion_tokens_details"]}}
    for usage in told[1:]:
        whole["completion_tokens"] += usage["completion_tokens"]
        whole["total_tokens"] += usage["completion_tokens"]
        for name, count in usage["completion_tokens_details"].items():
            whole["completion_tokens_details"][name] += count
    return whole


# stream ----------------------------------------------------------------------------------------------------------


async def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of one answer; the last one has no choice and tells the usage. Closing it closes `deltas`."""
    chunks = Chunks(envelope(model_id, "chat.completion.chunk"))
    async with aclosing(deltas):
        async for delta in deltas:
            if (chunk := chunks.read(delta)) is not None:
                yield chunk
    yield chunks.usage([chunks])


class Chunks:
    """One choice of a streamed completion. `envelope` is what all its chunks say."""

    def __init__(self, envelope: dict[str, Any], index: int = 0) -> None:
        self.envelope, self.index = envelope, index
        self.calls = -1
        self.told: dict[str, Any] = {}

    def read(self, delta: Delta) -> dict[str, Any] | None:
        """The chunk for a delta, where it makes one."""
        ((name, event),) = delta.items()
        if name == "contentBlockDelta":
            return self._chunk(self._piece(event["delta"]), logprobs=event.get("logprobs"))
        if name == "messageStart":
            return self._chunk({"role": "assistant", "content": "", "refusal": None})
        if name == "contentBlockStart":
            return self._chunk(self._opened(event["start"]["toolUse"]))
        if name == "messageStop":
            return self._chunk({}, finish_reason(event["stopReason"]))
        if name == "metadata":
            self.told = _usage(event["usage"], event.get("details", {}))
        return None

    def usage(self, choices: Sequence[Chunks]) -> dict[str, Any]:
        """The chunk that tells what all choices used."""
        return {**self.envelope, "choices": [], "usage": summed([choice.told for choice in choices])}

    def _piece(self, delta: dict[str, Any]) -> dict[str, Any]:
        if "text" in delta:
            return {"content": delta["text"]}
        if "toolUse" in delta:
            return {"tool_calls": [{"index": self.calls, "function": {"arguments": delta["toolUse"]["input"]}}]}
        return {"reasoning_content": delta["reasoningContent"].get("text", "")}

    def _opened(self, use: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        function = {"name": use["name"], "arguments": ""}
        return {"tool_calls": [{"index": self.calls, "id": use["toolUseId"], "type": "function", "function": function}]}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
        told = None if logprobs is None else {"content": weighed(logprobs), "refusal": None}
        choice = {"index": self.index, "delta": delta, "logprobs": told, "finish_reason": finish}
        return {**self.envelope, "choices": [choice]}
