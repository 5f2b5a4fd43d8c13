"""S3's errors: its codes, statuses and words, and which of ours they stand for.

Knows nothing of requests. Source: "Error responses", Amazon S3 API reference.
"""

from __future__ import annotations

import errno
from typing import Any

from ...errors import (
    AccessDeniedException,
    ConflictException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    OperationNotImplementedException,
    ServiceError,
    ServiceUnavailableException,
    UnknownOperationException,
    UnrecognizedClientException,
    ValidationException,
)
from ...store.folder import (
    BadBucketName,
    BadKey,
    BucketExists,
    BucketNotEmpty,
    KeyTooLong,
    Misplaced,
    NoBucket,
    NoObject,
)
from ...store.uploads import NoUpload
from ...wire.errors import RequestEntityTooLargeException, RequestTimeoutException

ERRORS: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header you provided is invalid."),
    "BadDigest": (400, "The Content-MD5 or checksum value that you specified did not match what the server received."),
    "BucketAlreadyOwnedByYou": (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
    "ExpiredToken": (400, "The provided token has expired."),
    "IncompleteBody": (400, "You did not provide the number of bytes specified by the Content-Length HTTP header."),
    "InsufficientStorage": (507, "The disk that holds the objects is full. Nothing was kept of this request."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidLocationConstraint": (400, "The specified location constraint is not valid: this service has one region."),
    "InvalidPart": (
        400,
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag.",
    ),
    "InvalidPartOrder": (
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedXML": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size"),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed.",
    ),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NotImplemented": (501, "A header or query you provided implies functionality that is not implemented."),
    "NotModified": (304, "Not Modified"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "RequestTimeout": (
        400,
        "Your socket connection to the server was not read from or written to within the timeout period.",
    ),
    "ServiceUnavailable": (503, "The object store cannot be reached."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    ),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
}
"""Code -> status and words."""


class S3Error(ServiceError):
    """An error by its S3 code. `members` are further elements of its XML; `headers` go out beside it."""

    def __init__(self, code: str, message: str = "", headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(message or ERRORS[code][1], **members)
        self._code = code
        self.status = ERRORS[code][0]
        self.headers = headers or {}

    @property
    def code(self) -> str:
        return self._code


OURS: dict[type[Exception], tuple[str, bool]] = {
    BadBucketName: ("InvalidBucketName", False),
    BadKey: ("InvalidArgument", True),
    KeyTooLong: ("KeyTooLongError", False),
    Misplaced: ("InvalidArgument", True),
    NoBucket: ("NoSuchBucket", False),
    NoObject: ("NoSuchKey", False),
    NoUpload: ("NoSuchUpload", False),
    BucketExists: ("BucketAlreadyOwnedByYou", False),
    BucketNotEmpty: ("BucketNotEmpty", False),
    RequestEntityTooLargeException: ("EntityTooLarge", False),
    RequestTimeoutException: ("RequestTimeout", False),
    MissingAuthenticationTokenException: ("AccessDenied", False),
    UnrecognizedClientException: ("InvalidAccessKeyId", False),
    InvalidSignatureException: ("SignatureDoesNotMatch", True),
    IncompleteSignatureException: ("AuthorizationHeaderMalformed", True),
    AccessDeniedException: ("AccessDenied", True),
    OperationNotImplementedException: ("NotImplemented", True),
    UnknownOperationException: ("MethodNotAllowed", False),
    ConflictException: ("InvalidRequest", True),
    ValidationException: ("InvalidArgument", True),
    ServiceUnavailableException: ("ServiceUnavailable", True),
}
"""Ours -> S3's code, and whether our words say more than S3's. The nearest class in a raised error's tree counts."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def translated(error: Exception) -> S3Error:
    """S3's error for any exception; InternalError for what nobody meant to raise."""
    if isinstance(error, S3Error):
        return error
    if isinstance(error, OSError) and error.errno in FULL:
        return S3Error("InsufficientStorage")
    known = next((OURS[kind] for kind in type(error).__mro__ if kind in OURS), None)
    if known is None:
        return S3Error("InternalError")
    code, ours = known
    return S3Error(code, str(error) if ours else "")
