"""Meta Llama: a prompt in Llama's template in, a generation and its token counts out.

Knows nothing of HTTP and of other dialects.
Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html,
llama.com/docs/model-cards-and-prompt-formats.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncGenerator
from typing import Any

from ..turn import Block, Delta, Reply
from .body import MAX_TOKENS, TEMPERATURE, TEXTS, TOP_P, Field, Piece, chunks, malformed, placed, require, said
from .prompt import Template, parsed

KEYS = {
    "prompt": Field("String", low=1, required=True),
    "images": Field("JSONArray", items=TEXTS),
    "max_gen_len": Field("Integer", MAX_TOKENS, low=1, high=2048),
    "temperature": Field("Number", TEMPERATURE, low=0, high=1),
    "top_p": Field("Number", TOP_P, low=0, high=1),
}

ROLES = {"system": "system", "user": "user", "assistant": "assistant", "ipython": "user", "tool": "user"}
LLAMA_3 = Template(
    re.compile(r"<\|(?:start_header_id|header_start)\|>\s*(\w+)\s*<\|(?:end_header_id|header_end)\|>"),
    ROLES,
    re.compile(r"<\|(?:begin_of_text|eot_id|eot|eom_id|image|python_tag)\|>"),
)
"""The template of Llama 3, and of Llama 4, which has shorter names for the same tokens."""
LLAMA_2 = Template(
    re.compile(r"(<<SYS>>|<</SYS>>|\[/?INST\])"),
    {"<<SYS>>": "system", "<</SYS>>": "user", "[INST]": "user", "[/INST]": "assistant"},
    re.compile(r"</?s>|\[INST\](?=\s*<<SYS>>)"),
)

MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
"""How the bytes of an image begin -> its format."""


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the turn that `body` asks for. Raises ValidationException that names the offending key."""
    require(body, KEYS)
    template = LLAMA_2 if "[INST]" in body["prompt"] else LLAMA_3
    turn = placed(body, KEYS) | parsed(body["prompt"], template)
    images = [_image(data, f"#/images/{place}") for place, data in enumerate(body.get("images", ()))]
    asked = [message for message in turn["messages"] if message["role"] == "user"]
    asked[-1]["content"][:0] = images
    return turn


def _image(data: str, at: str) -> Block:
    try:
        begin = base64.b64decode(data[:64], validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(f"{at}: {error}") from error
    format = next((MAGIC[magic] for magic in MAGIC if begin.startswith(magic)), None)
    if format is None:
        raise malformed(f"{at}: not an image in one of the formats {', '.join(MAGIC.values())}")
    return {"image": {"format": format, "source": {"bytes": data}}}


def write(reply: Reply, model_id: str) -> dict[str, Any]:
    """The body that answers."""
    return {
        "generation": said(reply),
        "prompt_token_count": reply["usage"]["inputTokens"],
        "generation_token_count": reply["usage"]["outputTokens"],
        "stop_reason": _stop(reply["stopReason"]),
    }


def stream(deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
    """A chunk for every piece of text; the first counts the prompt, the last the generation."""
    return chunks(deltas, _chunk)


def _chunk(piece: Piece) -> dict[str, Any]:
    done = piece.stop is not None
    return {
        "generation": piece.text,
        "prompt_token_count": piece.usage.get("inputTokens") if piece.first else None,
        "generation_token_count": piece.usage["outputTokens"] if done else None,
        "stop_reason": _stop(piece.stop) if done else None,
    }


def _stop(reason: str | None) -> str:
    return "length" if reason in ("max_tokens", "model_context_window_exceeded") else "stop"
