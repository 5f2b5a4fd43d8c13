"""What many tests share: the stub engine, and one real engine on a tiny model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.stub_engine import StubEngine


@pytest.fixture
async def stub() -> AsyncIterator[StubEngine]:
    async with StubEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def tiny_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a llama.cpp server with one slot on a model of random weights (context 2,048)."""
    import xllamacpp

    from tests.tiny_model import tiny_gguf

    params = xllamacpp.CommonParams()
    params.model.path = str(tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf"))
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.use_jinja = 2048, 1, True
    params.cpuparams.n_threads, params.cache_ram_mib, params.verbosity = 1, 0, 0
    params.warmup = False
    server = xllamacpp.Server(params)
    yield server.listening_address
    del server
