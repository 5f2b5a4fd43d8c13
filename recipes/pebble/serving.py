"""A GGUF file behind llama.cpp's own server, or behind Outcrop, in a child process, for as long as a block lasts.

Lessons are asked of the bare server, as text. The scorecard is asked of the service, as users meet it: what the
service adds to a request is part of what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from outcrop.engines.llama import free_port

_CHILD = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_parallel, params.n_ctx = sys.argv[1], 0, 4, 8192
params.cpuparams.n_threads, params.cache_ram_mib, params.use_jinja = 2, 64, True
server = xllamacpp.Server(params)
print("at", server.listening_address, flush=True)
sys.stdin.read()
"""


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of a server of ``model``; it ends with the block."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", _CHILD, str(model)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as child:
        try:
            yield _address(child)
        finally:
            child.terminate()


def _address(child: subprocess.Popen) -> str:
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("at "):
            return line.split()[1]
    raise RuntimeError("llama.cpp could not load the model")


ID = "outcrop.pebble-built"
READY_S = 120


@contextmanager
def service(model: Path) -> Iterator[str]:
    """The address of an Outcrop that serves ``model`` as ``ID``, without authentication; it ends with the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUTCROP_")}
    with TemporaryDirectory() as home, (Path(home) / "serve.log").open("wb") as log:
        outcrop = [sys.executable, "-m", "outcrop"]
        subprocess.run(
            [*outcrop, "models", "add", str(model), "--id", ID, "--home", home],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        port = free_port()
        options = ["--home", home, "--port", str(port), "--tls-port", "0", "--model", "", "--no-auth"]
        with subprocess.Popen([*outcrop, "serve", *options], env=environment, stdout=log, stderr=log) as child:
            try:
                _wait(f"http://127.0.0.1:{port}", child, Path(log.name))
                yield f"http://127.0.0.1:{port}"
            finally:
                child.terminate()


def _wait(url: str, child: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while child.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"outcrop serve did not become ready:\n{log.read_text()}")
