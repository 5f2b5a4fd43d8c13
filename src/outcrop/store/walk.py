"""A bucket's folder as the keys in it, in S3's order, and what may be cleared away there.

Knows nothing of attributes or locks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

STAGING = re.compile(rb"#\d+$")
"""obstore's name for a file that is still being written into a bucket: no object yet."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def files(top: Path, prefix: bytes, after: bytes = b"", folders: bool = False) -> Iterator[bytes]:
    """Paths of files below `top`, sorted as S3 sorts keys: by their bytes, a slash among them."""
    base = prefix.rpartition(b"/")[0]
    yield from _below(os.path.join(os.fsencode(top), base), base + b"/" if base else b"", prefix, after, folders)


def _below(folder: bytes, path: bytes, prefix: bytes, after: bytes, folders: bool = False) -> Iterator[bytes]:
    for name, deeper in _names(folder):
        here = path + name
        if not here.startswith(prefix):
            continue
        if not deeper:
            if here > after:
                yield here
        elif here > after or after.startswith(here):  # else all that is below comes before `after`
            below = _below(os.path.join(folder, name[:-1]), here, prefix, after if after.startswith(here) else b"")
            if not folders:
                yield from below
            elif here != after and next(below, None) is not None:
                yield here


def _names(folder: bytes) -> list[tuple[bytes, bool]]:
    """Sorted names in a folder, with a slash at the end of folders. Names that no key can have are left out."""
    try:
        with os.scandir(folder) as found:
            names = [(entry.name + b"/", True) if entry.is_dir() else (entry.name, False) for entry in found]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(pair for pair in names if not STAGING.search(pair[0]) and _is_text(pair[0]))


def _is_text(name: bytes) -> bool:
    try:
        return not CONTROL.search(name.decode())
    except UnicodeDecodeError:
        return False


def remove_empty(folder: Path) -> bool:
    """Remove a folder that holds nothing but empty folders; whether it is gone."""
    for path in list(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            remove_empty(path)
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def remove_unfinished(folder: Path) -> None:
    """Files that never became objects because who wrote them was killed."""
    for path in folder.rglob("*#*"):
        if STAGING.search(os.fsencode(path.name)) and path.is_file():
            path.unlink(missing_ok=True)
