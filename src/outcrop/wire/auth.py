"""Who calls: a SigV4 signature (header or query) or an API key, turned into an Identity.

Knows nothing of operations or of what a caller may do.
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
from ipaddress import ip_address
from urllib.parse import urlsplit

from ..call import Identity
from ..config import Settings
from ..errors import (
    AccessDeniedException,
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    ServiceUnavailableException,
    UnknownApiKeyException,
    UnrecognizedClientException,
)
from ..keys import EXPIRED_KEY, Key, Keys
from . import sigv4
from .sigv4 import Claim, EventVerifier, SignedRequest

SHORT_TERM = "bedrock-api-key-"
SHORT_TERM_MAX_S = 43_200
NOBODY = "no such key: signed with all the same, so that an unknown key takes as long as a wrong signature"

logger = logging.getLogger(__name__)


class Authenticator:
    """Tells who signed a request, or refuses it. With `settings.auth` off everybody on this machine is anonymous.

    `services` are the names that a signature's scope may give.
    """

    def __init__(self, keys: Keys, settings: Settings, services: tuple[str, ...] = sigv4.SERVICES) -> None:
        self._keys = keys
        self._settings = settings
        self._services = services

    async def __call__(self, request: SignedRequest) -> Identity:
        """Raises the AccessDeniedException branch of errors.py, or ServiceUnavailableException without the details."""
        if not self._settings.auth:
            return _anonymous(request)
        try:
            return self.identity(await self._key(request))
        except ServiceUnavailableException as error:
            logger.error("access keys cannot be checked: %s", error.message)  # names files: not for a stranger
            raise ServiceUnavailableException("Access keys cannot be checked at the moment.") from error

    async def events(self, request: SignedRequest) -> EventVerifier | None:
        """What checks the signed events of an authenticated request; None where its events are not signed."""
        signed = request.headers.get("x-amz-content-sha256") == sigv4.EVENTS_PAYLOAD
        if not self._settings.auth or not signed or not _has_signature(request):
            return None
        claim = _claim(request)
        secret = await self._keys.secret(claim.key_id)
        return EventVerifier(claim, secret or NOBODY)

    async def _key(self, request: SignedRequest) -> Key:
        if _has_signature(request):
            return await self._signer(_claim(request), request)
        if token := _token(request):
            return await (self._short_term(token) if token.startswith(SHORT_TERM) else self._keys.bearer(token))
        raise MissingAuthenticationTokenException("Missing Authentication Token")

    async def _signer(self, claim: Claim, request: SignedRequest) -> Key:
        """The key pair that signed."""
        sigv4.check_scope(claim, self._settings.region, self._services)
        sigv4.check_time(claim, time.time())
        key = await self._keys.key(claim.key_id)
        secret = await self._keys.secret(claim.key_id) if key else None
        if key is None or secret is None:
            _check_in_vain(claim, request)
            raise UnrecognizedClientException("The security token included in the request is invalid.")
        sigv4.check_signature(claim, request, secret)
        return key

    async def _short_term(self, token: str) -> Key:
        """A short-term API key: a presigned POST of bedrock's CallWithBearerToken, valid for 12 hours at most."""
        try:
            request = _presigned(token)
            claim = sigv4.read_query(request.query)
            if claim.expires_s is None or claim.expires_s > SHORT_TERM_MAX_S:
                raise UnknownApiKeyException()
            if claim.signed_at + claim.expires_s < time.time():
                raise ExpiredTokenException(EXPIRED_KEY)
            return await self._signer(claim, request)
        except (IncompleteSignatureException, InvalidSignatureException, UnrecognizedClientException) as error:
            raise UnknownApiKeyException() from error

    def identity(self, key: Key) -> Identity:
        return Identity(key.id, f"arn:aws:iam::{self._settings.account_id}:user/{key.name}")


def check_open(settings: Settings) -> None:
    """Raises ValueError where authentication is off and the service could be reached from another machine."""
    if not settings.auth and not is_loopback(settings.host):
        raise ValueError(
            f"Without authentication Outcrop listens on a loopback address only, and {settings.host!r} is not one. "
            "Use --host 127.0.0.1, or leave authentication on."
        )


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this very machine."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _anonymous(request: SignedRequest) -> Identity:
    """Anybody on this machine, but no foreign web page that a browser here has open (DNS rebinding, cross-site)."""
    host, origin = request.headers.get("host"), request.headers.get("origin")
    if host is not None and not _is_local_name(_hostname(f"//{host}")):
        raise AccessDeniedException("Without authentication only requests to localhost are answered.")
    if origin is not None and not is_loopback(_hostname(origin)):
        raise AccessDeniedException("Without authentication requests from web pages elsewhere are not answered.")
    return Identity()


def _is_local_name(host: str | None) -> bool:
    """Names below `localhost`, which S3 clients make of buckets, never leave the machine (RFC 6761)."""
    return is_loopback(host) or (host or "").endswith(".localhost")


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _has_signature(request: SignedRequest) -> bool:
    scheme = request.headers.get("authorization", "").partition(" ")[0]
    return scheme.startswith("AWS4-") or (not scheme and sigv4.is_presigned(request))


def _claim(request: SignedRequest) -> Claim:
    in_header = "authorization" in request.headers
    return sigv4.read_header(request.headers) if in_header else sigv4.read_query(request.query)


def _token(request: SignedRequest) -> str:
    """The API key: `Authorization: Bearer` (AWS and OpenAI SDKs) or `x-api-key` (Anthropic's)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "").strip()


def _presigned(token: str) -> SignedRequest:
    """The request inside a short-term key. Raises UnknownApiKeyException where there is none."""
    try:
        url = base64.b64decode(token.removeprefix(SHORT_TERM), validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise UnknownApiKeyException() from error
    host, _, query = url.partition("/?")
    pairs = query.split("&")
    if "Action=CallWithBearerToken" not in pairs:
        raise UnknownApiKeyException()
    signed = "&".join(pair for pair in pairs if not pair.startswith("Version="))  # added after signing
    return SignedRequest("POST", "/", signed, {"host": host})


def _check_in_vain(claim: Claim, request: SignedRequest) -> None:
    try:
        sigv4.check_signature(claim, request, NOBODY)
    except InvalidSignatureException:
        pass
