"""Lines on disk until they are delivered: append files in a folder, one open at a time, the others sealed.

Knows nothing of what the lines say. A killed process loses nothing that was appended; several processes may share the
folder, since each file is locked by whoever writes or delivers it and the kernel frees the lock of the dead.
Every function here blocks: call it in a thread.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from .record import dump

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed file: its name (`<time>_<hash>`), the configuration its lines were recorded under, and the lines."""

    name: str
    config: dict[str, Any]
    lines: list[bytes]
    torn: int
    """Lines that a crash cut short: 0 or 1."""
    file: int

    def release(self) -> None:
        """Let others have the file."""
        os.close(self.file)


class Spool:
    def __init__(self, folder: Path, limit: int) -> None:
        """`limit`: bytes that the folder may hold; past it `append` refuses."""
        self.folder = folder
        self.limit = limit
        self._file: int | None = None
        self._config: dict[str, Any] | None = None
        self._size = 0
        self._waiting = 0  # bytes in the other files, as of the last look

    def append(self, config: dict[str, Any], lines: Sequence[bytes]) -> int:
        """Keep lines; answers the size of the open file. OSError: nothing was kept (no space, or past the limit)."""
        data = b"".join(lines)
        if self._waiting + self._size + len(data) > self.limit:
            raise OSError(f"the spool {self.folder} holds its limit of {self.limit} bytes")
        if config != self._config:
            self.seal()
            self._open(config)
        self._write(data)
        return self._size

    def seal(self) -> None:
        """Close the open file: from now on it is for delivery."""
        if self._file is not None:
            os.close(self._file)
        self._waiting += self._size
        self._file, self._config, self._size = None, None, 0

    def sealed(self) -> list[Path]:
        """Files for delivery, oldest first. Those of other processes are among them; `claim` sorts that out."""
        sizes = {path: _size(path) for path in self.folder.glob(f"*{SUFFIX}") if path.name[0] != "."}
        self._waiting = max(0, sum(sizes.values()) - self._size)
        return sorted(sizes)

    def claim(self, path: Path) -> Batch | None:
        """Take a file for delivery, until `Batch.release`; None when somebody else has it, or has delivered it."""
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        if _lock(file) and path.exists():
            return _read(path, file)
        os.close(file)
        return None

    def _open(self, config: dict[str, Any]) -> None:
        """Begin a file. It is locked before it has the name that others look for."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{stamp(time.time())}_{secrets.token_hex(8)}{SUFFIX}"
        hidden = self.folder / f".{name}"
        self._file = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._write(dump({"config": config}) + b"\n")
            hidden.rename(self.folder / name)
        except BaseException:
            hidden.unlink(missing_ok=True)
            self.seal()
            raise
        self._config = config

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        append_whole(self._file, data, self._size)
        self._size += len(data)


def append_whole(file: int, data: bytes, size: int) -> None:
    """Append all of `data` or nothing: what a full disk took of it is cut off again, down to `size`."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        os.ftruncate(file, size)
        raise


def stamp(seconds: float) -> str:
    """20261121T220000123Z."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)) + f"{int(seconds % 1 * 1000):03d}Z"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # delivered just now
        return 0


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path, file: int) -> Batch:
    with os.fdopen(os.dup(file), "rb") as source:
        head, *lines = source.read().split(b"\n")
    torn = lines.pop() if lines else head
    return Batch(path.stem, _config(head), lines, 1 if torn else 0, file)


def _config(head: bytes) -> dict[str, Any]:
    try:
        return orjson.loads(head)["config"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}  # a file that was cut in its first line has nothing else in it
