"""A GGUF file behind llama.cpp's own server, in a child process, for as long as a block lasts.

Knows nothing of Outcrop's engines: the recipe must be able to look at its model before there is a service.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
