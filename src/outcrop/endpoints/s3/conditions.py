"""Preconditions and ranges: whether a request still means the object that is there, and which bytes of it.

Knows nothing of storage beyond one entry. Source: RFC 9110 sections 13 and 14, and S3's narrower reading of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...store.folder import Entry, Guard, NoObject
from .errors import S3Error

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def check_read(entry: Entry, given: Mapping[str, Any], prefix: str = "") -> None:
    """NotModified or PreconditionFailed. With a prefix (`CopySource`) the conditions of a copy's source, which has no
    NotModified."""
    match, none = given.get(f"{prefix}IfMatch"), given.get(f"{prefix}IfNoneMatch")
    since, until = given.get(f"{prefix}IfModifiedSince"), given.get(f"{prefix}IfUnmodifiedSince")
    modified = entry.modified_ns // 1_000_000_000
    if match is not None and not _names(match, entry):
        raise S3Error("PreconditionFailed", Condition="If-Match")
    if match is None and until is not None and modified > until.timestamp():
        raise S3Error("PreconditionFailed", Condition="If-Unmodified-Since")
    unchanged = "PreconditionFailed" if prefix else "NotModified"
    if none is not None and _names(none, entry):
        raise S3Error(unchanged, headers=_validators(entry))
    if none is None and since is not None and modified <= since.timestamp():
        raise S3Error(unchanged, headers=_validators(entry))


def write_guard(given: Mapping[str, Any]) -> Guard | None:
    """What a put checks of the object it would replace, at the moment it does."""
    match, none = given.get("IfMatch"), given.get("IfNoneMatch")
    if none not in (None, "*"):
        raise S3Error("NotImplemented", "If-None-Match is known with `*` only when an object is written.")
    if match is None and none is None:
        return None

    def guard(before: Entry | None) -> None:
        if none is not None and before is not None:
            raise S3Error("PreconditionFailed", Condition="If-None-Match")
        if match is not None and before is None:
            raise NoObject("the object of If-Match")
        if match is not None and before is not None and not _names(match, before):
            raise S3Error("PreconditionFailed", Condition="If-Match")

    return guard


def byte_range(given: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None where the whole object is meant. InvalidRange.

    Several ranges, and text that is none, mean the whole, as with S3.
    """
    found = _RANGE.fullmatch(given or "")
    if not found or not (found[1] or found[2]):
        return None
    first, last = (int(text) if text else None for text in found.groups())
    if first is not None and last is not None and last < first:
        return None
    start, end = (size - min(last or 0, size), size) if first is None else (first, min((last or 0) + 1, size))
    if first is not None and last is None:
        end = size
    if start >= size:
        unsatisfied = {"content-range": f"bytes */{size}"}
        raise S3Error("InvalidRange", headers=unsatisfied, RangeRequested=given, ActualObjectSize=size)
    return start, end


def copy_range(given: str | None, size: int) -> tuple[int, int]:
    """The bytes that UploadPartCopy takes. InvalidArgument for anything but `bytes=first-last` inside the source."""
    if given is None:
        return 0, size
    found = _RANGE.fullmatch(given)
    if not found or not found[1] or not found[2] or int(found[1]) > int(found[2]):
        raise S3Error("InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last.")
    if int(found[2]) >= size:
        raise S3Error("InvalidArgument", f"Range specified is not valid for source object of size: {size}")
    return int(found[1]), int(found[2]) + 1


def _names(given: str, entry: Entry) -> bool:
    """Whether a header's list of ETags has the entry's."""
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")]
    return given.strip() == "*" or entry.etag in tags


def _validators(entry: Entry) -> dict[str, str]:
    return {"etag": f'"{entry.etag}"'}
