"""ListObjects, in both versions: pages of keys, grouped by a delimiter.

Knows nothing of files. Source: "ListObjectsV2", Amazon S3 API reference.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ...store.folder import Entry, Folder, NoObject
from .errors import S3Error
from .request import S3, Request, owner, quoted
from .threads import blocking

PAGE = 1000
"""Most names on a page."""


@dataclass(slots=True)
class Page:
    keys: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str | None = None
    """The last name on the page, where more follow."""


def page(names: Iterable[str], prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """The next `limit` names of a sorted stream; keys that share what goes before a delimiter are one name."""
    found, last = Page(), ""
    for key in names if limit else ():
        group = _group(key, prefix, delimiter)
        name = group or key
        if group and group in (last, after):
            continue
        if len(found.keys) + len(found.prefixes) == limit:
            found.last = last
            break
        (found.prefixes if group else found.keys).append(name)
        last = name
    return found


def _group(key: str, prefix: str, delimiter: str) -> str:
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: at + len(delimiter)] if at >= 0 else ""


async def list_objects_v2(s3: S3, request: Request) -> dict[str, Any]:
    given = request.given
    token, start = given.get("ContinuationToken"), given.get("StartAfter", "")
    listed = await _listed(s3, request, read_token(token) if token else start)
    owned = owner(s3) if given.get("FetchOwner") else None
    write = _writer(request)
    return _common(request, listed, owned) | {
        "KeyCount": len(listed.page.keys) + len(listed.page.prefixes),
        "ContinuationToken": token,
        "NextContinuationToken": write_token(listed.page.last) if listed.page.last else None,
        "StartAfter": write(start) if start else None,
    }


async def list_objects(s3: S3, request: Request) -> dict[str, Any]:
    marker = request.given.get("Marker", "")
    listed = await _listed(s3, request, marker)
    write = _writer(request)
    following = listed.page.last if request.given.get("Delimiter") else None  # else the last key says it
    return _common(request, listed, owner(s3)) | {
        "Marker": write(marker),
        "NextMarker": write(following) if following else None,
    }


@dataclass(slots=True)
class Listed:
    page: Page
    entries: list[Entry]


async def _listed(s3: S3, request: Request, after: str) -> Listed:
    return await blocking(_list, s3.folder, request, after)


def _list(folder: Folder, request: Request, after: str) -> Listed:
    prefix, delimiter = request.given.get("Prefix", ""), request.given.get("Delimiter", "")
    names = folder.keys(request.bucket, prefix, after, folders=delimiter == "/")
    found = page(names, prefix, delimiter, after, min(request.given.get("MaxKeys", PAGE), PAGE))
    return Listed(found, list(_entries(folder, request.bucket, found.keys)))


def _entries(folder: Folder, bucket: str, keys: Iterable[str]) -> Iterable[Entry]:
    for key in keys:
        try:
            yield folder.head(bucket, key)
        except NoObject:  # deleted since
            pass


def _common(request: Request, listed: Listed, owned: dict[str, str] | None) -> dict[str, Any]:
    given, write = request.given, _writer(request)
    return {
        "IsTruncated": listed.page.last is not None,
        "Contents": [_content(entry, write, owned) for entry in listed.entries],
        "Name": request.bucket,
        "Prefix": write(given.get("Prefix", "")),
        "Delimiter": write(given["Delimiter"]) if given.get("Delimiter") else None,
        "MaxKeys": min(given.get("MaxKeys", PAGE), PAGE),
        "CommonPrefixes": [{"Prefix": write(prefix)} for prefix in listed.page.prefixes],
        "EncodingType": given.get("EncodingType"),
    }


def _content(entry: Entry, write: Callable[[str], str], owned: dict[str, str] | None) -> dict[str, Any]:
    checksums = entry.attributes.checksums
    return {
        "Key": write(entry.key),
        "LastModified": entry.modified_ns / 1e9,
        "ETag": quoted(entry.etag),
        "ChecksumAlgorithm": [name.upper() for name in checksums] or None,
        "ChecksumType": entry.attributes.checksum_type if checksums else None,
        "Size": entry.size,
        "StorageClass": "STANDARD",
        "Owner": owned,
    }


def _writer(request: Request) -> Callable[[str], str]:
    """How names are written: as they are, or percent-encoded, since XML cannot hold every key."""
    encoding = request.given.get("EncodingType")
    if encoding not in (None, "url"):
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request", ArgumentName="encoding-type")
    return encode if encoding else str


def encode(name: str) -> str:
    return quote(name, safe="/")


def write_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from None
