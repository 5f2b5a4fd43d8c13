"""Checksums that S3 knows: computed as bytes go by, written in base64.

Knows nothing of requests. CRC-64/NVME and CRC-32C come from AWS's own `awscrt`, CRC-32 and the hashes from Python.
Source: "Checking object integrity", Amazon S3 user guide.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

PREFIX = "x-amz-checksum-"
UNKNOWN = ("xxhash64", "xxhash3", "xxhash128")
"""S3 has these, we do not."""
TYPES = {
    "crc32": ("COMPOSITE", "FULL_OBJECT"),
    "crc32c": ("COMPOSITE", "FULL_OBJECT"),
    "crc64nvme": ("FULL_OBJECT",),
    "sha1": ("COMPOSITE",),
    "sha256": ("COMPOSITE",),
    "sha512": ("COMPOSITE",),
}
"""What a multipart object's checksum may be made of: of its parts' checksums or of its bytes. The usual one first."""


class Digest(Protocol):
    def update(self, data: bytes, /) -> Any: ...
    def digest(self) -> bytes: ...


class _Crc:
    """A checksum that is a number carried from block to block."""

    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step, self._size, self._value = step, size, 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _crc32c() -> Digest:
    from awscrt import checksums

    return _Crc(checksums.crc32c, 4)


def _crc64nvme() -> Digest:
    from awscrt import checksums

    return _Crc(checksums.crc64nvme, 8)


ALGORITHMS: dict[str, tuple[int, Callable[[], Digest]]] = {
    "crc32": (4, lambda: _Crc(zlib.crc32, 4)),
    "crc32c": (4, _crc32c),
    "crc64nvme": (8, _crc64nvme),
    "sha1": (20, hashlib.sha1),
    "sha256": (32, hashlib.sha256),
    "sha512": (64, hashlib.sha512),
}
"""Name -> bytes of its value, and what makes one."""


class Digests:
    """Several checksums over the same bytes; MD5 is always among them, for the ETag."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._made: dict[str, Digest] = {name: ALGORITHMS[name][1]() for name in names}
        self._made["md5"] = hashlib.md5(usedforsecurity=False)

    def update(self, data: bytes) -> None:
        for digest in self._made.values():
            digest.update(data)

    def raw(self, name: str) -> bytes:
        return self._made[name].digest()

    def base64(self, name: str) -> str:
        return encoded(self.raw(name))


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decoded(text: str, size: int) -> bytes | None:
    """The bytes of a checksum, or None for what is not one of `size` bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size else None


def composite(name: str, parts: Iterable[str]) -> str:
    """The checksum of parts' checksums, with their number after it."""
    digest, count = ALGORITHMS[name][1](), 0
    for part in parts:
        digest.update(base64.b64decode(part))
        count += 1
    return f"{encoded(digest.digest())}-{count}"


def members(checksums: Mapping[str, str]) -> dict[str, str]:
    """As the service model names them: {"ChecksumCRC32": ...}."""
    return {f"Checksum{name.upper()}": value for name, value in checksums.items()}
