"""Engines on tiny models, and stand-ins for a llama-server that misbehave on purpose."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from outcrop.catalog import Model
from outcrop.config import Settings
from outcrop.engines.endpoint import Endpoint
from outcrop.engines.pool import Engines
from outcrop.engines.post import Client
from tests.tiny_model import tiny_gguf

FAKE = """#!{python}
import http.server, json, os, sys, time
MODE = "{mode}"
def value(flag): return sys.argv[sys.argv.index(flag) + 1]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if MODE == "never" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({{"argv": sys.argv, "key": os.environ.get("LLAMA_API_KEY")}}).encode())
    def log_message(self, *args): pass
if MODE == "crash":
    print("0.00.001 E srv: error loading model: the fake has a headache", file=sys.stderr)
    sys.exit(3)
if MODE == "stubborn":
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("noise on stdout" * 10000, flush=True)
http.server.HTTPServer((value("--host"), int(value("--port"))), Handler).serve_forever()
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return tiny_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path, engine="wheel", engine_threads=1, engine_slots=4, queue_limit=4, drain_s=2.0)


@pytest.fixture
def fake(tmp_path) -> Callable[[str], str]:
    """`fake(mode)` is the path of a llama-server that answers /health, never, crash or stubborn."""

    def make(mode: str = "good") -> str:
        path = tmp_path / f"llama-server-{mode}"
        path.write_text(FAKE.format(python=sys.executable, mode=mode))
        path.chmod(0o755)
        return str(path)

    return make


@asynccontextmanager
async def engines_of(settings: Settings, **changes) -> AsyncIterator[Engines]:
    engines = Engines(replace(settings, **changes))
    try:
        yield engines
    finally:
        await engines.close()


def model_of(path: Path, name: str = "test.tiny-v1") -> Model:
    return Model(id=name, name=name, provider="Test", source=str(path))


def body(**more) -> dict:
    return {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "ignore_eos": True, **more}


async def chat(endpoint: Endpoint, **more) -> dict:
    """One whole answer; the engine's error as an exception."""
    async with Client() as http:
        return await http.post(endpoint, "/v1/chat/completions", body(**more))


def gone(pid: int) -> bool:
    """True once the process is dead and reaped by somebody."""
    try:
        return (
            psutil.Process(pid).status() == psutil.STATUS_ZOMBIE and psutil.Process(pid).ppid() != psutil.Process().pid
        )
    except psutil.NoSuchProcess:
        return True
