"""Multipart uploads: the operations, and S3's rules for parts.

Knows nothing of files. Source: "Uploading and copying objects using multipart upload", Amazon S3 user guide.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

from ...store.folder import Entry, Guard, NoObject, Staged
from ...store.uploads import NoUpload, Part, Upload
from . import attributes, checksums, conditions
from .body import MAX_OBJECT, given_checksums
from .checksums import Digests
from .errors import S3Error
from .listing import PAGE, encode, page
from .objects import algorithms, copy_bytes, source
from .request import S3, Request, owner, quoted
from .threads import blocking

MAX_PARTS = 10_000
MIN_PART = 5 << 20
"""Bytes of every part but the last."""


async def create_multipart_upload(s3: S3, request: Request) -> dict[str, Any]:
    given = request.given
    algorithm = next(iter(algorithms(given.get("ChecksumAlgorithm"))), "")
    kind = _checksum_type(algorithm, given.get("ChecksumType"))
    described = replace(attributes.from_request(request), checksum_type=kind)
    upload = await blocking(s3.uploads.create, request.bucket, request.key, described, algorithm)
    told = {"ChecksumAlgorithm": algorithm.upper(), "ChecksumType": kind} if algorithm else {}
    return {"Bucket": request.bucket, "Key": request.key, "UploadId": upload.id, **told}


def _checksum_type(algorithm: str, wanted: str | None) -> str:
    """FULL_OBJECT over all bytes, or COMPOSITE over the checksums of the parts."""
    possible = checksums.TYPES.get(algorithm, ("FULL_OBJECT",))
    if wanted and wanted not in possible:
        raise S3Error("InvalidRequest", f"The {wanted:.40} checksum type cannot be used with {algorithm or 'none'}.")
    return wanted or possible[0]


async def upload_part(s3: S3, request: Request) -> dict[str, Any]:
    upload, number = await _upload(s3, request), _number(request)
    with await blocking(s3.folder.stage) as staged:
        names = {*request.body.checked, *([upload.algorithm] if upload.algorithm else [])}
        digests = await request.body.receive(staged.write, MAX_OBJECT, names)
        await blocking(staged.finish)
        part = _part(number, staged, digests, sorted(names))
        await blocking(s3.uploads.add, request.bucket, upload, staged, part)
    return {"ETag": quoted(part.md5), **checksums.members(part.checksums)}


async def upload_part_copy(s3: S3, request: Request) -> dict[str, Any]:
    upload, number = await _upload(s3, request), _number(request)
    part = await blocking(_copy_part, s3, request, upload, number)
    told = {"ETag": quoted(part.md5), "LastModified": part.modified, **checksums.members(part.checksums)}
    return {"CopyPartResult": told}


def _copy_part(s3: S3, request: Request, upload: Upload, number: int) -> Part:
    found, file = s3.folder.open(*source(request.given["CopySource"]))
    with file, s3.folder.stage() as staged:
        conditions.check_read(found, request.given, "CopySource")
        start, end = conditions.copy_range(request.given.get("CopySourceRange"), found.size)
        if end - start > MAX_OBJECT:
            raise S3Error("InvalidRequest", f"A part may not be larger than {MAX_OBJECT} bytes.")
        names = [upload.algorithm] if upload.algorithm else []
        digests = copy_bytes(file, start, end, staged, names)
        staged.finish()
        part = _part(number, staged, digests, names)
        s3.uploads.add(request.bucket, upload, staged, part)
        return part


async def complete_multipart_upload(s3: S3, request: Request) -> dict[str, Any]:
    """Again after a success whose answer was lost, it is a success again."""
    guard = conditions.write_guard(request.given)
    try:
        upload = await _upload(s3, request)
        entry = await blocking(_complete, s3, request, upload, guard)
    except NoUpload:
        entry = await blocking(_completed_before, s3, request)
    place = {"Location": f"/{request.bucket}/{request.key}", "Bucket": request.bucket, "Key": request.key}
    return {**place, "ETag": quoted(entry.etag), **attributes.checksum_members(entry)}


def _completed_before(s3: S3, request: Request) -> Entry:
    upload_id = request.given["UploadId"]
    try:
        entry = s3.folder.head(request.bucket, request.key)
    except NoObject:
        raise NoUpload(upload_id) from None
    if not upload_id or entry.attributes.upload != upload_id:
        raise NoUpload(upload_id)
    return entry


def _complete(s3: S3, request: Request, upload: Upload, guard: Guard | None) -> Entry:
    listed = request.given.get("MultipartUpload", {}).get("Parts") or []
    with s3.uploads.held(request.bucket, upload), s3.folder.stage() as staged:
        parts = _chosen(listed, s3.uploads.parts(request.bucket, upload), upload.algorithm)
        whole = upload.algorithm if upload.attributes.checksum_type == "FULL_OBJECT" else ""
        given = given_checksums(request.headers)
        digests = Digests({*given, whole} - {""})
        _join(s3, request.bucket, upload, parts, staged, digests)
        kept = replace(upload.attributes, etag=_etag(parts), parts=[part.size for part in parts], upload=upload.id)
        kept = replace(kept, checksums=_checksums(upload, parts, digests, whole))
        _compare(given, kept.checksums, digests)
        staged.finish()
        entry = s3.folder.commit(request.bucket, request.key, staged, kept, guard)
        s3.uploads.remove(request.bucket, upload)
    return entry


def _chosen(listed: list[dict[str, Any]], kept: list[Part], algorithm: str) -> list[Part]:
    """The parts that the client names. MalformedXML, InvalidPartOrder, InvalidPart or EntityTooSmall."""
    numbers: list[Any] = [one.get("PartNumber") for one in listed]
    if not listed or len(listed) > MAX_PARTS or None in numbers:
        raise S3Error("MalformedXML")
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise S3Error("InvalidPartOrder")
    known = {part.number: part for part in kept}
    chosen = [_matching(one, known.get(one["PartNumber"]), algorithm) for one in listed]
    small = next((part for part in chosen[:-1] if part.size < MIN_PART), None)
    if small:
        raise S3Error(
            "EntityTooSmall",
            ProposedSize=small.size,
            MinSizeAllowed=MIN_PART,
            PartNumber=small.number,
            ETag=small.md5,
        )
    return chosen


def _matching(one: dict[str, Any], part: Part | None, algorithm: str) -> Part:
    told = one.get("ETag", "").strip('"')
    checksum = one.get(f"Checksum{algorithm.upper()}") if algorithm else None
    if part is None or told != part.md5 or checksum not in (None, part.checksums.get(algorithm)):
        raise S3Error("InvalidPart", PartNumber=one["PartNumber"], ETag=told)
    return part


def _join(s3: S3, bucket: str, upload: Upload, parts: list[Part], staged: Staged, digests: Digests) -> None:
    for part in parts:
        with s3.uploads.bytes_of(bucket, upload, part).open("rb") as file:
            while block := file.read(1 << 20):
                staged.write(block)
                digests.update(block)


def _etag(parts: list[Part]) -> str:
    joined = b"".join(bytes.fromhex(part.md5) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _checksums(upload: Upload, parts: list[Part], digests: Digests, whole: str) -> dict[str, str]:
    if not upload.algorithm:
        return {}
    if whole:
        return {whole: digests.base64(whole)}
    return {upload.algorithm: checksums.composite(upload.algorithm, (p.checksums[upload.algorithm] for p in parts))}


def _compare(given: dict[str, str], made: dict[str, str], digests: Digests) -> None:
    """The checksum that the client gives of the whole object, of either type."""
    for name, value in given.items():
        if value not in (made.get(name), digests.base64(name)):
            raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")


async def abort_multipart_upload(s3: S3, request: Request) -> dict[str, Any]:
    upload = await _upload(s3, request)
    await blocking(_abort, s3, request.bucket, upload)
    return {}


def _abort(s3: S3, bucket: str, upload: Upload) -> None:
    with s3.uploads.held(bucket, upload):
        s3.uploads.remove(bucket, upload)


async def list_parts(s3: S3, request: Request) -> dict[str, Any]:
    upload = await _upload(s3, request)
    after, limit = request.given.get("PartNumberMarker", 0), min(request.given.get("MaxParts", PAGE), PAGE)
    parts = [p for p in await blocking(s3.uploads.parts, request.bucket, upload) if p.number > after]
    shown = parts[:limit]
    more = len(parts) > limit
    told = {"ChecksumAlgorithm": upload.algorithm.upper(), "ChecksumType": upload.attributes.checksum_type}
    return {
        "Bucket": request.bucket,
        "Key": request.key,
        "UploadId": upload.id,
        "MaxParts": limit,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if more and shown else None,
        "IsTruncated": more,
        "Parts": [_told(part) for part in shown],
        "StorageClass": "STANDARD",
        "Initiator": owner(s3),
        "Owner": owner(s3),
        **(told if upload.algorithm else {}),
    }


def _told(part: Part) -> dict[str, Any]:
    told = {"PartNumber": part.number, "LastModified": part.modified, "ETag": quoted(part.md5), "Size": part.size}
    return told | checksums.members(part.checksums)


async def list_multipart_uploads(s3: S3, request: Request) -> dict[str, Any]:
    given = request.given
    prefix, delimiter = given.get("Prefix", ""), given.get("Delimiter", "")
    after, upload_after = given.get("KeyMarker", ""), given.get("UploadIdMarker", "")
    limit = min(given.get("MaxUploads", PAGE), PAGE)
    write = encode if given.get("EncodingType") == "url" else str
    uploads = [u for u in await blocking(s3.uploads.list, request.bucket) if u.key.startswith(prefix)]
    later = _after(uploads, after, upload_after)
    alone = [upload for upload in later if not (delimiter and delimiter in upload.key[len(prefix) :])]
    grouped = page([u.key for u in later if u not in alone], prefix, delimiter, after, PAGE)
    shown, more = alone[:limit], len(alone) > limit
    return {
        "Bucket": request.bucket,
        "KeyMarker": write(after),
        "UploadIdMarker": upload_after,
        "Prefix": write(prefix),
        "Delimiter": write(delimiter) if delimiter else None,
        "MaxUploads": limit,
        "IsTruncated": more,
        "EncodingType": given.get("EncodingType"),
        "NextKeyMarker": write(shown[-1].key) if more and shown else None,
        "NextUploadIdMarker": shown[-1].id if more and shown else None,
        "Uploads": [_listed(s3, upload, write(upload.key)) for upload in shown],
        "CommonPrefixes": [{"Prefix": write(name)} for name in grouped.prefixes],
    }


def _after(uploads: list[Upload], key: str, upload_id: str) -> list[Upload]:
    """What follows a marker: later keys, and later uploads of its own key."""
    same = [upload for upload in uploads if upload.key == key]
    places = [place for place, upload in enumerate(same) if upload.id == upload_id]
    rest = same[places[0] + 1 :] if places else []
    return rest + [upload for upload in uploads if upload.key.encode() > key.encode()]


def _listed(s3: S3, upload: Upload, name: str) -> dict[str, Any]:
    told = {"ChecksumAlgorithm": upload.algorithm.upper(), "ChecksumType": upload.attributes.checksum_type}
    return {
        "UploadId": upload.id,
        "Key": name,
        "Initiated": upload.started,
        "StorageClass": "STANDARD",
        "Owner": owner(s3),
        "Initiator": owner(s3),
        **(told if upload.algorithm else {}),
    }


async def _upload(s3: S3, request: Request) -> Upload:
    return await blocking(s3.uploads.get, request.bucket, request.key, request.given["UploadId"])


def _number(request: Request) -> int:
    number = request.given["PartNumber"]
    if not 1 <= number <= MAX_PARTS:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive")
    return number


def _part(number: int, staged: Staged, digests: Digests, names: list[str]) -> Part:
    found = {name: digests.base64(name) for name in names}
    size = staged.path.stat().st_size
    return Part(number, size, digests.raw("md5").hex(), time.time(), secrets.token_hex(16), found)
