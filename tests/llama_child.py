"""A bare llama.cpp server for tests, in a process of its own: the wheel's destructor can wait for ever inside native
code, holding the interpreter's lock, which in the test's own process no timeout would end.

Knows nothing of Outcrop's engines.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHILD = """
import json, sys, xllamacpp
params = xllamacpp.CommonParams()
for name, value in json.loads(sys.argv[1]).items():
    *path, last = name.split(".")
    place = params
    for part in path:
        place = getattr(place, part)
    enum = getattr(xllamacpp, value[0]) if isinstance(value, list) and len(value) == 2 else None
    setattr(place, last, getattr(enum, value[1]) if enum else value)
server = xllamacpp.Server(params)
print("at", server.listening_address, flush=True)
sys.stdin.read()
"""

RUNNING: set[int] = set()
"""Process ids of the servers that run now: tests that look for children left behind pass over them."""


@contextmanager
def llama(model: Path, **settings: Any) -> Iterator[str]:
    """The address of a server of `model`. `settings` are CommonParams' own; a pair means [enum, member]."""
    common = {"hostnames": ["127.0.0.1"], "port": 0, "cache_ram_mib": 0, "verbosity": 0, "warmup": False}
    params = {"model.path": str(model), "cpuparams.n_threads": 1, **common, **settings}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(params)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )
    with child:
        RUNNING.add(child.pid)
        try:
            yield address(child)
        finally:
            RUNNING.discard(child.pid)
            child.kill()


def address(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("at "):
            return line.split()[1]
    raise RuntimeError(f"llama.cpp could not load the model and ended with {child.wait()}")
