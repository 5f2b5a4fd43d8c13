"""Cohere Command: a prompt in, generations out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command.html; shapes of the stream from
docs.cohere.com/v1/reference/generate.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from .. import ids
from ..turn import Delta, Reply
from .body import MAX_TOKENS, STOP, TEXTS, TOP_K, TOP_P, Field, Piece, additional, chunks, placed, require, said
from .prompt import user

KEYS = {
    "prompt": Field("String", low=1, required=True),
    "temperature": Field("Number", additional("temperature"), low=0, high=5),
    "p": Field("Number", TOP_P, low=0, high=1),
    "k": Field("Number", TOP_K, low=0, high=500),
    "max_tokens": Field("Integer", MAX_TOKENS, low=1, high=4096),
    "stop_sequences": Field("JSONArray", STOP, high=4, items=TEXTS),
    "return_likelihoods": Field("String", options=("NONE",)),
    "stream": Field("Boolean"),
    "num_generations": Field("Integer", low=1, high=1),
    "logit_bias": Field("JSONObject", additional("logit_bias"), values=Field("Number", low=-10, high=10)),
    "truncate": Field("String", options=("NONE", "START", "END")),
}
"""A prompt that is too long is refused, whatever `truncate` says."""

REASONS = {
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "content_filtered": "ERROR_TOXIC",
    "guardrail_intervened": "ERROR_TOXIC",
}
"""Converse stopReason -> finish_reason; any other is COMPLETE."""


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    return placed(body, KEYS) | {"messages": [user(body["prompt"])]}


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers, but for `prompt`, which repeats that of the request."""
    generation = {"id": ids.uuid(), "text": said(reply), "finish_reason": _reason(reply["stopReason"])}
    return {"id": ids.uuid(), "generations": [generation]}


def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text; the last says why it stopped."""
    return chunks(deltas, _chunk)


def _chunk(piece: Piece) -> dict[str, Any]:
    done = piece.stop is not None
    finish = {"finish_reason": _reason(piece.stop)} if done else {}
    return {"is_finished": done, "index": 0, "text": piece.text, **finish}


def _reason(stop: str | None) -> str:
    return REASONS.get(stop or "", "COMPLETE")
