"""A real server for tests: `outcrop serve` as a process of its own, on free ports, with a home of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

READY_S = 150


@dataclass
class Live:
    """A running server. `env` is what `outcrop env` printed: the variables an SDK needs."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int
    tls_port: int
    env: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cli(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run an outcrop command on this server's home."""
        return subprocess.run(
            [sys.executable, "-m", "outcrop", *words, *self.options],
            capture_output=True, text=True, timeout=timeout, env=clean_environment(), check=False,
        )  # fmt: skip

    @property
    def options(self) -> list[str]:
        return ["--home", str(self.home), "--port", str(self.port), "--tls-port", str(self.tls_port)]

    def log(self) -> str:
        return (self.home / "server.log").read_text()


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2


def free_ports(count: int) -> list[int]:
    """Ports that the system gives to no connection of its own accord, and that the other pytest process does not
    choose: each is still free when a server binds it."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            port = random.SystemRandom().randrange(15000 + WORKER, 32000, 2)  # Hypothesis seeds the other one
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
    return ports


def clean_environment(**extra: str) -> dict[str, str]:
    """This environment without anything that would steer an SDK or Outcrop."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    return {**kept, "OMP_WAIT_POLICY": "PASSIVE", **extra}


@contextmanager
def running(home: Path, settings: Mapping[str, str] | None = None, ready: bool = True) -> Iterator[Live]:
    """Start `outcrop serve`, wait until it is ready, stop it with SIGTERM."""
    home.mkdir(parents=True, exist_ok=True)
    port, tls_port = free_ports(2)
    environment = clean_environment(**{f"OUTCROP_{name.upper()}": value for name, value in (settings or {}).items()})
    live = Live(None, home, port, tls_port)  # type: ignore[arg-type]
    with (home / "server.log").open("ab") as log:
        live.process = subprocess.Popen(
            [sys.executable, "-m", "outcrop", "serve", *live.options], stdout=log, stderr=log, env=environment
        )
    try:
        if ready:
            wait_ready(live)
            live.env = exports(live.cli("env").stdout)
        yield live
    finally:
        stop(live.process)


def wait_ready(live: Live) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if live.process.poll() is not None:
            raise RuntimeError(f"the server ended with {live.process.returncode}:\n{live.log()}")
        try:
            with urllib.request.urlopen(f"{live.url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"the server was not ready within {READY_S} s:\n{live.log()}")


def exports(text: str) -> dict[str, str]:
    """The variables that `eval "$(outcrop env)"` would set."""
    script = f'{text}\n"$PYTHON" -c "import json, os; print(json.dumps(dict(os.environ)))"'
    environment = clean_environment(PYTHON=sys.executable)
    out = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment, check=True).stdout
    after = json.loads(out)
    return {name: value for name, value in after.items() if environment.get(name) != value and name != "_"}


def stop(process: subprocess.Popen[bytes], timeout: float = 40) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
