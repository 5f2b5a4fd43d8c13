"""Multipart uploads: parts that are missing, small, in disorder or replaced; ends that come twice or at once."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from outcrop.endpoints.s3 import multipart
from outcrop.endpoints.s3.checksums import Digests
from outcrop.store.folder import Folder
from tests.endpoints.s3.conftest import S3Client, code, door_at, files_below, inside, texts

ONE, TWO, LAST = b"1" * 100, b"2" * 100, b"3" * 7


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch, bucket: Path) -> None:
    monkeypatch.setattr(multipart, "MIN_PART", 100)


async def begin(s3: S3Client, key: str = "a", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await s3("POST", f"/mine/{key}?uploads", headers=named)
    assert answer.status == 200, answer.body
    return texts(answer, "UploadId")[0]


async def send(s3: S3Client, upload: str, number: int, data: bytes, key: str = "a", **options) -> str:
    answer = await s3("PUT", f"/mine/{key}?partNumber={number}&uploadId={upload}", data, **options)
    assert answer.status == 200, answer.body
    return answer.headers["etag"]


def listed(*parts: tuple[int, str], extra: str = "") -> bytes:
    inside = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag>{extra}</Part>" for n, tag in parts)
    return f"<CompleteMultipartUpload>{inside}</CompleteMultipartUpload>".encode()


async def three(s3: S3Client, upload: str) -> list[tuple[int, str]]:
    return [(n, await send(s3, upload, n, data)) for n, data in ((1, ONE), (2, TWO), (5, LAST))]


async def test_an_upload_that_is_not_there(s3: S3Client, bucket: Path) -> None:
    real = await begin(s3, "other")
    for upload in ("", "x", "x" * 32, "../../../etc/passwd", "..%2F..%2Fattributes", "%00", real):
        for method, query, body in (
            ("PUT", "partNumber=1&", ONE),
            ("POST", "", listed((1, '"x"'))),
            ("GET", "", b""),
            ("DELETE", "", b""),
        ):
            answer = await s3(method, f"/mine/a?{query}uploadId={upload}", body)
            assert (answer.status, code(answer)) == (404, "NoSuchUpload"), (method, upload)
    assert inside(bucket) == []


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", ""])
async def test_numbers_that_no_part_has(s3: S3Client, number: str) -> None:
    upload = await begin(s3)
    assert code(await s3("PUT", f"/mine/a?partNumber={number}&uploadId={upload}", ONE)) == "InvalidArgument"


async def test_lists_that_do_not_fit_the_parts(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3)
    (_, one), (_, two), (_, last) = await three(s3, upload)
    for body, expected in (
        (b"", "MalformedXML"),
        (listed(), "MalformedXML"),
        (b"<Other/>", "MalformedXML"),
        (b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", "MalformedXML"),
        (listed((2, two), (1, one)), "InvalidPartOrder"),
        (listed((1, one), (1, one)), "InvalidPartOrder"),
        (listed((1, one), (3, two)), "InvalidPart"),
        (listed((1, two)), "InvalidPart"),
        (listed((1, one), (5, last), (6, last)), "InvalidPart"),
        (listed((0, one)), "InvalidPart"),
    ):
        assert code(await s3("POST", f"/mine/a?uploadId={upload}", body)) == expected
    await send(s3, upload, 6, b"4")
    small = await s3("POST", f"/mine/a?uploadId={upload}", listed((1, one), (5, last), (6, last)))
    assert code(small) == "InvalidPart"
    assert inside(bucket) == []
    assert (await s3("POST", f"/mine/a?uploadId={upload}", listed((1, one), (5, last)))).status == 200


async def test_a_small_part_may_only_be_the_last(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3)
    small, one = await send(s3, upload, 1, LAST), await send(s3, upload, 2, ONE)
    answer = await s3("POST", f"/mine/a?uploadId={upload}", listed((1, small), (2, one)))
    assert (code(answer), texts(answer, "MinSizeAllowed")) == ("EntityTooSmall", ["100"])
    assert inside(bucket) == []


async def test_a_whole_upload(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3, content_type="text/plain", x_amz_meta_a="1")
    parts = await three(s3, upload)
    assert (await s3("HEAD", "/mine/a")).status == 404
    answer = await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts))
    md5s = b"".join(hashlib.md5(data).digest() for data in (ONE, TWO, LAST))
    etag = f'"{hashlib.md5(md5s).hexdigest()}-3"'
    assert texts(answer, "ETag") == [etag]
    assert (bucket / "a").read_bytes() == ONE + TWO + LAST
    head = (await s3("HEAD", "/mine/a")).headers
    assert (head["etag"], head["content-type"], head["x-amz-meta-a"]) == (etag, "text/plain", "1")
    part = await s3("GET", "/mine/a?partNumber=3")
    assert (part.status, part.body, part.headers["x-amz-mp-parts-count"]) == (206, LAST, "3")
    assert code(await s3("GET", "/mine/a?partNumber=4")) == "InvalidRange"
    assert inside(bucket.parent / ".s3" / "uploads" / "mine") == []


async def test_an_end_whose_answer_was_lost_may_be_asked_for_again(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3)
    parts = await three(s3, upload)
    first = await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts))
    again = await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts))
    assert texts(again, "ETag") == texts(first, "ETag")
    await s3("PUT", "/mine/a", b"new")
    assert code(await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts))) == "NoSuchUpload"


async def test_ends_at_once_leave_one_object_or_none(s3: S3Client, bucket: Path) -> None:
    for _ in range(5):
        upload = await begin(s3)
        parts = await three(s3, upload)
        end, abort = (f"/mine/a?uploadId={upload}",) * 2
        answers = await asyncio.gather(
            s3("POST", end, listed(*parts)), s3("POST", end, listed(*parts)), s3("DELETE", abort)
        )
        assert all(answer.status in (200, 204, 404) for answer in answers)
        assert not (bucket / "a").exists() or (bucket / "a").read_bytes() == ONE + TWO + LAST
        assert inside(bucket.parent / ".s3" / "uploads" / "mine") == []


async def test_a_part_sent_again_and_at_once_is_one_of_them(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3)
    bodies = [bytes([n]) * 1000 for n in range(8)]
    tags = await asyncio.gather(*(send(s3, upload, 1, body) for body in bodies))
    kept = texts(await s3("GET", f"/mine/a?uploadId={upload}"), "Part/ETag")
    assert kept[0] in tags
    await s3("POST", f"/mine/a?uploadId={upload}", listed((1, kept[0])))
    assert (bucket / "a").read_bytes() == bodies[tags.index(kept[0])]


async def test_an_upload_outlives_the_server(s3: S3Client, tmp_path: Path, bucket: Path) -> None:
    upload = await begin(s3)
    parts = await three(s3, upload)
    after = S3Client(door_at(tmp_path, auth=False))
    assert (await after("POST", f"/mine/a?uploadId={upload}", listed(*parts))).status == 200
    assert (bucket / "a").read_bytes() == ONE + TWO + LAST


async def test_a_kill_before_the_rename_leaves_the_upload_as_it_was(
    s3: S3Client, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begin(s3)
    parts = await three(s3, upload)

    def killed(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "_place", killed)
        assert code(await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts))) == "InternalError"
    assert inside(bucket) == []
    assert (await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts))).status == 200


async def test_an_abort_leaves_nothing(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3)
    await three(s3, upload)
    assert (await s3("DELETE", f"/mine/a?uploadId={upload}")).status == 204
    assert files_below(bucket.parent / ".s3") == []


async def test_uploads_end_with_their_bucket(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3)
    assert (await s3("DELETE", "/mine")).status == 204
    await s3("PUT", "/mine")
    assert code(await s3("GET", f"/mine/a?uploadId={upload}")) == "NoSuchUpload"


async def test_a_precondition_is_checked_at_the_end(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3)
    parts = await three(s3, upload)
    await s3("PUT", "/mine/a", b"first")
    answer = await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts), {"if-none-match": "*"})
    assert code(answer) == "PreconditionFailed"
    assert (bucket / "a").read_bytes() == b"first"


# Checksums of parts


def digest(name: str, data: bytes) -> str:
    digests = Digests([name])
    digests.update(data)
    return digests.base64(name)


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE"), ("CRC32", "other"), ("XXHASH64", "")]
)
async def test_types_that_an_algorithm_has_not(s3: S3Client, algorithm: str, kind: str) -> None:
    headers = {"x-amz-checksum-algorithm": algorithm, **({"x-amz-checksum-type": kind} if kind else {})}
    assert code(await s3("POST", "/mine/a?uploads", headers=headers)) in ("InvalidRequest", "NotImplemented")


async def test_a_checksum_of_checksums(s3: S3Client) -> None:
    upload = await begin(s3, x_amz_checksum_algorithm="SHA256")
    parts = [(n, await send(s3, upload, n, data)) for n, data in ((1, ONE), (2, LAST))]
    wrong = listed(*parts, extra="<ChecksumSHA256>AAAA</ChecksumSHA256>")
    assert code(await s3("POST", f"/mine/a?uploadId={upload}", wrong)) == "InvalidPart"
    answer = await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts))
    joined = hashlib.sha256(ONE).digest() + hashlib.sha256(LAST).digest()
    assert texts(answer, "ChecksumSHA256") == [digest("sha256", joined) + "-2"]
    assert texts(answer, "ChecksumType") == ["COMPOSITE"]


async def test_a_checksum_of_the_whole(s3: S3Client, bucket: Path) -> None:
    upload = await begin(s3, x_amz_checksum_algorithm="CRC64NVME")
    parts = [(n, await send(s3, upload, n, data)) for n, data in ((1, ONE), (2, LAST))]
    wrong = {"x-amz-checksum-crc64nvme": digest("crc64nvme", b"other")}
    assert code(await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts), wrong)) == "BadDigest"
    assert inside(bucket) == []
    right = {"x-amz-checksum-crc64nvme": digest("crc64nvme", ONE + LAST)}
    assert (await s3("POST", f"/mine/a?uploadId={upload}", listed(*parts), right)).status == 200
    told = (await s3("HEAD", "/mine/a", headers={"x-amz-checksum-mode": "ENABLED"})).headers
    assert told["x-amz-checksum-crc64nvme"] == digest("crc64nvme", ONE + LAST)


# Parts copied, and lists


async def test_parts_copied_from_another_object(s3: S3Client, bucket: Path) -> None:
    await s3("PUT", "/mine/source", b"0123456789" * 30)
    upload = await begin(s3)
    place, source = f"/mine/a?partNumber={{}}&uploadId={upload}", {"x-amz-copy-source": "mine/source"}
    for bad in ("bytes=0-", "bytes=5-2", "bytes=0-300", "0-5", "bytes=-5"):
        answer = await s3("PUT", place.format(1), headers=source | {"x-amz-copy-source-range": bad})
        assert code(answer) == "InvalidArgument"
    one = await s3("PUT", place.format(1), headers=source | {"x-amz-copy-source-range": "bytes=0-149"})
    two = await s3("PUT", place.format(2), headers=source | {"x-amz-copy-source-range": "bytes=150-299"})
    tags = [texts(answer, "ETag")[0] for answer in (one, two)]
    await s3("POST", f"/mine/a?uploadId={upload}", listed((1, tags[0]), (2, tags[1])))
    assert (bucket / "a").read_bytes() == b"0123456789" * 30


async def test_lists_of_parts_and_uploads(s3: S3Client) -> None:
    first, second = await begin(s3, "dir/a"), await begin(s3, "dir/a")
    other = await begin(s3, "b")
    for number in (1, 2, 3):
        await send(s3, first, number, ONE, "dir/a")
    page = await s3("GET", f"/mine/dir/a?uploadId={first}&max-parts=2")
    assert (texts(page, "Part/PartNumber"), texts(page, "NextPartNumberMarker")) == (["1", "2"], ["2"])
    rest = await s3("GET", f"/mine/dir/a?uploadId={first}&part-number-marker=2")
    assert (texts(rest, "Part/PartNumber"), texts(rest, "IsTruncated")) == (["3"], ["false"])
    assert texts(await s3("GET", "/mine?uploads"), "Upload/UploadId") == [other, first, second]
    page = await s3("GET", "/mine?uploads&max-uploads=2")
    assert texts(page, "NextUploadIdMarker") == [first]
    rest = await s3("GET", f"/mine?uploads&key-marker=dir/a&upload-id-marker={first}")
    assert texts(rest, "Upload/UploadId") == [second]
    grouped = await s3("GET", "/mine?uploads&delimiter=/")
    assert (texts(grouped, "Upload/Key"), texts(grouped, "CommonPrefixes/Prefix")) == (["b"], ["dir/"])
