"""Servers to measure: homes with a key and models, `outcrop serve` on one, the stub engine.

Knows Outcrop's records to put a model there, and its command line to start it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from outcrop.catalog import Catalog, Model
from outcrop.config import Settings
from outcrop.keys import Keys
from outcrop.store.home import Home
from outcrop.store.records import Records

from .machine import pinned

READY_S = 120


@dataclass(frozen=True)
class Secret:
    """A key pair."""

    id: str
    secret: str


@dataclass
class Served:
    """A running server and the process that does the work."""

    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """CPU seconds so far, user and system."""
        times = self.process.cpu_times()
        return times.user + times.system


def furnish(home: Path, models: list[Model]) -> Secret:
    """Make a home with a key pair and `models`."""
    return asyncio.run(_furnish(home, models))


async def _furnish(home: Path, models: list[Model]) -> Secret:
    Home.open(home)
    settings = dataclasses.replace(Settings(), home=home)
    records = await Records.open(settings.database)
    try:
        keys = await Keys.open(records, home, settings.account_id)
        new = await keys.create("bench")
        catalog = Catalog(records, settings)
        for model in models:
            await catalog.add(model)
    finally:
        await records.close()
    return Secret(new.key.id, new.secret)


def remote(model_id: str, url: str, key: str | None = None, kind: str = "openai") -> Model:
    """A catalog entry for a server that runs already."""
    return Model(model_id, "Bench", "bench", url, kind=kind, key=key, context_length=8192)


@contextmanager
def outcrop(home: Path, core: int | None = None, **settings: Any) -> Iterator[Served]:
    """`outcrop serve` on `home`, ready; without a model of its own unless `model` is given."""
    port = free_port()
    told = {"host": "127.0.0.1", "tls_port": 0, "model": "", **settings}
    environment = environment_for({f"OUTCROP_{name.upper()}": str(value) for name, value in told.items()})
    command = [*pinned(core), sys.executable, "-m", "outcrop", "serve", "--home", str(home), "--port", str(port)]
    with process(command, home / "serve.log", environment) as child:
        wait_for(f"http://127.0.0.1:{port}/healthz", child, home / "serve.log")
        yield Served(port, psutil.Process(child.pid))


@contextmanager
def stub(folder: Path, core: int | None = None) -> Iterator[Served]:
    """The engine that does nothing."""
    port = free_port()
    command = [*pinned(core), sys.executable, "-m", "bench.stub", str(port)]
    with process(command, folder / "stub.log", dict(os.environ)) as child:
        wait_for_port(port, child, folder / "stub.log")
        yield Served(port, psutil.Process(child.pid))


def environment_for(extra: dict[str, str]) -> dict[str, str]:
    """This environment without what would steer a server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "OUTCROP_", "OPENAI_", "LITELLM_"))}
    return {**kept, **extra}


@contextmanager
def process(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is ended with SIGTERM, at the latest killed after 20 s."""
    with log.open("ab") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    """Return once `url` answers 200."""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    _poll(answers, child, log)


def wait_for_port(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Return once something listens."""

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    _poll(listens, child, log)


def _poll(ready: Any, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not ready():
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{child.args} did not become ready:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
