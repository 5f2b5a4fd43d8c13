"""How much context and memory an engine gets: from what the model's file says and what the machine has left.

Pure arithmetic; knows nothing of processes. Sizes are bytes, contexts are tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import Settings
from .gguf_info import GgufInfo

MIB = 1 << 20
LONGEST_CONTEXT = 32768
SHORTEST_CONTEXT = 4096
"""What an automatic context may shrink to when memory is short; a context set by hand never shrinks."""
OVERHEAD = 96 * MIB
"""An engine without weights and cache: code, server threads, buffers of a small model."""
LONGEST_TEXT = 8192
"""Tokens of one text for an embedding model or a reranker, which read it whole: unless engine_context says more."""
USUAL_BATCH = 512
"""Tokens that llama.cpp reads at a time."""
TYPICAL_TOKENS = 4096
"""Prompt and answer of a usual request: the pool has room for one of these in every slot where memory allows."""
LONE_BYTES = 32 * MIB
"""Weights up to which one thread computes a single token faster than several that wait for one another. Two threads of
llama.cpp's wheel (AVX2; waiting ones sleep, for a spinning one starves its neighbours) made 459 tokens/s where one made
942 with 2 MB, 368 and 709 with 6 MB, 159 and 217 with 20 MB, 98 and 58 with 56 MB."""
CACHE_SHARE = 4
"""The key/value cache may take one part in four of what the weights leave; it is never less than one context."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one engine is started with."""

    context: int
    """Tokens that one request may use."""
    slots: int
    pool: int
    """Tokens of key/value cache over all slots."""
    shared: bool
    """Slots share the pool (any one may take `context` of it) instead of owning equal parts."""
    prompt_cache: int
    """Bytes for prompts of conversations that have no slot at the moment."""
    weights: int
    total: int
    """Bytes of memory in all, `weights` (mapped from the file) included."""
    batch: int = 0
    """Tokens read at a time, where that is not llama.cpp's own choice."""


def plan(info: GgufInfo, settings: Settings, free: int, extra: int = 0) -> Plan:
    """The most generous plan that fits in `free`, else the least; `extra` are bytes of further files (projector)."""
    free = max(0, free)
    if info.pooling:
        return _pooled(info, settings, free, extra)
    choices = [_plan(info, settings, free, extra, context) for context in _contexts(info, settings)]
    return next((choice for choice in choices if choice.total <= free), choices[-1])


def lone_threads(info: GgufInfo, threads: int) -> int:
    """Threads for a step of one token, of the `threads` that there are."""
    return 1 if info.size_bytes <= LONE_BYTES else threads


def _contexts(info: GgufInfo, settings: Settings) -> list[int]:
    """Contexts worth trying, longest first."""
    own = info.context_length or SHORTEST_CONTEXT
    if settings.engine_context:
        return [min(own, settings.engine_context)]
    longest = min(own, LONGEST_CONTEXT)
    return [longest] + [c for c in (16384, 8192, SHORTEST_CONTEXT) if c < longest]


def _plan(info: GgufInfo, settings: Settings, free: int, extra: int, context: int) -> Plan:
    each, slots = max(1, info.kv_bytes_per_token()), max(1, settings.engine_slots)
    weights = info.size_bytes + extra
    affordable = max(0, free - weights) // CACHE_SHARE // each
    own = slots * context <= affordable and context <= TYPICAL_TOKENS
    pool = slots * context if own else max(context, min(slots * min(context, TYPICAL_TOKENS), affordable))
    pool = -(-pool // 256) * 256
    prompt_cache = min(512 * MIB, free // 16, 2 * pool * each)
    total = weights + pool * each + prompt_cache + _buffers(info) + OVERHEAD
    return Plan(context, slots, pool, not own, prompt_cache, weights, total)


def _pooled(info: GgufInfo, settings: Settings, free: int, extra: int) -> Plan:
    """For embeddings and reranking: a text is read in one batch, no prompt is kept, and slots own their context, for
    a request brings many texts at once and a shared cache would overflow."""
    context = min(info.context_length or USUAL_BATCH, settings.engine_context or LONGEST_TEXT)
    batch, each, weights = max(USUAL_BATCH, context), info.kv_bytes_per_token(), info.size_bytes + extra
    affordable = max(0, free - weights) // CACHE_SHARE // max(1, each * context)
    slots = max(1, min(settings.engine_slots, affordable))
    total = weights + slots * context * each + _buffers(info, batch) + OVERHEAD
    return Plan(context, slots, slots * context, False, 0, weights, total, batch)


def _buffers(info: GgufInfo, batch: int = USUAL_BATCH) -> int:
    """Compute buffers: activations of one batch, the widest of them."""
    return batch * 4 * 4 * max(info.number("embedding_length"), info.number("feed_forward_length"))
