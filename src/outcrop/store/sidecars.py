"""What S3 keeps of an object beside its bytes: ETag, headers, metadata, checksums, in a small file per key.

Knows nothing of buckets' folders. A sidecar names the very file it speaks of (by size and time of change), so that it
says nothing of a file that somebody else has put in its place since: such an object simply has no attributes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from .files import write_whole


@dataclass(frozen=True, slots=True)
class Attributes:
    """All but the bytes. An object that did not come through the S3 door has none."""

    etag: str = ""
    """Without quotes: MD5 in hex, with `-<parts>` after it where it came in parts. Empty: see `etag_of`."""
    headers: dict[str, str] = field(default_factory=dict)
    """Content-Type and its like, by lower-case name, as they were given."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The user's own, by lower-case name without `x-amz-meta-`."""
    checksums: dict[str, str] = field(default_factory=dict)
    """Algorithm (`crc32`) -> base64."""
    checksum_type: str = "FULL_OBJECT"
    parts: list[int] = field(default_factory=list)
    """Bytes of each part, where it came in parts."""
    upload: str = ""
    """The multipart upload it came from."""


NOTHING = Attributes()


def identity(stat: os.stat_result) -> str:
    """What tells one state of a file from another; a backup that keeps times keeps it."""
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def etag_of(stat: os.stat_result) -> str:
    """The ETag of a file without attributes; its hyphen tells clients that it is no MD5."""
    return f"{stat.st_mtime_ns:x}-{stat.st_size:x}"


class Sidecars:
    """The sidecars under one folder. Writers of one key must take turns."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, bucket: str, key: str, of: str) -> Attributes:
        """The attributes of the file whose identity is `of`."""
        return self._all(self._path(bucket, key)).get(of, NOTHING)

    def write(self, bucket: str, key: str, attributes: Mapping[str, Attributes]) -> None:
        """Keep attributes by the identity of the file each belongs to, and no others."""
        path = self._path(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, orjson.dumps({of: asdict(kept) for of, kept in attributes.items()}), 0o600)

    def forget(self, bucket: str, key: str) -> None:
        self._path(bucket, key).unlink(missing_ok=True)

    def forget_bucket(self, bucket: str) -> None:
        shutil.rmtree(self._root / bucket, ignore_errors=True)

    def _path(self, bucket: str, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        return self._root / bucket / name[:2] / f"{name}.json"

    def _all(self, path: Path) -> dict[str, Attributes]:
        """Damaged text is no text: the bytes of the object are what counts."""
        try:
            found: dict[str, Any] = orjson.loads(path.read_bytes())
            return {of: Attributes(**kept) for of, kept in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
