"""Listings: tokens nobody gave, names that XML cannot hold, pages of every size; then what S3 writes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.endpoints.s3 import listing
from tests.endpoints.s3.conftest import S3Client, code, texts


@pytest.mark.parametrize(
    "query",
    [
        "continuation-token=%FF",
        "continuation-token=!!!",
        "continuation-token=gA%3D%3D",
        "max-keys=-1",
        "max-keys=x",
        "max-keys=%C2%B2",
        "encoding-type=base64",
        "fetch-owner=perhaps",
    ],
)
async def test_what_cannot_be_read(s3: S3Client, bucket: Path, query: str) -> None:
    assert code(await s3("GET", f"/mine?list-type=2&{query}")) == "InvalidArgument"


async def test_a_bucket_that_is_not_there(s3: S3Client) -> None:
    for query in ("", "?list-type=2", "?uploads", "?location"):
        assert code(await s3("GET", f"/mine{query}")) == "NoSuchBucket"


NAMES = st.sets(st.text(alphabet="ab/-ü", min_size=1, max_size=6), max_size=15)


@given(NAMES, st.text(alphabet="ab/", max_size=2), st.sampled_from(["", "/", "-", "ab", "ü"]), st.integers(1, 4))
def test_pages_of_any_size_give_everything_once(keys: set[str], prefix: str, delimiter: str, limit: int) -> None:
    wanted = sorted((k for k in keys if k.startswith(prefix)), key=str.encode)
    groups = {k: k.find(delimiter, len(prefix)) for k in wanted if delimiter}
    plain = [k for k in wanted if groups.get(k, -1) < 0]
    common = sorted({k[: at + len(delimiter)] for k, at in groups.items() if at >= 0}, key=str.encode)
    found, seen, after, pages = [], [], "", 0
    while True:
        stream = [k for k in wanted if k.encode() > after.encode()]
        page = listing.page(stream, prefix, delimiter, after, limit)
        assert len(page.keys) + len(page.prefixes) <= limit
        found += page.keys
        seen += page.prefixes
        pages += 1
        if page.last is None:
            break
        after = page.last
    assert (found, seen) == (plain, common)
    assert pages == max(1, -(-(len(plain) + len(common)) // limit))


async def test_a_page_of_none(s3: S3Client, bucket: Path) -> None:
    await s3("PUT", "/mine/a", b"x")
    answer = await s3("GET", "/mine?list-type=2&max-keys=0")
    assert (texts(answer, "KeyCount"), texts(answer, "IsTruncated"), texts(answer, "Contents")) == (
        ["0"],
        ["false"],
        [],
    )


async def test_both_versions_walk_a_bucket_page_by_page(s3: S3Client, bucket: Path) -> None:
    for key in ("a/1", "a/2", "b", "c/1", "ü +&<"):
        await s3("PUT", f"/mine/{quote(key)}", b"x")
    found: list[str] = []
    query = "list-type=2&max-keys=2&delimiter=/&encoding-type=url"
    answer = await s3("GET", f"/mine?{query}")
    while True:
        found += texts(answer, "Contents/Key") + texts(answer, "CommonPrefixes/Prefix")
        if texts(answer, "IsTruncated") == ["false"]:
            break
        answer = await s3("GET", f"/mine?{query}&continuation-token={quote(texts(answer, 'NextContinuationToken')[0])}")
    assert found == ["b", "a/", "%C3%BC%20%2B%26%3C", "c/"]
    first = await s3("GET", "/mine?max-keys=1&delimiter=/")
    assert texts(first, "NextMarker") == ["a/"]
    rest = await s3("GET", "/mine?delimiter=/&marker=a/")
    assert texts(rest, "CommonPrefixes/Prefix") == ["c/"]
    assert [unquote(name) for name in texts(rest, "Contents/Key")] == ["b", "ü +&<"]
    assert texts(await s3("GET", "/mine?list-type=2&prefix=a/&start-after=a/1"), "Contents/Key") == ["a/2"]


async def test_what_an_entry_says(s3: S3Client, bucket: Path) -> None:
    etag = (await s3("PUT", "/mine/a", b"hello")).headers["etag"]
    answer = await s3("GET", "/mine?list-type=2&fetch-owner=true")
    assert answer.headers["content-type"] == "application/xml"
    told = {name: texts(answer, f"Contents/{name}") for name in ("ETag", "Size", "StorageClass", "Owner/ID")}
    assert told == {"ETag": [etag], "Size": ["5"], "StorageClass": ["STANDARD"], "Owner/ID": ["000000000000"]}
    assert texts(await s3("GET", "/mine?list-type=2"), "Contents/Owner/ID") == []
    assert b"<ListBucketResult xmlns=" in answer.body


async def test_buckets(s3: S3Client, bucket: Path) -> None:
    for name in ("b-one", "b-two"):
        assert (await s3("PUT", f"/{name}")).status == 200
    assert code(await s3("PUT", "/b-one")) == "BucketAlreadyOwnedByYou"
    assert code(await s3("PUT", "/B_one")) == "InvalidBucketName"
    elsewhere = (
        b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
    )
    assert code(await s3("PUT", "/b-three", elsewhere)) == "InvalidLocationConstraint"
    assert (await s3("PUT", "/b-three", elsewhere.replace(b"eu-west-1", b"us-east-1"))).status == 200
    first = await s3("GET", "/?max-buckets=2&prefix=b-")
    assert texts(first, "Buckets/Bucket/Name") == ["b-one", "b-three"]
    rest = await s3("GET", f"/?prefix=b-&continuation-token={texts(first, 'ContinuationToken')[0]}")
    assert texts(rest, "Buckets/Bucket/Name") == ["b-two"]
    head = await s3("HEAD", "/b-one")
    assert (head.status, head.headers["x-amz-bucket-region"], head.body) == (200, "us-east-1", b"")
    assert b"LocationConstraint" in (await s3("GET", "/b-one?location")).body
    await s3("PUT", "/b-one/a/b", b"x")
    assert code(await s3("DELETE", "/b-one")) == "BucketNotEmpty"
    await s3("DELETE", "/b-one/a/b")
    assert (await s3("DELETE", "/b-one")).status == 204
    assert code(await s3("GET", "/b-one")) == "NoSuchBucket"


async def test_a_bucket_in_the_hosts_name(s3: S3Client, bucket: Path) -> None:
    host = {"host": "mine.localhost:8484"}
    assert (await s3("PUT", "/a/b", b"x", host)).status == 200
    assert (bucket / "a" / "b").read_bytes() == b"x"
    assert texts(await s3("GET", "/?list-type=2", headers=host), "Contents/Key") == ["a/b"]
