"""Files written whole or not at all, and locks that two processes respect.

Knows nothing of what the files hold.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `data`: a reader, or a crash at any moment, meets the old file or the new one."""
    temporary = _written_beside(path, data, mode)
    try:
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create_once(path: Path, data: bytes, mode: int = 0o600) -> bytes:
    """Write `path` unless it exists; answer what it holds. Of two callers at once, one wins and both read its bytes."""
    temporary = _written_beside(path, data, mode)
    try:
        os.link(temporary, path)  # unlike rename, link refuses to replace
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
    return path.read_bytes()


FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))


def words(error: Exception) -> str:
    """A failure as its caller reads it: a full disk is called one, whoever met it."""
    if any(sign in str(error) for sign in FULL):
        return "The disk is full. Free some space and try again."
    return str(error)


def _written_beside(path: Path, data: bytes, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; waits while another process holds it. The kernel frees it when the holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def locked_while_awaiting(path: Path) -> AsyncIterator[None]:
    """`locked` for a task: the others on its loop, one of which may be the holder, run on while it waits."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _taken(descriptor):  # noqa: ASYNC110 (the other may be another process)
            await asyncio.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
