"""Dialects: other APIs' bodies read into a turn and written from a reply; three pure functions a file.

    read(body) -> dict       the turn as Converse's own JSON (blobs in base64): what it holds is checked where any
                             Converse request is checked, by the service model
    write(reply, model_id) -> dict
    stream(deltas, model_id) -> AsyncGenerator[dict]

To add a model family: one file with `read`, `write` and `stream`, one line in DIALECTS and the names that ask for it in
FAMILIES. What several bodies share is in `body`, `prompt` and `messages`, which are no dialects.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any

from ..catalog import without_prefix
from . import (
    ai21_jamba,
    aloud,
    amazon_rerank,
    anthropic,
    anthropic_text,
    cohere_command,
    cohere_command_r,
    cohere_embed,
    cohere_embed_v4,
    cohere_rerank,
    deepseek,
    llama,
    mistral,
    mistral_chat,
    nova,
    nova_embed,
    openai_chat,
    titan_embed,
    titan_embed_v1,
    titan_text,
)
from .body import Field

DIALECTS: dict[str, ModuleType] = {
    "anthropic": anthropic,
    "anthropic_text": anthropic_text,
    "titan_text": titan_text,
    "nova": nova,
    "llama": llama,
    "mistral": mistral,
    "mistral_chat": mistral_chat,
    "cohere_command": cohere_command,
    "cohere_command_r": cohere_command_r,
    "ai21_jamba": ai21_jamba,
    "deepseek": deepseek,
    "openai_chat": openai_chat,
    "gpt_oss": openai_chat,
}
"""Model family -> the dialect of its InvokeModel body."""

EMBEDDERS: dict[str, ModuleType] = {
    "titan_embed": titan_embed,
    "titan_embed_v1": titan_embed_v1,
    "cohere_embed": cohere_embed,
    "cohere_embed_v4": cohere_embed_v4,
    "nova_embed": nova_embed,
}
RERANKERS: dict[str, ModuleType] = {"cohere_rerank": cohere_rerank, "amazon_rerank": amazon_rerank}
"""Families of embeddings and of reranking -> their bodies, of which `vector` tells the functions."""

KNOWN = (*DIALECTS, *EMBEDDERS, *RERANKERS)
"""Every family that a model may have."""

FAMILIES = {
    "anthropic.": "anthropic",
    "anthropic.claude-v2": "anthropic_text",
    "anthropic.claude-instant": "anthropic_text",
    "amazon.titan-text": "titan_text",
    "amazon.titan-tg1": "titan_text",
    "amazon.nova-": "nova",
    "amazon.nova-2-multimodal-embeddings": "nova_embed",
    "amazon.titan-embed-text-v2": "titan_embed",
    "amazon.titan-embed-text-v1": "titan_embed_v1",
    "amazon.titan-embed-g1-text": "titan_embed_v1",
    "amazon.rerank-": "amazon_rerank",
    "cohere.embed-": "cohere_embed",
    "cohere.embed-v4": "cohere_embed_v4",
    "cohere.rerank-": "cohere_rerank",
    "meta.llama": "llama",
    "mistral.": "openai_chat",
    "mistral.mistral-7b": "mistral",
    "mistral.mixtral-8x7b": "mistral",
    "mistral.mistral-small-2402": "mistral",
    "mistral.mistral-large-24": "mistral",
    "cohere.command-": "cohere_command",
    "cohere.command-r": "cohere_command_r",
    "ai21.jamba": "ai21_jamba",
    "deepseek.": "openai_chat",
    "deepseek.r1": "deepseek",
    "openai.": "openai_chat",
    "openai.gpt-oss": "gpt_oss",
    "qwen.": "openai_chat",
}
"""How the names begin that ask for a family's body; the longest beginning counts."""

FORMS = {
    "anthropic_text": ("messages", "anthropic"),
    "mistral": ("messages", "mistral_chat"),
    "deepseek": ("messages", "openai_chat"),
}
"""Family with two forms of body -> the key that the other form has, and its dialect."""

ECHOED = {"cohere_command": ("prompt",)}
"""Family -> keys of the request that a whole answer repeats."""


ALOUD = {"gpt_oss": aloud.Tags("<reasoning>", "</reasoning>")}
"""Family whose answers have the reasoning among their words -> what it stands between
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html)."""

ONE = {"n": Field("Integer", low=1, high=1)}
LIMITS = {"openai_chat": ONE, "gpt_oss": ONE}
"""Family -> what a dialect of several doors reads, and InvokeModel cannot do."""


@lru_cache(1024)
def family(called: str, model_family: str) -> str:
    """Whose body a call takes: that of the name it was made by (an id, an alias, an inference profile, an ARN of one),
    or else the model's own."""
    name = without_prefix(called.rpartition("/")[2])
    found = max((start for start in FAMILIES if name.startswith(start)), key=len, default="")
    return FAMILIES.get(found, model_family)


def form(family: str, body: Mapping[str, Any]) -> str:
    """The family's form that `body` is written in."""
    key, other = FORMS.get(family, ("", family))
    return other if key in body else family
