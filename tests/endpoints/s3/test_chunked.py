"""aws-chunked: bodies cut, changed, reordered or endless; then AWS's own worked examples."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.endpoints.s3.chunked import SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, Chain, Decoder
from outcrop.endpoints.s3.errors import S3Error
from outcrop.wire.sigv4 import Claim

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
SIGNATURES = (
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
"""Of the example in "Signature calculations: transferring payload in multiple chunks"."""
TRAILER_SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
TRAILER_SIGNATURES = (
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
)
"""Of the one in "... including trailing headers"."""


def chain(seed: str = SEED) -> Chain:
    claim = Claim("AKIAIOSFODNN7EXAMPLE", "20130524", "us-east-1", "s3", (), seed, "20130524T000000Z", 0)
    return Chain(claim, SECRET)


def example() -> list[bytes]:
    data = (b"a" * 65536, b"a" * 1024, b"")
    heads = [f"{len(d):x};chunk-signature={s}\r\n".encode() for d, s in zip(data, SIGNATURES, strict=True)]
    return [head + body + b"\r\n" for head, body in zip(heads, data, strict=True)]


def with_trailer() -> list[bytes]:
    one, two, end, last = TRAILER_SIGNATURES
    return [
        f"10000;chunk-signature={one}\r\n".encode() + b"a" * 65536 + b"\r\n",
        f"400;chunk-signature={two}\r\n".encode() + b"a" * 1024 + b"\r\n",
        f"0;chunk-signature={end}\r\n".encode(),
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n",
        f"x-amz-trailer-signature:{last}\r\n\r\n".encode(),
    ]


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def decode(data: bytes, payload: str, by: Chain | None = None, size: int = 1000) -> tuple[bytes, dict[str, str]]:
    decoder = Decoder(pieces(data, size), payload, by)
    return b"".join([piece async for piece in decoder]), decoder.trailers


CHANGES = {
    "a byte": lambda chunks: [chunks[0].replace(b"aaa", b"aab", 1), *chunks[1:]],
    "a chunk left out": lambda chunks: [chunks[0], chunks[2]],
    "chunks in another order": lambda chunks: [chunks[1], chunks[0], chunks[2]],
    "a chunk twice": lambda chunks: [chunks[0], chunks[0], *chunks[1:]],
    "the end moved forward": lambda chunks: [chunks[2]],
    "a signature of capitals": lambda chunks: [chunks[0].replace(SIGNATURES[0].encode(), b"0" * 64), *chunks[1:]],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_changed_chunks_are_refused(change: str) -> None:
    with pytest.raises(S3Error) as refusal:
        await decode(b"".join(CHANGES[change](example())), SIGNED, chain())
    assert refusal.value.code == "SignatureDoesNotMatch"


async def test_a_changed_trailer_is_refused() -> None:
    for change in ((b"sOO8/Q==", b"sOO8/g=="), (b"checksum-crc32c", b"checksum-crc32"), (b"x-amz-trailer-s", b"x-s")):
        with pytest.raises(S3Error) as refusal:
            await decode(b"".join(with_trailer()).replace(*change), SIGNED_TRAILER, chain(TRAILER_SEED))
        assert refusal.value.code == "SignatureDoesNotMatch"


async def test_another_secret_or_seed_is_refused() -> None:
    with pytest.raises(S3Error, match="signature"):
        await decode(b"".join(example()), SIGNED, chain("0" * 64))


@pytest.mark.parametrize("left", [0, 1, 50, 90, 65000, -3, -80, -90, -1200])
async def test_a_body_that_ends_early_is_refused(left: int) -> None:
    with pytest.raises(S3Error) as refusal:
        await decode(b"".join(example())[:left], SIGNED, chain())
    assert refusal.value.code in ("IncompleteBody", "InvalidRequest", "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n",
        b"-1\r\n",
        b"5\r\nabcdefgh\r\n0\r\n\r\n",
        b"5;other=1\r\nabcde\r\n0\r\n\r\n",
        b"f" * 17 + b"\r\n",
        b"1" * 10_000,
        b"0\r\n" + b"x" * 10_000,
    ],
)
async def test_what_is_not_chunked_is_refused(body: bytes) -> None:
    with pytest.raises(S3Error) as refusal:
        await decode(body, UNSIGNED_TRAILER)
    assert refusal.value.code in ("InvalidRequest", "IncompleteBody")


async def test_chunks_without_signatures_do_not_pass_for_signed_ones() -> None:
    with pytest.raises(S3Error) as refusal:
        await decode(b"1\r\na\r\n0\r\n\r\n", SIGNED, chain())
    assert refusal.value.code == "InvalidRequest"


@given(st.binary(max_size=300), st.sampled_from([SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]), st.integers(1, 40))
async def test_any_bytes_are_decoded_or_refused(body: bytes, payload: str, size: int) -> None:
    try:
        await decode(body, payload, chain(), size)
    except S3Error as error:
        assert error.status in (400, 403)


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
async def test_awss_example(size: int) -> None:
    assert (await decode(b"".join(example()), SIGNED, chain(), size))[0] == b"a" * 66560


async def test_awss_example_with_a_trailer() -> None:
    data, trailers = await decode(b"".join(with_trailer()), SIGNED_TRAILER, chain(TRAILER_SEED))
    assert (len(data), trailers) == (66560, {"x-amz-checksum-crc32c": "sOO8/Q=="})


async def test_unsigned_with_a_trailer() -> None:
    body = b"3\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert await decode(body, UNSIGNED_TRAILER) == (b"abcde", {"x-amz-checksum-crc32": "AAAAAA=="})
