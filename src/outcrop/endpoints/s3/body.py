"""The body of an S3 request: decoded and checked as it comes in, never whole in memory.

Knows nothing of where the bytes go. Whatever the client said of them, in headers or after them, is checked before
`receive` returns, so that a caller who commits afterwards commits what was meant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from ...wire.exchange import Exchange
from . import chunked
from .checksums import ALGORITHMS, PREFIX, UNKNOWN, Digests, decoded, encoded
from .chunked import Chain, Decoder
from .errors import S3Error
from .threads import blocking

BLOCK = 1 << 20
"""Bytes handed over at a time."""
MAX_OBJECT = 5 << 30
"""Of one request, S3's limit."""
MAX_XML = 2 << 20
"""1,000 keys of 1,024 bytes, and their tags."""
ANY_SHA256 = re.compile("[0-9a-f]{64}")


class Body:
    """`chain` checks signed chunks; `pause_s` is the longest the client may be silent."""

    def __init__(self, exchange: Exchange, chain: Chain | None, pause_s: float) -> None:
        self._exchange, self._headers = exchange, exchange.headers
        self._chain, self._pause_s = chain, pause_s
        self._word = self._headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        self._decoder: Decoder | None = None

    async def read(self, about_itself: bool = True) -> bytes:
        """The whole of a small body. Its checksum headers may be about something else: an object that it completes."""
        kept = bytearray()
        if not about_itself:
            self._headers = {n: value for n, value in self._headers.items() if not n.startswith(PREFIX)}
        if self._headers.get("content-length") not in (None, "0"):
            await self.receive(kept.extend, MAX_XML)
        return bytes(kept)

    async def receive(self, sink: Callable[[bytes], object], limit: int, names: Iterable[str] = ()) -> Digests:
        """Hand the body to `sink` block by block, in a thread; the checksums `names` and all that the client gave."""
        size = self._size(limit)
        expected = _expected(self._headers)
        trailing = self._trailing()
        digests = await blocking(Digests, {*names, *expected, *trailing} - {"md5"})  # the first one loads a library
        whole = hashlib.sha256() if ANY_SHA256.fullmatch(self._word) else None
        taken = 0
        async for block in _blocks(self._pieces()):
            taken += len(block)
            if taken > size:
                raise S3Error("IncompleteBody")
            await blocking(_take, block, sink, digests, whole)
        if taken != size:
            raise S3Error("IncompleteBody")
        if whole and whole.hexdigest() != self._word:
            raise S3Error("XAmzContentSHA256Mismatch")
        _compare(digests, expected | self._trailers(trailing))
        return digests

    @property
    def checked(self) -> set[str]:
        """The checksums that the client gives."""
        return (set(_expected(self._headers)) | set(self._trailing())) - {"md5"}

    def _size(self, limit: int) -> int:
        """Bytes to come, once decoded."""
        name = "x-amz-decoded-content-length" if self._word in chunked.PAYLOADS else "content-length"
        given = self._headers.get(name, "")
        if not given.isascii() or not given.isdecimal() or len(given) > 18:
            raise S3Error("MissingContentLength")
        if int(given) > limit:
            raise S3Error("EntityTooLarge", ProposedSize=int(given), MaxSizeAllowed=limit)
        return int(given)

    def _pieces(self) -> AsyncIterator[bytes]:
        declared = self._headers.get("content-length", "")
        length = int(declared) if declared.isascii() and declared.isdecimal() else None
        raw = self._exchange.chunks(2 * MAX_OBJECT, self._pause_s, length) if length != 0 else _nothing()
        if self._word in chunked.PAYLOADS:
            self._decoder = Decoder(raw, self._word, self._chain)
            return aiter(self._decoder)
        if self._word != "UNSIGNED-PAYLOAD" and not ANY_SHA256.fullmatch(self._word):
            raise S3Error("InvalidArgument", "x-amz-content-sha256 is neither a SHA-256 nor a word that is known here.")
        return raw

    def _trailing(self) -> list[str]:
        """Checksums announced for the end of the body."""
        given = self._headers.get("x-amz-trailer", "").split(",") if self._word in chunked.PAYLOADS else []
        names = [name.strip().lower() for name in given]
        return [_known(name.removeprefix(PREFIX)) for name in names if name.startswith(PREFIX)]

    def _trailers(self, names: list[str]) -> dict[str, bytes]:
        given = self._decoder.trailers if self._decoder else {}
        return {name: _value(name, given.get(PREFIX + name, "")) for name in names}


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    kept: list[bytes] = []
    size = 0
    async for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(kept)
            kept, size = [], 0
    if kept:
        yield b"".join(kept)


def _take(block: bytes, sink: Callable[[bytes], object], digests: Digests, whole: hashlib._Hash | None) -> None:
    sink(block)
    digests.update(block)
    if whole:
        whole.update(block)


def _expected(headers: Mapping[str, str]) -> dict[str, bytes]:
    """What the headers say of the body: algorithm -> value."""
    found = {name: _value(name, value) for name, value in given_checksums(headers).items()}
    if (given := headers.get("content-md5")) is not None:
        found["md5"] = decoded(given, 16) or b""
        if not found["md5"]:
            raise S3Error("InvalidDigest")
    return found


def given_checksums(headers: Mapping[str, str]) -> dict[str, str]:
    """The `x-amz-checksum-*` headers that hold a value. NotImplemented for an algorithm that only S3 has."""
    given = {name.removeprefix(PREFIX): value for name, value in headers.items() if name.startswith(PREFIX)}
    return {_known(name): value for name, value in given.items() if name not in ("algorithm", "type", "mode")}


def _known(name: str) -> str:
    if name in UNKNOWN:
        raise S3Error("NotImplemented", f"Outcrop does not know the checksum {name}.")
    if name not in ALGORITHMS:
        raise S3Error("InvalidRequest", "The checksum algorithm that you specified is not known.")
    return name


def _value(name: str, given: str) -> bytes:
    raw = decoded(given, ALGORITHMS[name][0])
    if raw is None:
        raise S3Error("InvalidRequest", f"Value for {PREFIX}{name} header is invalid.")
    return raw


def _compare(digests: Digests, expected: Mapping[str, bytes]) -> None:
    for name, value in expected.items():
        if digests.raw(name) != value:
            said = "Content-MD5" if name == "md5" else name.upper()
            raise S3Error(
                "BadDigest",
                f"The {said} you specified did not match the calculated checksum.",
                ExpectedDigest=encoded(value),
                CalculatedDigest=digests.base64(name),
            )
