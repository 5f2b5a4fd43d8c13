"""Context and memory: generous where there is room, honest where there is none."""

from pathlib import Path

import pytest

from outcrop.config import Settings
from outcrop.engines.gguf_info import GgufInfo
from outcrop.engines.plan import LONGEST_CONTEXT, MIB, SHORTEST_CONTEXT, lone_threads, plan

GIB = 1024 * MIB


def info(context: int = 131072, layers: int = 32, kv_heads: int = 8, size: int = 4 * GIB) -> GgufInfo:
    """The shape of an 8B model: 128 KiB of cache a token."""
    keys = {"context_length": context, "block_count": layers, "attention.head_count": 32, "embedding_length": 4096}
    keys |= {"attention.head_count_kv": kv_heads, "feed_forward_length": 14336}
    return GgufInfo(Path("m"), size, 0, {"general.architecture": "llama", **{f"llama.{k}": v for k, v in keys.items()}})


def test_cache_arithmetic_of_a_known_model():
    assert info().kv_bytes_per_token() == 32 * 8 * 2 * 128 * 2


@pytest.mark.parametrize("free", [5 * GIB, 8 * GIB, 16 * GIB, 64 * GIB, 512 * GIB])
def test_a_plan_that_is_said_to_fit_counts_weights_and_all_of_the_cache(free):
    made = plan(info(), Settings(), free)
    assert made.total >= made.weights + made.pool * 128 * 1024 + made.prompt_cache
    assert made.context <= made.pool and made.pool % 256 == 0
    assert made.shared or made.pool >= made.slots * made.context


def test_small_models_get_a_cache_for_each_slot_and_big_ones_share():
    assert not plan(info(context=2048, layers=8, kv_heads=1, size=MIB), Settings(), 16 * GIB).shared
    assert plan(info(), Settings(), 32 * GIB).shared


def test_the_context_is_the_models_own_up_to_a_bound():
    assert plan(info(context=2048), Settings(), 64 * GIB).context == 2048
    assert plan(info(), Settings(), 64 * GIB).context == LONGEST_CONTEXT
    assert plan(info(), Settings(engine_context=100_000), 640 * GIB).context == 100_000
    assert plan(info(context=2048), Settings(engine_context=100_000), 64 * GIB).context == 2048


def test_an_automatic_context_shrinks_to_fit_and_one_set_by_hand_does_not():
    made = plan(info(), Settings(), 6 * GIB)
    assert SHORTEST_CONTEXT <= made.context < LONGEST_CONTEXT and made.total <= 6 * GIB
    assert plan(info(), Settings(engine_context=32768), 6 * GIB).total > 6 * GIB


def test_what_can_never_fit_comes_back_as_the_least_plan():
    made = plan(info(size=40 * GIB), Settings(), 6 * GIB)
    assert made.context == SHORTEST_CONTEXT and made.total > 40 * GIB


@pytest.mark.parametrize("free", [0, -5 * GIB])
def test_no_memory_at_all_is_arithmetic_too(free):
    made = plan(info(), Settings(), free)
    assert made.total > 0 and made.prompt_cache >= 0 and made.pool >= made.context


def test_a_silent_file_gets_a_plan():
    made = plan(GgufInfo(Path("m"), MIB, 0, {}), Settings(), GIB)
    assert made.context == SHORTEST_CONTEXT and made.total <= GIB


def encoder(**changes):
    keys = {"context_length": 512, "block_count": 6, "attention.head_count": 12, "embedding_length": 384}
    keys |= {"feed_forward_length": 1536, "attention.causal": False, "pooling_type": 1, **changes}
    return GgufInfo(
        Path("m"), 46 * MIB, 0, {"general.architecture": "bert", **{f"bert.{k}": v for k, v in keys.items()}}
    )


def test_an_encoder_keeps_no_cache_and_reads_a_text_whole():
    made = plan(encoder(), Settings(), 16 * GIB)
    assert (made.context, made.slots, made.pool, made.batch) == (512, 16, 16 * 512, 512)
    assert not made.shared and made.prompt_cache == 0 and made.total < 256 * MIB


@pytest.mark.parametrize("free", [0, 300 * MIB, GIB, 64 * GIB])
def test_slots_of_a_causal_embedding_model_own_their_context_and_are_as_many_as_fit(free):
    long = encoder(**{"context_length": 32768, "attention.causal": True, "pooling_type": 3})
    made = plan(long, Settings(), free)
    assert made.pool == made.slots * made.context and made.context == made.batch == 8192 and made.slots >= 1
    assert made.slots == 1 or made.total <= free
    assert plan(long, Settings(engine_context=16384), 64 * GIB).context == 16384


def test_a_tiny_models_single_stream_has_one_thread():
    assert lone_threads(info(size=2 * MIB), 8) == 1
    assert lone_threads(info(size=100 * MIB), 8) == 8
