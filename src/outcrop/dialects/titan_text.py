"""Amazon Titan Text: inputText and textGenerationConfig in, results out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html. Its completionReason for a whole
answer is FINISHED there and FINISH on the wire (recordings of openinference and others): clients get the wire's.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any

from ..turn import Delta, Reply
from .body import MAX_TOKENS, STOP, TEMPERATURE, TEXTS, TOP_P, Field, Piece, chunks, placed, require, said
from .prompt import Template, parsed

CONFIG = {
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "topP": Field("Number", TOP_P, low=0, high=1),
    "maxTokenCount": Field("Integer", MAX_TOKENS, low=1, high=8192),
    "stopSequences": Field("JSONArray", STOP, items=TEXTS),
}
KEYS = {
    "inputText": Field("String", low=1, required=True),
    "textGenerationConfig": Field("JSONObject", keys=CONFIG),
}

TEMPLATE = Template(re.compile(r"(?:^|\n)(User|Bot):"), {"User": "user", "Bot": "assistant"})

REASONS = {
    "max_tokens": "LENGTH",
    "model_context_window_exceeded": "LENGTH",
    "stop_sequence": "STOP_CRITERIA_MET",
    "content_filtered": "CONTENT_FILTERED",
    "guardrail_intervened": "CONTENT_FILTERED",
}
"""Converse stopReason -> completionReason; any other is a whole answer."""


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    return placed(body.get("textGenerationConfig", {}), CONFIG) | parsed(body["inputText"], TEMPLATE)


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    result = {
        "tokenCount": reply["usage"]["outputTokens"],
        "outputText": said(reply),
        "completionReason": _reason(reply["stopReason"]),
    }
    return {"inputTextTokenCount": reply["usage"]["inputTokens"], "results": [result]}


def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text; the first counts the prompt, the last the answer."""
    return chunks(deltas, _chunk)


def _chunk(piece: Piece) -> dict[str, Any]:
    done = piece.stop is not None
    return {
        "outputText": piece.text,
        "index": 0,
        "totalOutputTextTokenCount": piece.usage["outputTokens"] if done else None,
        "completionReason": _reason(piece.stop) if done else None,
        "inputTextTokenCount": piece.usage.get("inputTokens") if done or piece.first else None,
    }


def _reason(stop: str | None) -> str:
    return REASONS.get(stop or "", "FINISH")
