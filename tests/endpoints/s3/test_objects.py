"""Single objects: preconditions, ranges, copies, deletes, and what is refused rather than silently left out."""

from __future__ import annotations

import errno
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.endpoints.s3 import conditions
from outcrop.endpoints.s3.attributes import REFUSED
from outcrop.endpoints.s3.errors import S3Error
from outcrop.endpoints.s3.routes import model
from outcrop.store.folder import Staged
from tests.endpoints.s3.conftest import S3Client, code, files_below, inside, texts

pytestmark = pytest.mark.usefixtures("bucket")
PAST, FUTURE = formatdate(time.time() - 90_000, usegmt=True), formatdate(time.time() + 90_000, usegmt=True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_a_bucket_that_is_not_there(s3: S3Client, method: str) -> None:
    answer = await s3(method, "/other/a", b"x" if method == "PUT" else b"")
    assert answer.status == 404
    assert answer.body == b"" if method == "HEAD" else code(answer) == "NoSuchBucket"


@pytest.mark.parametrize("key", ["a", "a/", "%2e%2e/a", "a//b", "b%00"])
async def test_an_object_that_is_not_there(s3: S3Client, key: str) -> None:
    assert code(await s3("GET", f"/mine/{key}")) == "NoSuchKey"
    assert (await s3("HEAD", f"/mine/{key}")).status == 404
    assert (await s3("DELETE", f"/mine/{key}")).status == 204


@pytest.mark.parametrize("key", ["a/", "..%2fx", "%2e%2e/x", "a//b", "a%0ab", "a%231", "%ff", "x" * 256])
async def test_keys_that_cannot_be_kept(s3: S3Client, bucket: Path, key: str) -> None:
    assert code(await s3("PUT", f"/mine/{key}", b"x")) in ("InvalidArgument", "InvalidURI")
    assert files_below(bucket.parent.parent) == []


async def test_a_key_of_more_than_1024_bytes(s3: S3Client) -> None:
    assert code(await s3("PUT", "/mine/" + "x" * 1025, b"x")) == "KeyTooLongError"


async def test_a_full_disk(s3: S3Client, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await s3("PUT", "/mine/a", b"old")

    def full(self: Staged, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Staged, "write", full)
    answer = await s3("PUT", "/mine/a", b"newer")
    assert (answer.status, code(answer)) == (507, "InsufficientStorage")
    assert (bucket / "a").read_bytes() == b"old"
    assert inside(bucket.parent / ".s3" / "staging") == []


async def test_a_fault_of_ours_says_nothing_of_itself(s3: S3Client, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    def broken(self: Staged) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(Staged, "finish", broken)
    answer = await s3("PUT", "/mine/a", b"x")
    assert (answer.status, code(answer), b"secret" in answer.body) == (500, "InternalError", False)
    assert "a secret of ours" in caplog.text


async def test_preconditions_of_reading(s3: S3Client) -> None:
    etag = (await s3("PUT", "/mine/a", b"hello")).headers["etag"]
    for headers, status in (
        ({"if-match": etag}, 200),
        ({"if-match": '"other", ' + etag}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-none-match": etag}, 304),
        ({"if-none-match": f"W/{etag}"}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-modified-since": FUTURE}, 304),
        ({"if-modified-since": PAST}, 200),
        ({"if-unmodified-since": PAST}, 412),
        ({"if-unmodified-since": FUTURE}, 200),
        ({"if-match": etag, "if-unmodified-since": PAST}, 200),
        ({"if-none-match": '"other"', "if-modified-since": FUTURE}, 200),
    ):
        for method in ("GET", "HEAD"):
            answer = await s3(method, "/mine/a", headers=headers)
            assert (answer.status, bool(answer.body)) == (status, method == "GET" and status != 304), headers
    told = (await s3("GET", "/mine/a", headers={"if-none-match": etag})).headers
    assert told["etag"] == etag


async def test_preconditions_of_writing(s3: S3Client, bucket: Path) -> None:
    assert code(await s3("PUT", "/mine/a", b"0", {"if-match": '"x"'})) == "NoSuchKey"
    first = await s3("PUT", "/mine/a", b"1", {"if-none-match": "*"})
    assert first.status == 200
    assert code(await s3("PUT", "/mine/a", b"2", {"if-none-match": "*"})) == "PreconditionFailed"
    assert code(await s3("PUT", "/mine/a", b"2", {"if-match": '"x"'})) == "PreconditionFailed"
    assert code(await s3("PUT", "/mine/a", b"2", {"if-none-match": '"x"'})) == "NotImplemented"
    assert (bucket / "a").read_bytes() == b"1"
    assert (await s3("PUT", "/mine/a", b"2", {"if-match": first.headers["etag"]})).status == 200
    assert code(await s3("DELETE", "/mine/a", headers={"if-match": '"x"'})) == "PreconditionFailed"
    assert (bucket / "a").read_bytes() == b"2"


RANGES = [
    ("bytes=0-0", "h", "bytes 0-0/5"),
    ("bytes=1-3", "ell", "bytes 1-3/5"),
    ("bytes=3-", "lo", "bytes 3-4/5"),
    ("bytes=-2", "lo", "bytes 3-4/5"),
    ("bytes=-9", "hello", "bytes 0-4/5"),
    ("bytes=2-99", "llo", "bytes 2-4/5"),
    ("bytes=3-1", "hello", None),
    ("bytes=0-1,3-4", "hello", None),
    ("items=0-1", "hello", None),
    ("bytes=-", "hello", None),
]


@pytest.mark.parametrize(("asked", "body", "told"), RANGES)
async def test_ranges(s3: S3Client, asked: str, body: str, told: str | None) -> None:
    await s3("PUT", "/mine/a", b"hello")
    answer = await s3("GET", "/mine/a", headers={"range": asked})
    assert (answer.status, answer.body.decode(), answer.headers.get("content-range")) == (
        206 if told else 200,
        body,
        told,
    )
    assert answer.headers["content-length"] == str(len(body))
    head = await s3("HEAD", "/mine/a", headers={"range": asked})
    assert (head.headers["content-length"], head.body) == (str(len(body)), b"")


@pytest.mark.parametrize("asked", ["bytes=5-", "bytes=5-9", "bytes=-0"])
async def test_ranges_beyond_the_object(s3: S3Client, asked: str) -> None:
    await s3("PUT", "/mine/a", b"hello")
    answer = await s3("GET", "/mine/a", headers={"range": asked})
    assert (answer.status, code(answer), answer.headers["content-range"]) == (416, "InvalidRange", "bytes */5")


@given(st.text(alphabet="bytes=0123456789-, ", max_size=30), st.integers(0, 50))
def test_any_range_lies_inside(asked: str, size: int) -> None:
    try:
        found = conditions.byte_range(asked, size)
    except S3Error as error:
        assert error.code == "InvalidRange"
    else:
        assert found is None or 0 <= found[0] < found[1] <= size


async def test_headers_and_metadata_are_kept(s3: S3Client) -> None:
    kept = {
        "content-type": "text/plain",
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="a"',
        "content-language": "de",
        "expires": "Thu, 01 Dec 1994 16:00:00 GMT",
        "x-amz-meta-colour": "blue green",
    }
    await s3("PUT", "/mine/a", b"x", {**kept, "content-encoding": "aws-chunked, gzip"})
    headers = (await s3("HEAD", "/mine/a")).headers
    assert {name: headers[name] for name in kept} == kept
    assert headers["content-encoding"] == "gzip"
    await s3("PUT", "/mine/a", b"y")
    headers = (await s3("HEAD", "/mine/a")).headers
    assert (headers["content-type"], "x-amz-meta-colour" in headers) == ("binary/octet-stream", False)


async def test_too_much_metadata(s3: S3Client) -> None:
    answer = await s3("PUT", "/mine/a", b"x", {"x-amz-meta-a": "x" * 2048})
    assert code(answer) == "MetadataTooLarge"


async def test_overrides_of_a_presigned_url(s3: S3Client) -> None:
    await s3("PUT", "/mine/a", b"x", {"content-type": "text/plain"})
    query = "response-content-type=a/b&response-cache-control=none&response-content-disposition=inline"
    headers = (await s3("GET", f"/mine/a?{query}")).headers
    told = (headers["content-type"], headers["cache-control"], headers["content-disposition"])
    assert told == ("a/b", "none", "inline")


async def test_a_page_among_the_objects_is_no_page_of_the_services(s3: S3Client) -> None:
    await s3("PUT", "/mine/a", b"<script>", {"content-type": "text/html"})
    headers = (await s3("GET", "/mine/a")).headers
    assert (headers["content-security-policy"], headers["x-content-type-options"]) == ("sandbox", "nosniff")


NOT_HERE = {
    "x-amz-server-side-encryption": "AES256",
    "x-amz-server-side-encryption-customer-algorithm": "AES256",
    "x-amz-tagging": "a=b",
    "x-amz-acl": "public-read",
    "x-amz-grant-read": "id=1",
    "x-amz-object-lock-mode": "GOVERNANCE",
    "x-amz-storage-class": "GLACIER",
    "x-amz-website-redirect-location": "/b",
    "x-amz-write-offset-bytes": "0",
}


@pytest.mark.parametrize("name", NOT_HERE)
async def test_what_is_not_here_is_not_passed_over(s3: S3Client, bucket: Path, name: str) -> None:
    answer = await s3("PUT", "/mine/a", b"x", {name: NOT_HERE[name]})
    assert (answer.status, code(answer)) == (501, "NotImplemented")
    assert inside(bucket) == []


def test_every_refused_member_is_one_of_the_models() -> None:
    members = {name for op in model().operations() for name in op.input.members}
    assert set(REFUSED) <= members


@pytest.mark.parametrize("query", ["acl", "tagging&x=1", "retention", "legal-hold", "torrent", "versionId=abc"])
async def test_other_operations_say_so_and_touch_nothing(s3: S3Client, bucket: Path, query: str) -> None:
    await s3("PUT", "/mine/a", b"x")
    for method in ("GET", "PUT", "DELETE"):
        answer = await s3(method, f"/mine/a?{query}", b"<x/>" if method == "PUT" else b"")
        assert answer.status in (501, 405) or (method, query[:7]) in (("GET", "tagging"), ("PUT", "version"))
    assert (bucket / "a").exists()


async def test_another_owners_bucket(s3: S3Client) -> None:
    answer = await s3("PUT", "/mine/a", b"x", {"x-amz-expected-bucket-owner": "111111111111"})
    assert code(answer) == "AccessDenied"
    assert (await s3("PUT", "/mine/a", b"x", {"x-amz-expected-bucket-owner": "000000000000"})).status == 200


# Copies


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("mine/none", "NoSuchKey"),
        ("other/a", "NoSuchBucket"),
        ("mine", "InvalidArgument"),
        ("", "InvalidArgument"),
        ("mine/../a", "NoSuchKey"),
        ("mine/a?versionId=1", "NotImplemented"),
        ("mine/b", "InvalidRequest"),
    ],
)
async def test_copies_of_what_is_not_there(s3: S3Client, bucket: Path, source: str, expected: str) -> None:
    await s3("PUT", "/mine/b", b"x")
    answer = await s3("PUT", "/mine/b", headers={"x-amz-copy-source": source})
    assert code(answer) == expected
    assert (bucket / "b").read_bytes() == b"x"


async def test_a_copy_keeps_or_replaces_what_is_beside_the_bytes(s3: S3Client) -> None:
    await s3("PUT", "/mine/a%20%C3%BC", b"hello", {"content-type": "text/plain", "x-amz-meta-a": "1"})
    kept = await s3("PUT", "/mine/b", headers={"x-amz-copy-source": "/mine/a%20%C3%BC"})
    assert texts(kept, "ETag") == ['"5d41402abc4b2a76b9719d911017c592"']
    head = (await s3("HEAD", "/mine/b")).headers
    assert (head["content-type"], head["x-amz-meta-a"]) == ("text/plain", "1")
    replaced = {"x-amz-metadata-directive": "REPLACE", "x-amz-meta-b": "2", "x-amz-checksum-algorithm": "SHA1"}
    answer = await s3("PUT", "/mine/b", headers={"x-amz-copy-source": "mine/b", **replaced})
    assert texts(answer, "ChecksumSHA1") == ["qvTGHdzF6KLavt4PO0gs2a6pQ00="]
    head = (await s3("HEAD", "/mine/b")).headers
    assert ("x-amz-meta-a" in head, head["x-amz-meta-b"], head["content-type"]) == (False, "2", "binary/octet-stream")


async def test_preconditions_of_a_copys_source(s3: S3Client) -> None:
    etag = (await s3("PUT", "/mine/a", b"x")).headers["etag"]
    for name, value, works in (
        ("if-match", etag, True),
        ("if-match", '"x"', False),
        ("if-none-match", etag, False),
        ("if-modified-since", FUTURE, False),
        ("if-unmodified-since", PAST, False),
    ):
        headers = {"x-amz-copy-source": "mine/a", f"x-amz-copy-source-{name}": value}
        answer = await s3("PUT", "/mine/b", headers=headers)
        assert answer.status == (200 if works else 412)


# DeleteObjects


def delete(*keys: str, quiet: bool = False) -> bytes:
    inside = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>{str(quiet).lower()}</Quiet>{inside}</Delete>".encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete/>",
        b"<Other/>",
        b"<Delete><Object/></Delete>",
        b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        b"<Delete><Quiet>perhaps</Quiet><Object><Key>a</Key></Object></Delete>",
        delete(*["a"] * 1001),
        b"{}",
    ],
)
async def test_lists_of_keys_that_cannot_be_read(s3: S3Client, bucket: Path, body: bytes) -> None:
    await s3("PUT", "/mine/a", b"x")
    assert code(await s3("POST", "/mine?delete", body)) == "MalformedXML"
    assert (bucket / "a").exists()


async def test_each_key_is_deleted_by_itself(s3: S3Client, bucket: Path) -> None:
    for key in ("a", "b/c", "d&amp;e"):
        await s3("PUT", f"/mine/{key}", b"x")
    answer = await s3("POST", "/mine?delete", delete("a", "none", "b/c", "x" * 1025))
    assert texts(answer, "Deleted/Key") == ["a", "none", "b/c"]
    assert texts(answer, "Error/Code") == ["KeyTooLongError"]
    quiet = await s3("POST", "/mine?delete", delete("d&amp;amp;e", quiet=True))
    assert (quiet.status, texts(quiet, "Deleted")) == (200, [])
    assert inside(bucket) == []
