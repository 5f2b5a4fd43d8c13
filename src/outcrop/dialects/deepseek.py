"""DeepSeek R1's text completion: a prompt in its template in, choices out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-deepseek.html. R1's template opens the reasoning,
so the text of its answer is the reasoning, `</think>` and the answer; so it is here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..turn import Delta, Reply
from .body import MAX_TOKENS, STOP, TEMPERATURE, TEXTS, TOP_P, Field, pieces, placed, reasoned, require, said
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

END_OF_THOUGHT = "\n</think>\n\n"


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    return placed(body, KEYS) | parsed(body["prompt"], TEMPLATE)


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    reasoning = reasoned(reply)
    text = (reasoning + END_OF_THOUGHT if reasoning else "") + said(reply)
    return _choice(text, _stop(reply["stopReason"]))


async def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text, reasoning first; the last says why it stopped."""
    thinking = False
    async with aclosing(pieces(deltas)) as news:
        async for piece in news:
            if thinking and not piece.reasoning:
                yield _choice(END_OF_THOUGHT, None)
            thinking = bool(piece.reasoning)
            yield _choice(piece.reasoning + piece.text, piece.stop and _stop(piece.stop))


def _choice(text: str, stop: str | None) -> dict[str, Any]:
    return {"choices": [{"text": text, "stop_reason": stop}]}


def _stop(reason: str) -> str:
    return "length" if reason in ("max_tokens", "model_context_window_exceeded") else "stop"
