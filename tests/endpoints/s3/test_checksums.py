"""Checksums against the values that their definitions give for "123456789"."""

from __future__ import annotations

import hashlib

import pytest

from outcrop.endpoints.s3 import checksums
from outcrop.endpoints.s3.checksums import Digests

CHECK = {"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888"}


@pytest.mark.parametrize("text", ["", "x", "AAAA", "AAAAAAAA", "ÄÄÄÄ", "!!!!!!==", "AAAAAA", "AAAAAA==="])
def test_what_is_no_checksum(text: str) -> None:
    assert checksums.decoded(text, 4) is None


@pytest.mark.parametrize("name", checksums.ALGORITHMS)
def test_pieces_give_what_the_whole_gives(name: str) -> None:
    whole, pieces = Digests([name]), Digests([name])
    whole.update(b"123456789")
    for piece in (b"1", b"2345", b"", b"6789"):
        pieces.update(piece)
    expected = CHECK.get(name) or hashlib.new(name, b"123456789").hexdigest()
    assert whole.raw(name).hex() == pieces.raw(name).hex() == expected
    assert len(whole.raw(name)) == checksums.ALGORITHMS[name][0]
    assert checksums.decoded(whole.base64(name), len(whole.raw(name))) == whole.raw(name)


def test_the_checksum_of_parts() -> None:
    parts = [checksums.encoded(hashlib.sha256(part).digest()) for part in (b"a", b"b")]
    joined = hashlib.sha256(hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest()).digest()
    assert checksums.composite("sha256", parts) == checksums.encoded(joined) + "-2"


def test_every_type_is_of_a_known_algorithm() -> None:
    assert checksums.TYPES.keys() == checksums.ALGORITHMS.keys()
