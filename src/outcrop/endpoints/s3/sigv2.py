"""Presigned URLs in S3's older form, which boto3 and the aws CLI still make unless told otherwise.

Knows nothing of keys. Source: "Query string request authentication alternative" in "Signing and authenticating REST
requests (AWS signature version 2)", Amazon S3 developer guide.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from ...wire.sigv4 import SignedRequest
from .errors import S3Error

RESOURCES = frozenset(
    (
        *("accelerate", "acl", "analytics", "cors", "delete", "inventory", "lifecycle", "location", "logging"),
        *("metrics", "notification", "object-lock", "partNumber", "policy", "replication", "requestPayment"),
        *("response-cache-control", "response-content-disposition", "response-content-encoding"),
        *("response-content-language", "response-content-type", "response-expires", "restore", "select"),
        *("select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning"),
        *("versions", "website"),
    )
)
"""Names in the query that are signed."""


@dataclass(frozen=True, slots=True)
class OldClaim:
    key_id: str
    expires: int
    """Seconds since the epoch."""
    signature: str


def is_presigned(query: str) -> bool:
    return "AWSAccessKeyId=" in query and "Signature=" in query


def read(query: Mapping[str, str]) -> OldClaim:
    """AccessDenied for a query that lacks a part."""
    key_id, expires, signature = (query.get(name, "") for name in ("AWSAccessKeyId", "Expires", "Signature"))
    if not key_id or not signature or not expires.isascii() or not expires.isdecimal() or len(expires) > 12:
        raise S3Error(
            "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        )
    return OldClaim(key_id, int(expires), signature)


def check(claim: OldClaim, request: SignedRequest, secret: str, now: float) -> None:
    """Raises SignatureDoesNotMatch or AccessDenied (expired)."""
    digest = hmac.digest(secret.encode(), text_to_sign(claim, request).encode(), hashlib.sha1)
    if not hmac.compare_digest(base64.b64encode(digest), claim.signature.encode(errors="replace")):
        raise S3Error("SignatureDoesNotMatch")
    if claim.expires < now:
        raise S3Error("AccessDenied", "Request has expired")


def text_to_sign(claim: OldClaim, request: SignedRequest) -> str:
    pairs = [(name, unquote(value)) for name, _, value in (pair.partition("=") for pair in request.query.split("&"))]
    given = {name.lower(): value for name, value in pairs} | dict(request.headers)
    amazon = "".join(f"{name}:{given[name].strip()}\n" for name in sorted(given) if name.startswith("x-amz-"))
    signed = [f"{name}={value}" if value else name for name, value in sorted(pairs) if name in RESOURCES]
    resource = request.raw_path + ("?" + "&".join(signed) if signed else "")
    plain = f"{given.get('content-md5', '')}\n{given.get('content-type', '')}\n{claim.expires}"
    return f"{request.method}\n{plain}\n{amazon}{resource}"
