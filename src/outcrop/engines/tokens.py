"""Exact token counts of a turn, asked of the engine that would answer it.

Knows nothing of billing or of the API's doors.
"""

from __future__ import annotations

from typing import Any

from ..errors import ValidationException
from ..turn import Message, Turn
from .body import body
from .endpoint import Endpoint
from .post import Client, broken


async def count(http: Client, turn: Turn, endpoint: Endpoint) -> int:
    """Tokens of the whole prompt, template included: what the same turn uses, cached or not, when it is answered."""
    if not endpoint.kind.tokenize:
        raise ValidationException("The engine that serves this model does not count tokens.")
    return await _ask(http, endpoint, "/v1/chat/completions/input_tokens", _prompt(turn, endpoint), "input_tokens")


async def cached(http: Client, turn: Turn, endpoint: Endpoint) -> int:
    """Tokens of the prompt that stand before the last cachePoint; 0 without one.

    The part up to the cachePoint is rendered on its own: what both renderings begin with is the cacheable prefix.
    """
    before = before_cache_point(turn)
    if before is None or not endpoint.kind.tokenize:
        return 0
    part, whole = await _tokens(http, before, endpoint), await _tokens(http, turn, endpoint)
    return next((place for place, (a, b) in enumerate(zip(part, whole, strict=False)) if a != b), len(part))


async def _tokens(http: Client, turn: Turn, endpoint: Endpoint) -> list[int]:
    prompt = await _ask(http, endpoint, "/apply-template", _prompt(turn, endpoint), "prompt")
    asked = {"content": prompt, "add_special": True, "parse_special": True}
    return await _ask(http, endpoint, "/tokenize", asked, "tokens")


def _prompt(turn: Turn, endpoint: Endpoint) -> dict[str, Any]:
    return body(turn, endpoint) | {"stream": False}


async def _ask(http: Client, endpoint: Endpoint, path: str, content: dict[str, Any], member: str) -> Any:
    answer = await http.post(endpoint, path, content)
    if member not in answer:
        raise broken(f"The model's engine gave no {member}.")
    return answer[member]


def before_cache_point(turn: Turn) -> Turn | None:
    """The turn cut off at its last cachePoint; None without one.

    Where tools end at a cachePoint the system prompt stays: most chat templates put it before the tools.
    """
    messages = turn.get("messages", [])
    for place in range(len(messages) - 1, -1, -1):
        content = messages[place]["content"]
        if (cut := _last(content)) is not None:
            kept: Message = {"role": messages[place]["role"], "content": content[:cut]}
            return {**turn, "messages": [*messages[:place], kept]}
    nobody: list[Message] = [{"role": "user", "content": [{"text": ""}]}]
    system = turn.get("system", [])
    if (cut := _last(system)) is not None:
        return {**turn, "system": system[:cut], "messages": nobody}
    config = turn.get("toolConfig", {})
    if (cut := _last(config.get("tools", []))) is not None:
        return {**turn, "toolConfig": {**config, "tools": config["tools"][:cut]}, "messages": nobody}
    return None


def _last(blocks: list[dict[str, Any]]) -> int | None:
    return next((place for place in range(len(blocks) - 1, -1, -1) if "cachePoint" in blocks[place]), None)
