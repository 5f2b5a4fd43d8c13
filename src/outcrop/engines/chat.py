"""A turn sent to an engine, its streamed answer read as deltas.

Knows nothing of models, queues or the API's doors. Failures come out as the ModelError branch of `errors.py`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson

from .. import errors
from ..turn import Blocks, Delta, Turn
from .body import body, forced
from .endpoint import Endpoint
from .forced import ForcedCall

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filtered",
}
"""OpenAI finish_reason -> Converse stopReason."""


async def chat(http: aiohttp.ClientSession, turn: Turn, endpoint: Endpoint, cached: int = 0) -> AsyncIterator[Delta]:
    """Stream the answer to `turn`. `cached` is how many prompt tokens stand before the last cachePoint.

    Closing the iterator closes the connection, which makes the engine stop. Raises ValidationException when the
    engine refuses the request, ModelErrorException before the first delta, ModelStreamErrorException after it.
    """
    answer = Answer(turn, cached)
    try:
        async with post(http, endpoint, "/v1/chat/completions", body(turn, endpoint)) as response:
            async for chunk in _events(response):
                for delta in answer.read(chunk):
                    yield delta
    except (aiohttp.ClientError, ConnectionError) as error:
        raise answer.failed("The model's engine went away before the answer was complete.") from error
    except TimeoutError as error:
        raise errors.ModelTimeoutException("The model did not answer in time.") from error
    for delta in answer.end():
        yield delta


def post(http: aiohttp.ClientSession, endpoint: Endpoint, path: str, content: dict[str, Any]) -> Any:
    """A POST to the engine as an async context manager; an answer of 400 and above raises."""
    return _Post(http, endpoint, path, content)


class _Post:
    def __init__(self, http: aiohttp.ClientSession, endpoint: Endpoint, path: str, content: dict[str, Any]) -> None:
        headers = {"content-type": "application/json"}
        if endpoint.key:
            headers["authorization"] = f"Bearer {endpoint.key}"
        self.request = http.post(endpoint.url + path, data=orjson.dumps(content), headers=headers)

    async def __aenter__(self) -> aiohttp.ClientResponse:
        response = await self.request.__aenter__()
        if response.status < 400:
            return response
        try:
            raise refusal(response.status, await response.read())
        finally:
            response.close()

    async def __aexit__(self, *exc: Any) -> None:
        await self.request.__aexit__(*exc)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The JSON of each server-sent event; an event stream cut short raises ConnectionError."""
    rest = b""
    async for data in response.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            if (payload := line[5:].strip()) == b"[DONE]":
                return
            yield _json(payload)
    raise ConnectionError("the engine's stream ended before [DONE]")


def _json(payload: bytes) -> dict[str, Any]:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ConnectionError("the engine sent an event that is not JSON") from error


class Answer:
    """One answer while its chunks come in."""

    def __init__(self, turn: Turn, cached: int) -> None:
        self.started = time.monotonic()
        self.blocks = Blocks()
        self.cached = cached
        self.begun = False
        self.limit = turn.get("inferenceConfig", {}).get("maxTokens")
        self.call = ForcedCall() if forced(turn) else None
        self.arguments: dict[int, list[str]] = {}
        self.usage: dict[str, Any] = {}
        self.prompt = 0
        self.pieces = 0
        self.finish: str | None = None
        self.malformed: str | None = None
        self.stopped_by: str | None = None

    def read(self, chunk: dict[str, Any]) -> list[Delta]:
        """The deltas of one chunk."""
        if progress := chunk.get("prompt_progress"):
            self.prompt = progress["total"]
            return []
        if error := chunk.get("error"):
            return self._error(error)
        self.usage = chunk.get("usage") or self.usage
        choices = chunk.get("choices")
        return self._choice(choices[0], chunk) if choices else []

    def _choice(self, choice: dict[str, Any], chunk: dict[str, Any]) -> list[Delta]:
        delta = choice.get("delta") or {}
        deltas: list[Delta] = []
        if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
            deltas += self.blocks.add("reasoningContent", {"reasoningContent": {"text": reasoning}})
        if text := delta.get("content"):
            deltas += self._text(text)
        for call in delta.get("tool_calls") or ():
            deltas += self._tool(call)
        if finish := choice.get("finish_reason"):
            self._finish(finish, choice, chunk)
        if deltas:
            self.pieces += 1
        return self._begin() + deltas if deltas or finish else []

    def _begin(self) -> list[Delta]:
        if self.begun:
            return []
        self.begun = True
        return [{"messageStart": {"role": "assistant", "usage": self._usage(self.prompt, 0)}}]

    def _text(self, text: str) -> list[Delta]:
        if self.call is None:
            return self.blocks.add("text", {"text": text})
        deltas: list[Delta] = []
        for name, piece in self.call.feed(text):
            deltas += self._tool({"index": 0, "function": {"name": name, "arguments": piece}})
        return deltas

    def _tool(self, call: dict[str, Any]) -> list[Delta]:
        index, function = call.get("index", 0), call.get("function") or {}
        deltas: list[Delta] = []
        if index not in self.arguments:
            self.arguments[index] = []
            tool = {"toolUseId": f"tooluse_{secrets.token_urlsafe(16)}", "name": function.get("name", "")}
            deltas += self.blocks.open("toolUse", {"toolUse": tool})
        if piece := function.get("arguments"):
            self.arguments[index].append(piece)
            deltas += self.blocks.add("toolUse", {"toolUse": {"input": piece}})
        return deltas

    def _finish(self, finish: str, choice: dict[str, Any], chunk: dict[str, Any]) -> None:
        self.finish = finish
        word = (chunk.get("__verbose") or {}).get("stopping_word") or choice.get("stop_reason")
        self.stopped_by = word if isinstance(word, str) and word else None

    def _error(self, error: Any) -> list[Delta]:
        """An error in mid-stream: output the engine's own parser could not read ends the answer, anything else raises."""
        message = error.get("message", "") if isinstance(error, dict) else str(error)
        if "parse" not in message.lower():
            raise self.failed(f"The model's engine failed: {message}")
        self.finish, self.malformed = "stop", message
        return self._begin()

    def failed(self, message: str) -> errors.ServiceError:
        """The error for a failure now: of the stream once a delta is out, of the request before that."""
        kind = errors.ModelStreamErrorException if self.begun else errors.ModelErrorException
        return kind(message, originalStatusCode=500)

    def end(self) -> list[Delta]:
        """The deltas that close the answer."""
        output = self.usage.get("completion_tokens", self.pieces)
        reason = self._stop_reason(output)
        stop: dict[str, Any] = {"stopReason": reason}
        if reason == "stop_sequence":
            stop["additionalModelResponseFields"] = {"stop_sequence": self.stopped_by}
        latency = max(1, round((time.monotonic() - self.started) * 1000))
        usage = self._usage(self.usage.get("prompt_tokens", self.prompt), output)
        closing = [{"messageStop": stop}, {"metadata": {"usage": usage, "metrics": {"latencyMs": latency}}}]
        return self._begin() + self.blocks.close() + closing

    def _stop_reason(self, output: int) -> str:
        reason = STOP_REASONS.get(self.finish or "stop", "end_turn")
        if self.malformed is not None:
            return "malformed_model_output"
        if reason == "max_tokens":
            return reason if self.limit is not None and output >= self.limit else "model_context_window_exceeded"
        if self.arguments:
            return "tool_use" if all(map(_is_json, self.arguments.values())) else "malformed_tool_use"
        if self.call is not None:
            return "malformed_tool_use"
        return "stop_sequence" if self.stopped_by else reason

    def _usage(self, prompt: int, output: int) -> dict[str, int]:
        """A TokenUsage. Tokens before the last cachePoint count as read from or written to the engine's prefix cache
        and not as input (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html)."""
        usage = {"inputTokens": prompt - self.cached, "outputTokens": output, "totalTokens": prompt + output}
        if self.cached:
            hit = (self.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            read = min(hit, self.cached)
            usage |= {"cacheReadInputTokens": read, "cacheWriteInputTokens": self.cached - read}
        return usage


def _is_json(pieces: list[str]) -> bool:
    try:
        orjson.loads("".join(pieces) or "{}")
    except orjson.JSONDecodeError:
        return False
    return True


def refusal(status: int, content: bytes) -> errors.ServiceError:
    """The engine's error answer as one of ours."""
    try:
        error = orjson.loads(content).get("error", {})
    except (orjson.JSONDecodeError, AttributeError):
        error = {}
    error = error if isinstance(error, dict) else {"message": str(error)}
    message = error.get("message") or f"HTTP {status}"
    if error.get("type") == "exceed_context_size_error":
        told = f"{error.get('n_prompt_tokens')} tokens, the model takes {error.get('n_ctx')}"
        return errors.ValidationException(f"Input is too long for requested model: {told}.")
    if status == 429:
        return errors.ThrottlingException("Too many requests, please wait before trying again.")
    if status == 503:
        return errors.ModelNotReadyException("The model is still loading, please try again.")
    if status in (400, 413, 422):
        return errors.ValidationException(f"The model returned the following errors: {message}")
    return errors.ModelErrorException(f"The model's engine failed: {message}", originalStatusCode=status)
