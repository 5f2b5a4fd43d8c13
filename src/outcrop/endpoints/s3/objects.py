"""Operations on single objects, and DeleteObjects.

Knows nothing of files or XML.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import Any
from urllib.parse import unquote

from ...store.folder import Entry, Staged
from ...store.sidecars import Attributes
from . import attributes, conditions
from .body import MAX_OBJECT
from .checksums import ALGORITHMS, Digests
from .errors import S3Error, translated
from .request import S3, Download, Request, quoted
from .threads import blocking

READ = 1 << 20
"""Bytes copied at a time."""
MAX_DELETES = 1000


async def put_object(s3: S3, request: Request) -> dict[str, Any]:
    guard = conditions.write_guard(request.given)
    described = attributes.from_request(request)
    await blocking(s3.folder.check, request.bucket, request.key)
    with await blocking(s3.folder.stage) as staged:
        digests = await request.body.receive(staged.write, MAX_OBJECT)
        await blocking(staged.finish)
        kept = replace(
            described,
            etag=digests.raw("md5").hex(),
            checksums={name: digests.base64(name) for name in sorted(request.body.checked)},
        )
        entry = await blocking(s3.folder.commit, request.bucket, request.key, staged, kept, guard)
    return {"ETag": quoted(entry.etag), **attributes.checksum_members(entry)}


async def get_object(s3: S3, request: Request) -> Download:
    entry, file = await blocking(s3.folder.open, request.bucket, request.key)
    try:
        return _download(request, entry, file)
    except BaseException:
        file.close()
        raise


async def head_object(s3: S3, request: Request) -> Download:
    """As GetObject; the door sends no body to HEAD."""
    return await get_object(s3, request)


def _download(request: Request, entry: Entry, file: Any) -> Download:
    conditions.check_read(entry, request.given)
    part = _part_range(request.given.get("PartNumber"), entry)
    piece = part or conditions.byte_range(request.given.get("Range"), entry.size)
    start, end = piece or (0, entry.size)
    answer = attributes.answered(entry) | _overrides(request.given)
    answer["ContentLength"] = end - start
    if piece:
        answer["ContentRange"] = f"bytes {start}-{end - 1}/{entry.size}" if end > start else None
    if part and entry.attributes.parts:
        answer["PartsCount"] = len(entry.attributes.parts)
    if request.given.get("ChecksumMode") == "ENABLED" and end - start == entry.size:
        answer |= attributes.checksum_members(entry)
    return Download(answer, file, start, end - start, 206 if piece else 200)


def _overrides(given: dict[str, Any]) -> dict[str, Any]:
    """`response-content-type` and its like, which a presigned URL carries."""
    return {name: given[f"Response{name}"] for name in attributes.KEPT if f"Response{name}" in given}


def _part_range(number: int | None, entry: Entry) -> tuple[int, int] | None:
    """The bytes of one part; an object that came whole has one. InvalidRange."""
    if number is None:
        return None
    ends = list(accumulate(entry.attributes.parts)) or [entry.size]
    if not 1 <= number <= len(ends):
        raise S3Error("InvalidRange", "The requested partnumber is not satisfiable")
    return (ends[number - 2] if number > 1 else 0), ends[number - 1]


async def delete_object(s3: S3, request: Request) -> dict[str, Any]:
    guard = conditions.write_guard({"IfMatch": request.given.get("IfMatch")})
    await blocking(s3.folder.delete, request.bucket, request.key, guard)
    return {}


async def delete_objects(s3: S3, request: Request) -> dict[str, Any]:
    """Each key by itself: one that cannot be deleted is told among the errors, in a 200 answer."""
    wanted = request.given.get("Delete")
    if not wanted or not 1 <= len(wanted["Objects"]) <= MAX_DELETES:
        raise S3Error("MalformedXML")
    await blocking(s3.folder.bucket, request.bucket)
    results = [await _deleted(s3, request.bucket, one) for one in wanted["Objects"]]
    errors = [result for result in results if "Code" in result]
    done = [] if wanted.get("Quiet") else [result for result in results if "Code" not in result]
    return {"Deleted": done, "Errors": errors}


async def _deleted(s3: S3, bucket: str, one: dict[str, Any]) -> dict[str, Any]:
    key = one["Key"]
    try:
        attributes.refuse_unknown(one, s3.settings.account_id)
        guard = conditions.write_guard({"IfMatch": one.get("ETag")})
        await blocking(s3.folder.delete, bucket, key, guard)
    except Exception as raised:
        error = translated(raised)
        return {"Key": key, "Code": error.code, "Message": error.message}
    return {"Key": key}


async def get_object_tagging(s3: S3, request: Request) -> dict[str, Any]:
    """No object has tags, since none can be given; the aws CLI asks before it copies a large one."""
    await blocking(s3.folder.head, request.bucket, request.key)
    return {"TagSet": []}


# Copies


async def copy_object(s3: S3, request: Request) -> dict[str, Any]:
    bucket, key = source(request.given["CopySource"])
    replaces = request.given.get("MetadataDirective", "COPY") == "REPLACE"
    if (bucket, key) == (request.bucket, request.key) and not replaces:
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.",
        )
    described = attributes.from_request(request) if replaces else None
    guard = conditions.write_guard(request.given)
    await blocking(s3.folder.check, request.bucket, request.key)
    entry = await blocking(_copy, s3, request, (bucket, key), described, guard)
    told = attributes.checksum_members(entry)
    return {"CopyObjectResult": {"ETag": quoted(entry.etag), "LastModified": entry.modified_ns / 1e9, **told}}


def _copy(s3: S3, request: Request, place: tuple[str, str], described: Attributes | None, guard: Any) -> Entry:
    found, file = s3.folder.open(*place)
    with file, s3.folder.stage() as staged:
        conditions.check_read(found, request.given, "CopySource")
        if found.size > MAX_OBJECT:
            raise S3Error("InvalidRequest", f"The copy source is larger than a copy may be: {MAX_OBJECT} bytes.")
        kept = described or found.attributes
        names = algorithms(request.given.get("ChecksumAlgorithm")) or list(found.attributes.checksums)
        digests = copy_bytes(file, 0, found.size, staged, names)
        made = Attributes(
            etag=digests.raw("md5").hex(),
            headers=kept.headers,
            metadata=kept.metadata,
            checksums={name: digests.base64(name) for name in names},
        )
        staged.finish()
        return s3.folder.commit(request.bucket, request.key, staged, made, guard)


def source(given: str) -> tuple[str, str]:
    """Bucket and key of `x-amz-copy-source`."""
    place, _, version = given.partition("?versionId=")
    bucket, slash, key = unquote(place).removeprefix("/").partition("/")
    if version not in ("", "null"):
        raise S3Error("NotImplemented", "Outcrop's S3 door keeps no versions.")
    if not slash or not key:
        raise S3Error("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    return bucket, key


def algorithms(given: str | None) -> list[str]:
    """The checksum that `x-amz-checksum-algorithm` asks for, as a list of one or none."""
    if not given:
        return []
    if given.lower() not in ALGORITHMS:
        raise S3Error("NotImplemented", f"Outcrop does not know the checksum {given:.40}.")
    return [given.lower()]


def copy_bytes(file: Any, start: int, end: int, staged: Staged, names: list[str]) -> Digests:
    """Copy a piece of a file and compute its checksums."""
    digests = Digests(names)
    file.seek(start)
    left = end - start
    while left and (block := file.read(min(READ, left))):
        staged.write(block)
        digests.update(block)
        left -= len(block)
    return digests
