"""Cohere Command R: a message with its history, documents and tools in, text or calls out.

Knows nothing of HTTP and of other dialects. Documents become search results of the message; the engine marks no
passages, so an answer has no `citations`. A prompt that is too long is refused, whatever `prompt_truncation` says.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command-r-plus.html; events and tool types
from docs.cohere.com/v1/reference/chat and docs.cohere.com/v1/docs/parameter-types-in-tool-use.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from .. import ids
from ..turn import Block, Delta, Message, Reply, gather
from .body import (
    ANY,
    MAX_TOKENS,
    STOP,
    TEMPERATURE,
    TEXT,
    TEXTS,
    TOP_K,
    TOP_P,
    Field,
    additional,
    malformed,
    placed,
    require,
    said,
)  # fmt: skip

PARAMETER = Field("JSONObject", keys={
    "type": TEXT, "description": Field("String"), "required": Field("Boolean"), "default": Field(ANY),
})  # fmt: skip
TOOL = Field("JSONObject", keys={
    "name": TEXT, "description": Field("String"), "parameter_definitions": Field("JSONObject", values=PARAMETER),
})  # fmt: skip
CALL = Field("JSONObject", keys={"name": TEXT, "parameters": Field("JSONObject"), "generation_id": Field("String")})
RESULT = Field("JSONObject", keys={
    "call": Field("JSONObject", keys=CALL.keys, required=True),
    "outputs": Field("JSONArray", items=Field("JSONObject"), required=True),
})  # fmt: skip
RESULTS = Field("JSONArray", items=RESULT, low=1)
TURN = Field("JSONObject", keys={
    "role": Field("String", options=("USER", "CHATBOT", "SYSTEM", "TOOL"), required=True),
    "message": Field("String"), "tool_calls": Field("JSONArray", items=CALL), "tool_results": RESULTS,
})  # fmt: skip
KEYS = {
    "message": TEXT,
    "chat_history": Field("JSONArray", items=TURN),
    "documents": Field("JSONArray", items=Field("JSONObject", values=Field("String"))),
    "search_queries_only": Field("Boolean", options=(False,)),
    "preamble": Field("String"),
    "max_tokens": Field("Integer", MAX_TOKENS, low=1, high=4096),
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "p": Field("Number", TOP_P, low=0.01, high=0.99),
    "k": Field("Number", TOP_K, low=0, high=500),
    "prompt_truncation": Field("String", options=("OFF", "AUTO_PRESERVE_ORDER")),
    "frequency_penalty": Field("Number", additional("frequency_penalty"), low=0, high=1),
    "presence_penalty": Field("Number", additional("presence_penalty"), low=0, high=1),
    "seed": Field("Integer", additional("seed")),
    "return_prompt": Field("Boolean", options=(False,)),
    "tools": Field("JSONArray", items=TOOL),
    "tool_results": RESULTS,
    "stop_sequences": Field("JSONArray", STOP, high=5, items=TEXTS),
    "raw_prompting": Field("Boolean", options=(False,)),
}
"""Options that leave one value out are not offered here: queries alone, the raw prompt."""

TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object", "list": "array"}
LIST = re.compile(r"list\[(\w+)\]", re.IGNORECASE)
"""Cohere's types are Python's; JSON schema has its own names."""

ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "user"}

REASONS = {
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "ERROR_LIMIT",
    "content_filtered": "ERROR_TOXIC",
    "guardrail_intervened": "ERROR_TOXIC",
}
"""Converse stopReason -> finish_reason; any other is COMPLETE."""


# read --------------------------------------------------------------------------------------------------------------


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    turn = placed(body, KEYS) | _conversation(body)
    if body.get("tools"):
        turn["toolConfig"] = {"tools": [{"toolSpec": _tool(tool)} for tool in body["tools"]]}
    return turn


def _conversation(body: dict[str, Any]) -> dict[str, Any]:
    talk = _Talk()
    for entry in body.get("chat_history", ()):
        talk.add(entry)
    talk.say("user", [_document(*numbered) for numbered in enumerate(body.get("documents", ()))])
    talk.add({"role": "USER", "message": body["message"]})
    if "tool_results" in body:
        talk.answer(body["tool_results"])
    system = [{"text": text} for text in (body.get("preamble"), *talk.system) if text]
    return {"messages": talk.messages, **({"system": system} if system else {})}


class _Talk:
    """Messages as they are read. Cohere's calls have no ids: they are numbered, and results meet them in order."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.system: list[str] = []
        self.open: list[str] = []
        self.count = 0

    def add(self, entry: dict[str, Any]) -> None:
        role, text = ROLES[entry["role"]], entry.get("message") or ""
        if role == "system":
            self.system.append(text)
            return
        self.say(role, [{"text": text}] if text else [])
        if role == "assistant":
            self.say(role, [self._use(call) for call in entry.get("tool_calls", ())])
        if entry.get("tool_results"):
            self.answer(entry["tool_results"])

    def say(self, role: str, blocks: list[Block]) -> None:
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += blocks
        elif blocks:
            self.messages.append({"role": role, "content": blocks})

    def answer(self, results: list[dict[str, Any]]) -> None:
        """The results, after the calls that they name where the history does not hold those."""
        if not self.open:
            self.say("assistant", [self._use(result["call"]) for result in results])
        asked, self.open = self.open, []
        if len(asked) != len(results):
            raise malformed(f"#/tool_results: {len(asked)} calls and {len(results)} results")
        self.say("user", [_result(*pair) for pair in zip(asked, results, strict=True)])

    def _use(self, call: dict[str, Any]) -> Block:
        self.count += 1
        self.open.append(f"call_{self.count}")
        return {"toolUse": {"toolUseId": self.open[-1], "name": call["name"], "input": call.get("parameters", {})}}


def _result(id: str, result: dict[str, Any]) -> Block:
    return {"toolResult": {"toolUseId": id, "content": [{"json": output} for output in result["outputs"]]}}


def _document(place: int, document: dict[str, str]) -> Block:
    """A document as a search result: its title, its id, and the words of its other fields."""
    name = f"doc_{place}"
    words = [value for key, value in document.items() if key not in ("id", "title")]
    title, source = document.get("title") or name, document.get("id") or name
    return {"searchResult": {"title": title, "source": source, "content": [{"text": "\n".join(words)}]}}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    given = tool.get("parameter_definitions", {})
    schema: dict[str, Any] = {"type": "object", "properties": {name: _schema(given[name]) for name in given}}
    if needed := [name for name in given if given[name].get("required")]:
        schema["required"] = needed
    description = {"description": tool["description"]} if tool.get("description") else {}
    return {"name": tool["name"], "inputSchema": {"json": schema}, **description}


def _schema(parameter: dict[str, Any]) -> dict[str, Any]:
    items = LIST.fullmatch(parameter["type"])
    kind = {"type": "array", "items": {"type": _type(items[1])}} if items else {"type": _type(parameter["type"])}
    return kind | {key: parameter[key] for key in ("description", "default") if key in parameter}


def _type(name: str) -> str:
    """JSON schema's own names are taken as well."""
    lower = name.lower()
    if lower not in TYPES and lower not in TYPES.values():
        raise malformed(f"#/tools: {name[:40]} is not a type of a parameter")
    return TYPES.get(lower, lower)


# write -------------------------------------------------------------------------------------------------------------


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    uses = [block["toolUse"] for block in reply["message"]["content"] if "toolUse" in block]
    return {
        "response_id": ids.uuid(),
        "text": said(reply),
        "generation_id": ids.uuid(),
        "finish_reason": REASONS.get(reply["stopReason"], "COMPLETE"),
        **({"tool_calls": [{"name": use["name"], "parameters": use["input"]} for use in uses]} if uses else {}),
        "meta": {
            "api_version": {"version": "1"},
            "billed_units": {
                "input_tokens": reply["usage"]["inputTokens"],
                "output_tokens": reply["usage"]["outputTokens"],
            },
        },
    }


# stream ------------------------------------------------------------------------------------------------------------


async def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """stream-start, text-generation for every piece, tool-calls-generation for all calls, and stream-end with the
    whole answer. Closing it closes `deltas`."""
    start = {"generation_id": ids.uuid()}
    heard: list[Delta] = []
    async with aclosing(deltas):
        async for delta in deltas:
            heard.append(delta)
            if "messageStart" in delta:
                yield _event("stream-start", **start)
            elif text := delta.get("contentBlockDelta", {}).get("delta", {}).get("text"):
                yield _event("text-generation", text=text)
    answer = write(await gather(_again(heard)), model_id) | start
    if "tool_calls" in answer:
        yield _event("tool-calls-generation", tool_calls=answer["tool_calls"], text=answer["text"])
    yield _event("stream-end", finish_reason=answer["finish_reason"], response=answer)


def _event(kind: str, **members: Any) -> dict[str, Any]:
    return {"is_finished": kind == "stream-end", "event_type": kind, **members}


async def _again(deltas: list[Delta]) -> AsyncGenerator[Delta, None]:
    for delta in deltas:
        yield delta
