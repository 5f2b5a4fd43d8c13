"""Anthropic Text Completions (Claude 2 and Instant): one prompt of Human and Assistant turns, one completion.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-text-completion.html,
docs.anthropic.com/en/api/complete; the words for a prompt that is no such prompt from issues of its clients.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any

from ..errors import ValidationException
from ..turn import Delta, Reply
from .body import ANY, MAX_TOKENS, STOP, TEMPERATURE, TEXT, TEXTS, TOP_K, TOP_P, Field, Piece, chunks, placed, require
from .body import said as words
from .prompt import Template, parsed

KEYS = {
    "prompt": TEXT,
    "max_tokens_to_sample": Field("Integer", MAX_TOKENS, low=1, high=4096, required=True),
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "top_p": Field("Number", TOP_P, low=0, high=1),
    "top_k": Field("Integer", TOP_K, low=0, high=500),
    "stop_sequences": Field("JSONArray", STOP, items=TEXTS),
    "anthropic_version": Field("String"),
    "metadata": Field(ANY),
}

TEMPLATE = Template(
    re.compile(r"(?:^|\n\n)(Human|Assistant):"), {"Human": "user", "Assistant": "assistant"}, opening="system"
)

HUMAN = "\n\nHuman:"
"""The stop sequence that is built into the family: its name for the end of a turn."""


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    speakers = TEMPLATE.marks.findall(body["prompt"])
    if speakers[:1] != ["Human"]:
        raise _invalid('prompt must start with "\\n\\nHuman:" turn after an optional system prompt')
    if speakers[-1] != "Assistant":
        raise _invalid('prompt must end with "\\n\\nAssistant:" turn')
    return placed(body, KEYS) | parsed(body["prompt"], TEMPLATE)


def _invalid(what: str) -> ValidationException:
    return ValidationException(f"Invalid prompt: {what}")


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    return {"completion": words(reply), **_stop(reply["stopReason"], reply["fields"].get("stop_sequence"))}


def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of the completion; the last says why it stopped."""
    return chunks(deltas, _chunk)


def _chunk(piece: Piece) -> dict[str, Any]:
    return {"completion": piece.text, **_stop(piece.stop, piece.stop_sequence)}


def _stop(reason: str | None, word: str | None) -> dict[str, str | None]:
    if reason is None:
        return {"stop_reason": None, "stop": None}
    if reason in ("max_tokens", "model_context_window_exceeded"):
        return {"stop_reason": "max_tokens", "stop": None}
    return {"stop_reason": "stop_sequence", "stop": word or HUMAN}
