"""One file from a Hugging Face hub to a path: resumed where it stopped, checked against the hub's checksum.

Knows nothing of models. huggingface_hub speaks to the hub (endpoint, token, redirects, errors), but since 1.x it
starts a file again when its process has died; the bytes are therefore fetched here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..store.files import locked

CHUNK = 1 << 20
TRIES = 5
"""Attempts in a row that may fail without a single new byte."""
PAUSE_S = 0.5
"""Before the second attempt; doubled before each further one."""
TIMEOUT_S = 30.0

Progress = Callable[[str, int, int], None]
"""Called with a file's name, bytes on the disk and bytes in all."""

logger = logging.getLogger(__name__)


class PullError(ValueError):
    """Why something could not be fetched, in words for whoever asked for it."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a hub repository. `size` is bytes; `sha256` is known for large files, `blob` (git's SHA-1) for all."""

    url: str
    name: str
    size: int
    sha256: str | None
    blob: str | None


def fetch(file: RemoteFile, path: Path, progress: Progress) -> Path:
    """Download `file` to `path` unless it lies there already; returns `path`.

    What an earlier call left behind, however it ended, is continued. Of two callers at once one downloads and the
    other waits. PullError: unreachable, refused, or a checksum that does not match (then nothing is kept).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock")):
        if path.is_file() and path.stat().st_size == file.size and _matches(file, path):
            progress(file.name, file.size, file.size)
            return path
        part = path.with_name(f".{path.name}.{(file.sha256 or file.blob or 'x')[:16]}.part")
        _complete(file, part, progress)
        if not _matches(file, part):
            part.unlink()
            raise PullError(f"{file.name}: its checksum is not the hub's; nothing was kept. Pull again.")
        os.replace(part, path)
    return path


def _complete(file: RemoteFile, part: Path, progress: Progress) -> None:
    """Stream until all bytes are there; give up after TRIES attempts in a row that brought none."""
    failures, size = 0, _size(part)
    while size < file.size or not part.exists():
        if failures:
            time.sleep(PAUSE_S * 2 ** (failures - 1))
        reason = _attempt(file, part, size, progress)
        failures, size = (failures + 1 if _size(part) <= size else 0), _size(part)
        if failures >= TRIES:
            raise PullError(f"{file.name}: {reason}. Pull again to continue at byte {size}.")
    if size > file.size:
        part.unlink()
        raise PullError(f"{file.name}: the server sent more than its {file.size} bytes; nothing was kept.")


def _attempt(file: RemoteFile, part: Path, begin: int, progress: Progress) -> str:
    """Stream once; returns why it ended. What another attempt cannot mend is raised."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    try:
        _stream(file, part, begin, progress)
        return "the server ended before the file did"
    except HfHubHTTPError as error:
        if error.response.status_code < 500 and error.response.status_code not in (408, 429):
            raise
        reason = str(error).splitlines()[0]
    except httpx2.TransportError as error:
        reason = str(error) or type(error).__name__
    logger.info("%s: %s; at byte %d", file.name, reason, _size(part))
    return reason


def _stream(file: RemoteFile, part: Path, begin: int, progress: Progress) -> None:
    """Append what the server sends from byte `begin` on. A connection that ends early raises TransportError."""
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={begin}-"} if begin else {}
    with get_session().stream("GET", file.url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True) as answer:
        hf_raise_for_status(answer)
        resumed = answer.status_code == 206
        with part.open("ab" if resumed else "wb") as out:
            for chunk in answer.iter_bytes():  # as they come: a lost connection loses none
                out.write(chunk)
                progress(file.name, out.tell(), file.size)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _matches(file: RemoteFile, path: Path) -> bool:
    if file.sha256:
        return _digest(path, hashlib.sha256()) == file.sha256
    if file.blob:
        return _digest(path, hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)) == file.blob
    return path.stat().st_size == file.size


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as data:
        while chunk := data.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
