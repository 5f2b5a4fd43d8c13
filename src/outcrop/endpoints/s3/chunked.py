"""The `aws-chunked` encoding: chunks that carry their length, perhaps a signature, and trailing headers at the end.

Knows nothing of what the bytes are for.
Source: "Signature calculations: transferring payload in multiple chunks" and "... including trailing headers",
Amazon S3 API reference.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator

from ...wire.sigv4 import ALGORITHM, EMPTY_SHA256, Claim, signing_key
from .errors import S3Error

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
PAYLOADS = (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER)

LINE_LIMIT = 4096
TRAILER_LIMIT = 16
_HEAD = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?[ \t]*")


class Chain:
    """Checks the signatures of chunks: each covers the one before it, the first that of the request's head."""

    def __init__(self, claim: Claim, secret: str) -> None:
        self._claim = claim
        self._key = signing_key(secret, claim.date, claim.region, claim.service)
        self._prior = claim.signature

    def check_chunk(self, digest: str, given: str) -> None:
        """`digest` is the SHA-256 of a chunk in hex. Raises SignatureDoesNotMatch."""
        self._check("PAYLOAD", f"{EMPTY_SHA256}\n{digest}", given)

    def check_trailer(self, lines: bytes, given: str) -> None:
        self._check("TRAILER", hashlib.sha256(lines).hexdigest(), given)

    def _check(self, kind: str, hashes: str, given: str) -> None:
        claim = self._claim
        text = f"{ALGORITHM}-{kind}\n{claim.timestamp}\n{claim.scope}\n{self._prior}\n{hashes}"
        expected = hmac.digest(self._key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise S3Error("SignatureDoesNotMatch")
        self._prior = expected


class Decoder:
    """The bytes inside a chunked body, as an iterator; `trailers` are known when it has ended.

    `chain` is None where nothing is signed. Raises IncompleteBody for a body that ends early and InvalidRequest for
    one that cannot be read.
    """

    def __init__(self, source: AsyncIterator[bytes], payload: str, chain: Chain | None) -> None:
        self._source = _Source(source)
        self._signed = payload != UNSIGNED_TRAILER
        self._trailing = payload != SIGNED
        self._chain = chain
        self.trailers: dict[str, str] = {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = -1
        while size != 0:
            size, signature = self._head(await self._source.line())
            digest = hashlib.sha256()
            async for piece in self._source.take(size):
                if self._chain:
                    digest.update(piece)
                yield piece
            if self._chain and self._signed:
                self._chain.check_chunk(digest.hexdigest(), signature)
            if size:
                await self._source.end_of_line()
        await self._read_trailers()

    def _head(self, line: bytes) -> tuple[int, str]:
        found = _HEAD.fullmatch(line)
        if not found or (self._signed and found[2] is None):
            raise S3Error("InvalidRequest", "A chunk of the body does not begin with its length and signature.")
        return int(found[1], 16), (found[2] or b"").decode()

    async def _read_trailers(self) -> None:
        lines, signature = b"", ""
        for _ in range(TRAILER_LIMIT):
            line = await self._source.line(may_end=True)
            if not line:
                break
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            if name == "x-amz-trailer-signature":
                signature = value
            else:
                self.trailers[name] = value
                lines += f"{name}:{value}\n".encode("latin-1")
        if self._chain and self._signed and self._trailing:
            self._chain.check_trailer(lines, signature)


class _Source:
    """Bytes as they come in, asked for by lines and by lengths."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._kept = b""

    async def line(self, may_end: bool = False) -> bytes:
        """Up to the next line feed, without it."""
        while b"\n" not in self._kept:
            if len(self._kept) > LINE_LIMIT:
                raise S3Error("InvalidRequest", "A line of the chunked body is too long.")
            if not await self._more():
                break
        line, feed, self._kept = self._kept.partition(b"\n")
        if not feed and not (may_end and not line):
            raise S3Error("IncompleteBody")
        return line.removesuffix(b"\r")

    async def take(self, size: int) -> AsyncIterator[bytes]:
        """The next `size` bytes, in pieces."""
        while size:
            if not self._kept and not await self._more():
                raise S3Error("IncompleteBody")
            piece, self._kept = self._kept[:size], self._kept[size:]
            size -= len(piece)
            yield piece

    async def end_of_line(self) -> None:
        if await self.line():
            raise S3Error("InvalidRequest", "A chunk of the body is longer than it says.")

    async def _more(self) -> bool:
        piece = await anext(self._source, None)
        self._kept += piece or b""
        return piece is not None
