"""The home folder: where all state lives, and the one server that may run on it.

Knows nothing of what the server does.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import ServiceUnavailableException
from .files import write_whole


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A running server, as `outcrop status` and `outcrop env` find it. `started` is seconds since the epoch."""

    pid: int
    host: str
    port: int
    tls_port: int
    started: float


class Home:
    """The home folder. Made with mode 0700; one that exists keeps its mode (secrets inside are 0600 of their own)."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    @classmethod
    def open(cls, path: Path) -> Home:
        """Make the folder where it is missing. Raises ServiceUnavailableException when it cannot be used."""
        home = cls(path)
        try:
            home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ServiceUnavailableException(f"The home folder {home.path} cannot be used: {error}.") from error
        if not os.access(home.path, os.R_OK | os.W_OK | os.X_OK):
            raise ServiceUnavailableException(f"The home folder {home.path} is not writable.")
        return home

    @contextmanager
    def serving(self, host: str, port: int, tls_port: int) -> Iterator[ServerInfo]:
        """Be the one server of this home, and say so in server.json.

        Raises ServiceUnavailableException, which names the other's pid, while another server runs. The kernel frees
        the lock when its holder dies, however it dies.
        """
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(descriptor)
            info = ServerInfo(os.getpid(), host, port, tls_port, time.time())
            write_whole(self._server, json.dumps(asdict(info)).encode(), 0o600)
            yield info
            self._server.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def server(self) -> ServerInfo | None:
        """The server that runs on this home now, if there is one."""
        try:
            with self._lock.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None  # nobody holds it: what server.json says was left by a crash
        except BlockingIOError:
            return self._read_server()
        except FileNotFoundError:
            return None

    @property
    def _lock(self) -> Path:
        return self.path / "server.lock"

    @property
    def _server(self) -> Path:
        return self.path / "server.json"

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._refusal(os.pread(descriptor, 32, 0).decode(errors="replace")) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)

    def _refusal(self, pid: str) -> ServiceUnavailableException:
        return ServiceUnavailableException(
            f"Another Outcrop server (pid {pid or 'unknown'}) is running on {self.path}. "
            "Stop it, or give this one a home of its own: OUTCROP_HOME or --home."
        )

    def _read_server(self) -> ServerInfo | None:
        try:
            return ServerInfo(**json.loads(self._server.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):  # starting up, or written by another version
            return None
