"""Who sent an S3 request: its signature in the header or the query, checked, and refused in S3's words.

Knows nothing of operations. Keys and SigV4 itself are the gateway's (wire/auth.py); here are the scope `s3`, the
older presigned form, and which of S3's codes a refusal has.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from ...call import Identity
from ...config import Settings
from ...errors import IncompleteSignatureException, InvalidSignatureException
from ...keys import Keys
from ...wire import sigv4
from ...wire.auth import Authenticator
from ...wire.exchange import Scope
from ...wire.sigv4 import SignedRequest
from . import chunked, sigv2
from .chunked import Chain
from .errors import S3Error

IN_HEADER, IN_QUERY = b"/s3/aws4_request", (b"%2Fs3%2Faws4_request", b"/s3/aws4_request", b"%2fs3%2faws4_request")


def is_s3(scope: Scope) -> bool:
    """Whether a request was signed for S3. All that can be told before it is read: paths are buckets' names."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return IN_HEADER in value
    query = scope["query_string"]
    return bool(query) and (any(mark in query for mark in IN_QUERY) or b"AWSAccessKeyId=" in query)


class Callers:
    """Checks requests of one service."""

    def __init__(self, keys: Keys, settings: Settings) -> None:
        self._keys, self._settings = keys, settings
        self._authenticate = Authenticator(keys, settings, ("s3",))

    async def identify(self, request: SignedRequest, query: Mapping[str, str]) -> Identity:
        """Who signed. S3Error, or an AccessDeniedException that S3 has no finer code for."""
        if self._settings.auth and "authorization" not in request.headers and sigv2.is_presigned(request.query):
            return await self._identify_by_old_url(request, query)
        try:
            return await self._authenticate(request)
        except (InvalidSignatureException, IncompleteSignatureException) as error:
            raise self._finer(request, error) from error

    async def chain(self, request: SignedRequest) -> Chain | None:
        """What checks the chunks of an identified request, where they are signed."""
        signed = request.headers.get("x-amz-content-sha256") in (chunked.SIGNED, chunked.SIGNED_TRAILER)
        if not signed or not self._settings.auth:
            return None
        if "authorization" not in request.headers:
            raise S3Error("InvalidRequest", "A presigned request cannot sign the chunks of its body.")
        claim = sigv4.read_header(request.headers)
        secret = await self._keys.secret(claim.key_id)
        if secret is None:
            raise S3Error("InvalidAccessKeyId")
        return Chain(claim, secret)

    async def _identify_by_old_url(self, request: SignedRequest, query: Mapping[str, str]) -> Identity:
        claim = sigv2.read(query)
        key, secret = await self._keys.key(claim.key_id), await self._keys.secret(claim.key_id)
        if key is None or secret is None:
            raise S3Error("InvalidAccessKeyId")
        sigv2.check(claim, request, secret, time.time())
        return self._authenticate.identity(key)

    def _finer(self, request: SignedRequest, error: Exception) -> Exception:
        """S3 tells a wrong clock, a wrong region and an expired URL from a wrong signature, and SDKs act on it."""
        presigned = "authorization" not in request.headers
        try:
            claim = sigv4.read_query(request.query) if presigned else sigv4.read_header(request.headers)
        except (InvalidSignatureException, IncompleteSignatureException):
            return S3Error("AccessDenied", str(error)) if presigned else error
        region, age = self._settings.region, time.time() - claim.signed_at
        if claim.region != region:
            wrong = f"The authorization header is malformed; the region '{claim.region}' is wrong; expecting '{region}'"
            return S3Error("AuthorizationHeaderMalformed", wrong, Region=region)
        if presigned and age > (claim.expires_s or 0):
            return S3Error("AccessDenied", "Request has expired")
        if abs(age) > sigv4.SKEW_S and not (presigned and age > 0):
            return S3Error("RequestTimeTooSkewed")
        return error
