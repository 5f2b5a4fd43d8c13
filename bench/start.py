"""Row `start`: from `outcrop serve` on a home that exists to the first answer of its model, and what it holds idle.

The files are in the page cache: a process that starts cold, on a machine that does not.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from outcrop.catalog import Model

from . import ask, engines, house
from .table import Row

RUNS = 7
PAUSE_S = 0.01
IDLE_S = 2.0


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        label, path = engines.small(folder)
        model, home = "bench.small", folder / "home"
        key = house.furnish(home, [Model(model, "Small", "bench", str(path))])
        runs = [once(home, model, key) for _ in range(RUNS)]
    seconds, mib = median(s for s, _ in runs), median(m for _, m in runs)
    data = {"seconds": [s for s, _ in runs], "idle_mib": [m for _, m in runs], "model": label}
    note = f"{label}; slowest of {RUNS}: {max(s for s, _ in runs):.2f} s"
    return [
        Row("start", "cold start to first answer", seconds, "s", 3, most=True, note=note, data=data),
        Row(
            "start", "server process idle", mib, "MB", 150, most=True, note="resident; the engine is a child of its own"
        ),
    ]


def once(home: Path, model: str, key: house.Secret) -> tuple[float, float]:
    """Seconds to the first answer, and resident megabytes a while after it."""
    port = house.free_port()
    question = ask.converse(port, key, model, "Hello, my name is Ada.", 8)
    settings = house.environment_for({"OUTCROP_MODEL": model})
    command = [sys.executable, "-m", "outcrop", "serve", "--home", str(home), "--port", str(port), "--tls-port"]
    command.append(str(house.free_port()))
    begin = time.perf_counter()
    with house.process(command, home / "serve.log", settings) as child:
        while not answered(port, question):
            if child.poll() is not None:
                raise RuntimeError((home / "serve.log").read_text()[-2000:])
            time.sleep(PAUSE_S)
        seconds = time.perf_counter() - begin
        time.sleep(IDLE_S)
        return seconds, psutil.Process(child.pid).memory_info().rss / 1e6


def answered(port: int, question: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(question)
            return connection.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
