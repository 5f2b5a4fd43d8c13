"""The door in front of another S3 (a live server of ours): what must not reach it, what comes back from it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.endpoints.s3.forward import passed_headers, passed_query
from tests.endpoints.s3.conftest import S3Client, code, door_at, inside, texts
from tests.endpoints.s3.test_body import digest, trailed
from tests.live import Live, free_ports, running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("store") / "home", {"model": ""}) as live:
        (live.home / "objects" / "mine").mkdir(parents=True)
        yield live


@pytest.fixture
def front(store: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, store.env[name])
    return S3Client(door_at(tmp_path, objects_url="s3://", objects_endpoint=store.url), signed=True)


async def test_a_body_that_is_not_what_was_said_never_gets_there(front: S3Client, store: Live) -> None:
    body, headers = trailed(b"hello", "crc32", digest("crc32", b"other"))
    assert code(await front("PUT", "/mine/bad", body, headers)) == "BadDigest"
    wrong = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
    assert code(await front("PUT", "/mine/bad", b"hello", wrong)) == "XAmzContentSHA256Mismatch"
    assert not (store.home / "objects" / "mine" / "bad").exists()


async def test_strangers_stay_outside(front: S3Client, store: Live, tmp_path: Path) -> None:
    answer = await S3Client(front.door)("PUT", "/mine/bad", b"x")
    assert answer.status in (400, 403)
    assert not (store.home / "objects" / "mine" / "bad").exists()


async def test_a_store_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    front = S3Client(door_at(tmp_path, objects_url="s3://", objects_endpoint=nobody), signed=True)
    for method in ("GET", "PUT"):
        answer = await front(method, "/mine/a", b"x" if method == "PUT" else b"")
        assert (answer.status, code(answer)) == (503, "ServiceUnavailable")
    assert inside(tmp_path / "objects" / ".s3" / "staging") == []


async def test_a_store_that_refuses_our_keys(front: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert code(await front("GET", "/mine")) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("", ""),
        ("list-type=2&prefix=a%20b", "list-type=2&prefix=a%20b"),
        ("uploads", "uploads"),
        ("X-Amz-Algorithm=x&X-Amz-Signature=y&X-Amz-Credential=z&versionId=null", "versionId=null"),
        ("AWSAccessKeyId=a&Signature=b&Expires=1&response-expires=x", "response-expires=x"),
        ("Expires=1", "Expires=1"),
    ],
)
def test_what_signed_a_query_is_not_passed_on(given: str, passed: str) -> None:
    assert passed_query(given) == passed


def test_what_is_about_this_connection_is_not_passed_on() -> None:
    given = {"host": "a", "authorization": "b", "content-encoding": "aws-chunked,gzip", "x-amz-meta-a": "1", "te": "x"}
    assert passed_headers(given) == {"content-encoding": "gzip", "x-amz-meta-a": "1"}


async def test_what_the_store_says_comes_back(front: S3Client, store: Live) -> None:
    assert (await front("PUT", "/elsewhere")).status == 200
    assert code(await front("PUT", "/elsewhere")) == "BucketAlreadyOwnedByYou"
    kept = {"content-type": "text/plain", "x-amz-meta-a": "1"}
    assert (await front("PUT", "/mine/a%20%C3%BC%2B", b"hello", kept)).status == 200
    answer = await front("GET", "/mine/a%20%C3%BC%2B", headers={"range": "bytes=1-2"})
    assert (answer.status, answer.body, answer.headers["content-range"]) == (206, b"el", "bytes 1-2/5")
    head = await front("HEAD", "/mine/a%20%C3%BC%2B")
    assert (head.headers["content-length"], head.headers["x-amz-meta-a"], head.body) == ("5", "1", b"")
    assert texts(await front("GET", "/mine?list-type=2&prefix=a%20"), "Contents/Key") == ["a ü+"]
    assert code(await front("GET", "/mine/none")) == "NoSuchKey"
    assert (await front("DELETE", "/mine/a%20%C3%BC%2B")).status == 204


async def test_trailers_and_large_bodies(front: S3Client, store: Live) -> None:
    data = os.urandom(5_000_000)
    body, headers = trailed(data, "crc32", digest("crc32", data))
    assert (await front("PUT", "/mine/big", body, headers)).status == 200
    answer = await front("GET", "/mine/big", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (answer.body == data, answer.headers["x-amz-checksum-crc32"]) == (True, digest("crc32", data))
    begun = await front("POST", "/mine/parts?uploads")
    upload = texts(begun, "UploadId")[0]
    tag = (await front("PUT", f"/mine/parts?partNumber=1&uploadId={upload}", data)).headers["etag"]
    part = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
    end = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    assert (await front("POST", f"/mine/parts?uploadId={upload}", end)).status == 200
    assert (store.home / "objects" / "mine" / "parts").read_bytes() == data
    removed = b"<Delete><Object><Key>parts</Key></Object></Delete>"
    assert texts(await front("POST", "/mine?delete", removed), "Deleted/Key") == ["parts"]
