"""DeepSeek R1's text completion: a prompt in its template in, choices out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-deepseek.html. R1's template opens the reasoning,
so the text of its answer is the reasoning, `</think>` and the answer; so it is here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any

from ..turn import Delta, Reply
from . import aloud
from .body import MAX_TOKENS, STOP, TEMPERATURE, TEXTS, TOP_P, Field, Piece, chunks, placed, require, said
from .prompt import Template, parsed

KEYS = {
    "prompt": Field("String", low=1, required=True),
    "max_tokens": Field("Integer", MAX_TOKENS, low=1, high=32_768),
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "top_p": Field("Number", TOP_P, low=0, high=1),
    "stop": Field("JSONArray", STOP, high=10, items=TEXTS),
}

TEMPLATE = Template(
    re.compile(r"<[|｜](User|Assistant)[|｜]>"),
    {"User": "user", "Assistant": "assistant"},
    re.compile(r"<[|｜](?:begin|end)[_▁]of[_▁]sentence[|｜]>|<think>"),
    opening="system",
)

THOUGHT = aloud.Tags("", "\n</think>\n\n")


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    return placed(body, KEYS) | parsed(body["prompt"], TEMPLATE)


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    return _choice(said(aloud.reply(reply, THOUGHT)), _stop(reply["stopReason"]))


def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text, reasoning first; the last says why it stopped."""
    return chunks(aloud.deltas(deltas, THOUGHT), _chunk)


def _chunk(piece: Piece) -> dict[str, Any]:
    return _choice(piece.text, piece.stop and _stop(piece.stop))


def _choice(text: str, stop: str | None) -> dict[str, Any]:
    return {"choices": [{"text": text, "stop_reason": stop}]}


def _stop(reason: str) -> str:
    return "length" if reason in ("max_tokens", "model_context_window_exceeded") else "stop"
