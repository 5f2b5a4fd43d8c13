"""Mistral AI text completion: an [INST] prompt in, outputs out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any

from ..turn import Delta, Reply
from .body import MAX_TOKENS, STOP, TEMPERATURE, TEXTS, TOP_K, TOP_P, Field, Piece, chunks, placed, require, said
from .prompt import Template, parsed

KEYS = {
    "prompt": Field("String", low=1, required=True),
    "max_tokens": Field("Integer", MAX_TOKENS, low=1, high=8192),
    "stop": Field("JSONArray", STOP, high=10, items=TEXTS),
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "top_p": Field("Number", TOP_P, low=0, high=1),
    "top_k": Field("Integer", TOP_K, low=0, high=200),
}

TEMPLATE = Template(
    re.compile(r"(\[/?INST\])"), {"[INST]": "user", "[/INST]": "assistant"}, re.compile(r"</?s>"), opening="user"
)


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    return placed(body, KEYS) | parsed(body["prompt"], TEMPLATE)


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    return _output(said(reply), _stop(reply["stopReason"]))


def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text; the last says why it stopped."""
    return chunks(deltas, _chunk)


def _chunk(piece: Piece) -> dict[str, Any]:
    return _output(piece.text, piece.stop and _stop(piece.stop))


def _output(text: str, stop: str | None) -> dict[str, Any]:
    return {"outputs": [{"text": text, "stop_reason": stop}]}


def _stop(reason: str) -> str:
    return "length" if reason in ("max_tokens", "model_context_window_exceeded") else "stop"
