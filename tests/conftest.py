"""What many tests share: the stub engine, and one real engine on a tiny model."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.llama_child import llama
from tests.stub_engine import StubEngine
from tests.tiny_model import tiny_gguf


@pytest.fixture(scope="session", autouse=True)
def no_profile() -> Iterator[None]:
    """An SDK in this process finds nothing that steers it: no profile of whoever runs the tests, no file, no region."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        yield


@pytest.fixture
async def stub() -> AsyncIterator[StubEngine]:
    async with StubEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def tiny_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a llama.cpp server with one slot on a model of random weights (context 2,048)."""
    model = tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    with llama(model, n_ctx=2048, n_parallel=1, use_jinja=True) as url:
        yield url
