"""The settings of the child, said twice: to the wheel and to a llama-server."""

import json

from outcrop.engines.llama import Options, arguments, parameters

from .test_process import options


def test_options_cross_the_pipe_unchanged():
    given = options("m.gguf", loras=("a",), binary="/bin/x")
    read = Options(**json.loads(given.line()))
    assert arguments(read) == arguments(given) and read.key == given.key


def test_the_wheel_gets_every_setting():
    params = parameters(options("m.gguf", shared=True, mmproj="p.gguf", loras=("a.gguf",), pooling=4))
    assert (params.model.path, params.mmproj.path, params.n_ctx, params.n_parallel) == ("m.gguf", "p.gguf", 1024, 2)
    assert (params.kv_unified, params.kv_unified_per_slot, params.cache_ram_mib) == (True, 512, 1)
    assert params.cpuparams.n_threads == params.cpuparams_batch.n_threads == 1
    apart = parameters(options("m.gguf", threads=3, lone_threads=2))
    assert (apart.cpuparams.n_threads, apart.cpuparams_batch.n_threads) == (2, 3)
    assert params.api_keys == ["s3cret"] and params.hostnames == ["127.0.0.1"] and params.port == 0
    assert [adapter.path for adapter in params.lora_adapters] == ["a.gguf"]
    assert params.embedding and int(params.pooling_type) == 4
    assert params.endpoint_metrics and params.endpoint_slots and params.use_jinja and not params.ui


def test_the_traps_of_the_defaults_are_closed():
    params = parameters(options("m.gguf"))
    assert params.api_keys and params.cache_ram_mib < 8192 and not params.embedding


def test_an_embedding_model_gets_a_batch_that_holds_its_longest_text():
    given = options("m.gguf", pooling=1, batch=1024)
    params = parameters(given)
    assert (params.n_batch, params.n_ubatch, params.embedding) == (1024, 1024, True)
    words = arguments(given)
    assert words[words.index("--ubatch-size") + 1] == words[words.index("--batch-size") + 1] == "1024"
    assert "--ubatch-size" not in arguments(options("m.gguf"))
