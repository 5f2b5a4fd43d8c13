"""Bodies: short, long, large, changed on the way or not what their checksums say; nothing is kept of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import pytest

from outcrop.endpoints.s3 import body as module
from outcrop.endpoints.s3.checksums import Digests
from tests.endpoints.s3.conftest import SCOPED, S3Client, code, door_at, inside
from tests.wire.asgi import Client

DATA = b"hello" * 1000


def digest(name: str, data: bytes = DATA) -> str:
    digests = Digests([name] if name != "md5" else [])
    digests.update(data)
    return digests.base64(name)


def trailed(data: bytes, name: str, value: str) -> tuple[bytes, dict[str, str]]:
    """As SDKs send a body over https."""
    body = b"%x\r\n%b\r\n0\r\n%b:%b\r\n\r\n" % (len(data), data, f"x-amz-checksum-{name}".encode(), value.encode())
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(data)),
        "x-amz-trailer": f"x-amz-checksum-{name}",
    }
    return body, headers


def nothing_kept(bucket: Path) -> bool:
    staging = bucket.parent / ".s3" / "staging"
    return inside(bucket) == [] and (not staging.exists() or list(staging.iterdir()) == [])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content-md5": digest("md5", b"other")}, "BadDigest"),
        ({"content-md5": "nonsense"}, "InvalidDigest"),
        ({"content-md5": ""}, "InvalidDigest"),
        *[({f"x-amz-checksum-{name}": digest(name, b"other")}, "BadDigest") for name in ("crc32", "crc64nvme", "sha1")],
        ({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
        ({"x-amz-checksum-nonsense": "AAAA"}, "InvalidRequest"),
        ({"x-amz-checksum-xxhash64": "AAAA"}, "NotImplemented"),
        ({"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}, "XAmzContentSHA256Mismatch"),
        ({"x-amz-content-sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}, "InvalidArgument"),
        ({"content-length": "5001"}, "IncompleteBody"),
        ({"content-length": "10"}, "IncompleteBody"),
        ({"content-length": "-1"}, "InvalidArgument"),
        ({"content-length": "\u00b2"}, "InvalidArgument"),
        ({"content-length": str(6 << 30)}, "EntityTooLarge"),
    ],
)
async def test_a_body_that_is_not_what_was_said_of_it(
    s3: S3Client, bucket: Path, headers: dict[str, str], expected: str
) -> None:
    answer = await s3("PUT", "/mine/a", DATA, headers)
    assert (code(answer), answer.status >= 400) == (expected, True)
    assert nothing_kept(bucket)


async def test_a_body_without_its_length(s3: S3Client, bucket: Path) -> None:
    answer = await Client(s3.door)("PUT", "/mine/a", DATA, SCOPED)
    assert (answer.status, code(answer)) == (411, "MissingContentLength")
    assert nothing_kept(bucket)


async def test_a_client_that_hangs_up_half_way(s3: S3Client, bucket: Path) -> None:
    gone = asyncio.Event()
    gone.set()
    answer = await s3("PUT", "/mine/a", [DATA, None], {"content-length": "6000"}, hang_up=gone)
    assert (answer.status, nothing_kept(bucket)) == (0, True)


async def test_a_client_that_stops_sending(tmp_path: Path, bucket: Path) -> None:
    s3 = S3Client(door_at(tmp_path, auth=False, body_timeout_s=0.05))
    answer = await s3("PUT", "/mine/a", [DATA, None], {"content-length": "100000"})
    assert (code(answer), answer.status) == ("RequestTimeout", 400)
    assert nothing_kept(bucket)


@pytest.mark.parametrize("name", ["crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512"])
async def test_a_trailing_checksum_is_checked_kept_and_given_again(s3: S3Client, bucket: Path, name: str) -> None:
    body, headers = trailed(DATA, name, digest(name, b"other"))
    assert code(await s3("PUT", "/mine/a", body, headers)) == "BadDigest"
    assert nothing_kept(bucket)
    body, headers = trailed(DATA, name, digest(name))
    assert (await s3("PUT", "/mine/a", body, headers)).status == 200
    answer = await s3("GET", "/mine/a", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (answer.body, answer.headers[f"x-amz-checksum-{name}"]) == (DATA, digest(name))
    assert "content-encoding" not in answer.headers


async def test_a_trailer_that_was_announced_and_does_not_come(s3: S3Client, bucket: Path) -> None:
    body, headers = trailed(DATA, "crc32", digest("crc32"))
    assert code(await s3("PUT", "/mine/a", body.replace(b"crc32:", b"crc3x:"), headers)) == "InvalidRequest"
    assert nothing_kept(bucket)


async def test_chunks_that_make_more_or_less_than_was_said(s3: S3Client, bucket: Path) -> None:
    body, headers = trailed(DATA, "crc32", digest("crc32"))
    for size in (len(DATA) - 1, len(DATA) + 1):
        answer = await s3("PUT", "/mine/a", body, headers | {"x-amz-decoded-content-length": str(size)})
        assert code(answer) == "IncompleteBody"
    assert nothing_kept(bucket)


async def test_a_body_may_be_checked_in_every_way_at_once(s3: S3Client, bucket: Path) -> None:
    names = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512")
    headers = {f"x-amz-checksum-{name}": digest(name) for name in names}
    headers |= {"content-md5": digest("md5"), "x-amz-content-sha256": hashlib.sha256(DATA).hexdigest()}
    answer = await s3("PUT", "/mine/a", DATA, headers)
    assert answer.headers["etag"] == f'"{base64.b64decode(digest("md5")).hex()}"'
    assert (bucket / "a").read_bytes() == DATA


async def test_a_large_body_is_never_whole_in_memory(
    s3: S3Client, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    take = module._take
    monkeypatch.setattr(module, "_take", lambda block, *rest: sizes.append(len(block)) or take(block, *rest))
    pieces = [b"x" * 50_000] * 200
    assert (await s3("PUT", "/mine/a", pieces, {"content-length": "10000000"})).status == 200
    assert (sum(sizes), max(sizes) < module.BLOCK + 50_000) == (10_000_000, True)
    assert (bucket / "a").stat().st_size == 10_000_000
