"""What a request says of an object beside its bytes, and how an answer says it again.

Knows nothing of storage. What S3 would act on and we do not (encryption, locks, tags, access lists) is refused here by
one table: silence would promise what is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...store.folder import Entry
from ...store.sidecars import Attributes
from . import checksums
from .errors import S3Error
from .request import Request, quoted

KEPT = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentType": "content-type",
    "Expires": "expires",
}
"""Members of requests and answers -> headers, kept as they were given."""

DEFAULT_TYPE = "binary/octet-stream"
METADATA_LIMIT = 2048
"""Bytes of names and values together."""

REFUSED: dict[str, frozenset[Any]] = {
    "ACL": frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"}),
    "StorageClass": frozenset({"STANDARD"}),
    "VersionId": frozenset({"null"}),
    "ObjectLockEnabledForBucket": frozenset({False}),
    "BucketNamespace": frozenset({"global"}),
    "TaggingDirective": frozenset({"COPY"}),
    **dict.fromkeys(
        (
            *("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"),
            *("ServerSideEncryption", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5", "SSEKMSKeyId"),
            *("SSEKMSEncryptionContext", "CopySourceSSECustomerAlgorithm", "CopySourceSSECustomerKey"),
            *("CopySourceSSECustomerKeyMD5", "Tagging", "WebsiteRedirectLocation", "WriteOffsetBytes"),
            *("ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus", "ObjectLockEventHold"),
        ),
        frozenset(),
    ),
}
"""Members that ask for what is not here -> the values that ask for nothing."""


def refuse_unknown(given: Mapping[str, Any], account_id: str) -> None:
    """NotImplemented for a member that asks for more than is here; AccessDenied for another owner's bucket."""
    for name, harmless in REFUSED.items():
        if name in given and given[name] not in harmless:
            raise S3Error("NotImplemented", f"Outcrop's S3 door does not know {name} {given[name]!s:.80}.", Header=name)
    for name in ("ExpectedBucketOwner", "ExpectedSourceBucketOwner"):
        if given.get(name, account_id) != account_id:
            raise S3Error("AccessDenied")


def from_request(request: Request) -> Attributes:
    """The headers and metadata to keep. MetadataTooLarge."""
    kept = {header: request.headers[header] for header in KEPT.values() if header in request.headers}
    if encoding := kept.pop("content-encoding", ""):
        parts = [part.strip() for part in encoding.split(",") if part.strip().lower() != "aws-chunked"]
        kept |= {"content-encoding": ", ".join(parts)} if parts else {}
    metadata = request.given.get("Metadata", {})
    if sum(len(name) + len(value.encode()) for name, value in metadata.items()) > METADATA_LIMIT:
        raise S3Error("MetadataTooLarge", MaxSizeAllowed=METADATA_LIMIT)
    return Attributes(headers=kept, metadata=metadata)


def answered(entry: Entry) -> dict[str, Any]:
    """The members of GetObject's and HeadObject's answers that describe the object."""
    kept = entry.attributes
    told = {member: kept.headers.get(header) for member, header in KEPT.items()}
    return {
        **told,
        "AcceptRanges": "bytes",
        "ContentType": told["ContentType"] or DEFAULT_TYPE,
        "ETag": quoted(entry.etag),
        "LastModified": entry.modified_ns / 1e9,
        "Metadata": kept.metadata,
    }


def checksum_members(entry: Entry) -> dict[str, Any]:
    kept = entry.attributes
    return checksums.members(kept.checksums) | ({"ChecksumType": kept.checksum_type} if kept.checksums else {})
