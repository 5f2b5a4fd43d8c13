"""One answer of an engine, its chunks read as deltas while they come in.

Pure: knows nothing of HTTP. Chunks are those of OpenAI's streamed chat completions, with what llama.cpp and vLLM add.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

import orjson

from .. import errors
from ..turn import Blocks, Delta
from .forced import ForcedCall
from .post import broken

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filtered",
}
"""OpenAI finish_reason -> Converse stopReason."""

UNREADABLE = ("parse", "does not match the expected")
"""How llama.cpp says that it could not read what the model wrote (a half tool call, broken UTF-8 under a schema)."""


class Answer:
    """Folds chunks into deltas. `cached` is how many prompt tokens stand before the last cachePoint, `limit` the
    max_tokens that the engine was given, `forced` whether the text is to be read as a tool call."""

    def __init__(self, cached: int = 0, limit: int | None = None, forced: bool = False) -> None:
        self.started = time.monotonic()
        self.blocks = Blocks()
        self.cached = cached
        self.limit = limit
        self.call = ForcedCall() if forced else None
        self.begun = False
        self.calls: dict[int, list[str]] = {}
        self.prompt, self.hit = 0, 0
        self.usage: dict[str, Any] = {}
        self.pieces, self.reasoned = 0, 0
        self.finish: str | None = None
        self.stopped_by: str | None = None
        self.malformed = False

    def read(self, chunk: dict[str, Any]) -> list[Delta]:
        """The deltas of one chunk. Raises ModelErrorException for an error of the engine and for what is no chunk."""
        try:
            return self._read(chunk)
        except (TypeError, AttributeError, LookupError, ValueError) as error:
            raise broken("The model's engine sent something that is not a chat completion.") from error

    def _read(self, chunk: dict[str, Any]) -> list[Delta]:
        if error := chunk.get("error"):
            return self._error(error)
        if progress := chunk.get("prompt_progress"):
            self.prompt, self.hit = progress["total"], progress.get("cache", 0)
        if usage := chunk.get("usage"):
            self._count(usage)
        choices = chunk.get("choices")
        if not choices:
            return []
        choice = choices[0]
        deltas = self._pieces(choice["delta"]) if choice.get("delta") else self._continued(choice)
        if deltas and choice.get("logprobs"):
            _weigh(deltas[-1], choice["logprobs"])
        if finish := choice.get("finish_reason"):
            self._finish(finish, choice, chunk)
        if not deltas:
            return []
        self.pieces += 1
        return deltas if self.begun else self._begin() + deltas

    def _pieces(self, delta: dict[str, Any]) -> list[Delta]:
        deltas: list[Delta] = []
        if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
            self.reasoned += 1
            deltas = self.blocks.add("reasoningContent", {"reasoningContent": {"text": _text(reasoning)}})
        if text := delta.get("content"):
            deltas += self._said(_text(text))
        if calls := delta.get("tool_calls"):
            for call in calls:
                deltas += self._tool(call)
        return deltas

    def _continued(self, choice: dict[str, Any]) -> list[Delta]:
        """A piece of a plain completion, which has a text and no delta."""
        text = choice.get("text")
        return self._said(_text(text)) if text else []

    def _said(self, text: str) -> list[Delta]:
        if self.call is None:
            return self.blocks.add("text", {"text": text})
        deltas: list[Delta] = []
        for name, piece in self.call.feed(text):
            deltas += self._tool({"index": 0, "function": {"name": name, "arguments": piece}})
        return deltas

    def _tool(self, call: dict[str, Any]) -> list[Delta]:
        index, function = call.get("index", 0), call.get("function") or {}
        deltas: list[Delta] = []
        if index not in self.calls:
            self.calls[index] = []
            tool = {"toolUseId": f"tooluse_{secrets.token_urlsafe(16)}", "name": _text(function["name"])}
            deltas = self.blocks.open("toolUse", {"toolUse": tool})
        elif index != list(self.calls)[-1] or self.blocks.kind != "toolUse":
            raise broken("The model's engine mixed the pieces of two tool calls.")
        if piece := function.get("arguments"):
            self.calls[index].append(_text(piece))
            deltas += self.blocks.add("toolUse", {"toolUse": {"input": piece}})
        return deltas

    def _begin(self) -> list[Delta]:
        self.begun = True
        return [{"messageStart": {"role": "assistant", "usage": self._usage(0)}}]

    def _finish(self, finish: str, choice: dict[str, Any], chunk: dict[str, Any]) -> None:
        self.finish = finish
        word = (chunk.get("__verbose") or {}).get("stopping_word") or choice.get("stop_reason")
        self.stopped_by = word if isinstance(word, str) and word else None

    def _error(self, error: Any) -> list[Delta]:
        """An error in mid-stream. Output that the engine's own parser could not read ends the answer."""
        message = str(error.get("message", "")) if isinstance(error, dict) else str(error)
        if not any(sign in message for sign in UNREADABLE):
            raise broken(f"The model's engine failed: {message}")
        self.malformed = True
        return []

    def failed(self, error: errors.ModelErrorException) -> errors.ServiceError:
        """An engine's failure as the caller meets it: once a delta is out it is the stream's."""
        if not self.begun:
            return error
        return errors.ModelStreamErrorException(error.message, originalStatusCode=500, originalMessage=error.message)

    def end(self) -> list[Delta]:
        """The deltas that close the answer. Raises ModelErrorException when the engine never said that it was done."""
        if self.finish is None and not self.malformed:
            raise broken("The model's engine stopped without a reason.")
        output = self.usage.get("completion_tokens", self.pieces)
        stop: dict[str, Any] = {"stopReason": self._stop_reason(output)}
        if stop["stopReason"] == "stop_sequence":
            stop["additionalModelResponseFields"] = {"stop_sequence": self.stopped_by}
        latency = max(1, round((time.monotonic() - self.started) * 1000))
        metadata = {"usage": self._usage(output), "metrics": {"latencyMs": latency}, **self._details()}
        begin = [] if self.begun else self._begin()
        return [*begin, *self.blocks.close(), {"messageStop": stop}, {"metadata": metadata}]

    def _stop_reason(self, output: int) -> str:
        reason = STOP_REASONS.get(self.finish or "stop", "end_turn")
        if self.malformed:
            return "malformed_model_output"
        if reason in ("max_tokens", "content_filtered"):
            return self._cut_short(reason, output)
        if self.calls:
            return "tool_use" if all(map(_is_object, self.calls.values())) else "malformed_tool_use"
        if self.call is not None:
            return "malformed_tool_use"
        return "stop_sequence" if self.stopped_by else "end_turn"

    def _cut_short(self, reason: str, output: int) -> str:
        """`length` says either of two things: the limit that was asked for, or the end of the context."""
        known = "completion_tokens" in self.usage or self.limit is None
        beyond = reason == "max_tokens" and known and (self.limit is None or output < self.limit)
        return "model_context_window_exceeded" if beyond else reason

    def _count(self, usage: dict[str, Any]) -> None:
        self.usage = usage
        self.prompt = usage.get("prompt_tokens", self.prompt)
        self.hit = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", self.hit) or 0

    def _details(self) -> dict[str, dict[str, int]]:
        """What other APIs tell of the usage. A server that does not count reasoning streams it token by token."""
        told = (self.usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        counts = {"cachedTokens": self.hit, "reasoningTokens": told or self.reasoned}
        details = {name: count for name, count in counts.items() if count}
        return {"details": details} if details else {}

    def _usage(self, output: int) -> dict[str, int]:
        """A TokenUsage. Tokens before the last cachePoint count as read from or written to the engine's prefix cache
        and not as input (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html)."""
        cached = min(self.cached, self.prompt)
        usage = {"inputTokens": self.prompt - cached, "outputTokens": output, "totalTokens": self.prompt + output}
        if self.cached:
            read = min(self.hit, cached)
            usage |= {"cacheReadInputTokens": read, "cacheWriteInputTokens": cached - read}
        return usage


def _weigh(delta: Delta, told: dict[str, Any]) -> None:
    """Put the log-probabilities of a text's tokens beside it. Those of reasoning and of calls are nobody's."""
    event = delta.get("contentBlockDelta")
    if event is not None and "text" in event["delta"] and (tokens := _tokens(told)):
        event["logprobs"] = tokens


def _tokens(told: dict[str, Any]) -> list[dict[str, Any]]:
    """One object a token; plain completions (vLLM's) tell them as parallel lists."""
    if "tokens" not in told:
        return list(told.get("content") or [])
    every = told.get("top_logprobs") or [None] * len(told["tokens"])
    return [
        {
            "token": token,
            "logprob": logprob,
            "top_logprobs": [{"token": name, "logprob": value} for name, value in (top or {}).items()],
        }
        for token, logprob, top in zip(told["tokens"], told["token_logprobs"], every, strict=True)
    ]


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value


def _is_object(pieces: list[str]) -> bool:
    try:
        return isinstance(orjson.loads("".join(pieces).strip() or "{}"), dict)
    except orjson.JSONDecodeError:
        return False
