"""Signature Version 4: what a signed request claims, and whether the claim holds.

Knows nothing of where secrets are kept or of who may do what.
Source: "Signature Version 4 signing process" (AWS IAM user guide), with botocore's canonical rules where the text is
silent; the messages are AWS's own.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes

from ..errors import IncompleteSignatureException, InvalidSignatureException

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICES = ("bedrock", "bedrock-mantle")
SKEW_S = 15 * 60
MAX_EXPIRES_S = 7 * 86_400
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EVENTS_PAYLOAD = "STREAMING-AWS4-HMAC-SHA256-EVENTS"
EVENT_STREAM = "application/vnd.amazon.eventstream"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it was on the wire. Bytes outside ASCII are decoded as Latin-1, as ASGI does for headers."""

    method: str
    raw_path: str
    """Still percent-encoded, without the query."""
    query: str
    """Still percent-encoded, without the question mark."""
    headers: Mapping[str, str]
    """Lower-case names; values of a repeated header joined by a comma; `host` is HTTP/2's :authority."""
    body: bytes = b""
    secure: bool = False
    """Came over TLS."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its own signature. `signed_at` is seconds since the epoch."""

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    signed_at: int
    expires_s: int | None = None
    """How long a presigned request lasts; None for a signature in the Authorization header."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


# Reading the claim


def is_presigned(request: SignedRequest) -> bool:
    return "X-Amz-Signature=" in request.query


def read_header(headers: Mapping[str, str]) -> Claim:
    """The claim in an Authorization header. Raises IncompleteSignatureException for one that cannot be read."""
    parameters = _authorization(headers.get("authorization", ""))
    stamp = headers.get("x-amz-date") or headers.get("date")
    missing = [f"Authorization header requires '{name}' parameter." for name in HEADER_PARTS if name not in parameters]
    if not stamp:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing or not stamp:
        raise IncompleteSignatureException(" ".join(missing))
    return _claim(parameters["Credential"], parameters["SignedHeaders"], parameters["Signature"], stamp, None)


def read_query(query: str) -> Claim:
    """The claim in a presigned query. Raises IncompleteSignatureException for one that cannot be read."""
    parameters = {unquote(name): unquote(value) for name, value in _pairs(query)}
    missing = [f"'{name}'" for name in QUERY_PARTS if not parameters.get(name)]
    if missing:
        raise IncompleteSignatureException(f"A presigned request requires {', '.join(missing)} in its query.")
    algorithm, credential, stamp, expires, signed, signature = (parameters[name] for name in QUERY_PARTS)
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 0 < int(expires) <= MAX_EXPIRES_S:
        raise IncompleteSignatureException(f"X-Amz-Expires must be between 1 and {MAX_EXPIRES_S} seconds.")
    return _claim(credential, signed, signature, stamp, int(expires))


HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
QUERY_PARTS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)


def _authorization(value: str) -> dict[str, str]:
    algorithm, _, rest = value.partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm[:40]}'.")
    parameters = {}
    for part in rest.split(","):
        name, equals, text = part.strip().partition("=")
        if not equals:
            raise IncompleteSignatureException(
                f"'{name[:40]}' not a valid key=value pair (missing equal-sign) in Authorization header."
            )
        parameters[name] = text
    return parameters


def _claim(credential: str, signed_headers: str, signature: str, stamp: str, expires_s: int | None) -> Claim:
    parts = credential.split("/")
    if len(parts) != 5:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential[:80]}'."
        )
    key_id, date, region, service, terminator = parts
    if terminator != "aws4_request":
        raise InvalidSignatureException("Credential should be scoped with a valid terminator: 'aws4_request'.")
    timestamp, signed_at = _moment(stamp)
    names = tuple(signed_headers.lower().split(";"))
    return Claim(key_id, date, region, service, names, signature, timestamp, signed_at, expires_s)


@lru_cache(maxsize=256)  # the requests of one second carry one date
def _moment(stamp: str) -> tuple[str, int]:
    """X-Amz-Date (20261121T214200Z) or an HTTP date -> the first form and seconds since the epoch."""
    try:
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", stamp, re.ASCII):
            return stamp, calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
        if parsed := parsedate_tz(stamp):
            return _stamp(mktime_tz(parsed)), mktime_tz(parsed)
    except (ValueError, OverflowError, OSError):  # what the C library says of a date it cannot hold
        pass
    raise IncompleteSignatureException(
        f"Date must be in ISO-8601 'basic format'. Got '{stamp[:40]}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _stamp(moment: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


# Checking the claim


def check_scope(claim: Claim, region: str, services: tuple[str, ...] = SERVICES) -> None:
    """The scope must name this service's region and service. Raises InvalidSignatureException."""
    if claim.region != region:
        raise InvalidSignatureException(
            f"Credential should be scoped to a valid region, not '{claim.region[:40]}': this service is in '{region}'."
        )
    if claim.service not in services:
        raise InvalidSignatureException(f"Credential should be scoped to correct service: '{services[0]}'.")
    if claim.date != claim.timestamp[:8]:
        raise InvalidSignatureException(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date[:40]}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
        )


def check_time(claim: Claim, now: float) -> None:
    """Not older than it may be, nor from the future. Raises InvalidSignatureException."""
    lasts = SKEW_S if claim.expires_s is None else claim.expires_s
    if claim.signed_at < now - lasts:
        raise InvalidSignatureException(
            f"Signature expired: {claim.timestamp} is now earlier than {_stamp(now - lasts)} "
            f"({_stamp(now)} - {_duration(lasts)}.)"
        )
    if claim.signed_at > now + SKEW_S:
        raise InvalidSignatureException(
            f"Signature not yet current: {claim.timestamp} is still later than {_stamp(now + SKEW_S)} "
            f"({_stamp(now)} + {_duration(SKEW_S)}.)"
        )


def _duration(seconds: int) -> str:
    return f"{seconds} sec" if seconds % 60 else f"{seconds // 60} min"


def check_signature(claim: Claim, request: SignedRequest, secret: str) -> None:
    """Whether `secret` made the signature over this very request. Raises InvalidSignatureException.

    Takes the same time wherever the signature differs.
    """
    _check_signed(claim, request)
    rules = RULES.get(claim.service, USUAL)
    payload = rules.payload(request)
    given = claim.signature.encode(errors="replace")
    for path in rules.paths(request.raw_path):
        for query in _canonical_queries(request.query):
            canonical = canonical_request(claim, request, path, query, payload)
            if hmac.compare_digest(sign(claim, secret, canonical), given):
                return
    raise InvalidSignatureException(MISMATCH)


def sign(claim: Claim, secret: str, canonical: str) -> bytes:
    """The signature in lower-case hex."""
    digest = hashlib.sha256(canonical.encode(errors="replace")).hexdigest()
    text = f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{digest}"
    key = signing_key(secret, claim.date, claim.region, claim.service)
    return hmac.digest(key, text.encode(errors="replace"), "sha256").hex().encode()


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Lasts a day; four hashes are saved on every further request of that day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(errors="replace"), "sha256")
    return key


def canonical_request(claim: Claim, request: SignedRequest, path: str, query: str, payload: str) -> str:
    """The text that is signed. `path` and `query` are canonical already, `payload` the body's hash or a word for it."""
    headers = "".join(f"{name}:{_signed_value(request, name)}\n" for name in claim.signed_headers)
    names = ";".join(claim.signed_headers)
    return f"{request.method}\n{path}\n{query}\n{headers}\n{names}\n{payload}"


@lru_cache(maxsize=1024)
def _canonical_paths(raw_path: str) -> tuple[str]:
    """Dot segments and double slashes resolved, and what is encoded already encoded once more (all services but S3)."""
    kept: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    path = "/" + "/".join(kept) + ("/" if kept and raw_path.endswith("/") else "")
    return (quote_from_bytes(path.encode("latin-1", "replace"), safe="/~"),)


def _paths_as_sent(raw_path: str) -> Iterator[str]:
    """S3's: the path is a key, of which nothing may be resolved. As it was sent, then encoded anew."""
    yield raw_path
    encoded = quote_from_bytes(unquote_to_bytes(raw_path.encode("latin-1", "replace")), safe="/-_.~")
    if encoded != raw_path:
        yield encoded


HOST = frozenset({"host", ":authority"})
"""The names under which a client may sign the host: the AWS SDK for JavaScript signs HTTP/2's own."""


def _signed_value(request: SignedRequest, name: str) -> str:
    """A header's value with its spaces folded."""
    return " ".join(request.headers.get("host" if name in HOST else name, "").split())


def _canonical_queries(query: str) -> Iterator[str]:
    """The sorted query as it was sent, which botocore signs, and encoded anew, which the text asks for."""
    pairs = [pair for pair in _pairs(query) if pair[0] != "X-Amz-Signature"]
    as_sent = _joined(pairs)
    yield as_sent
    encoded = _joined([(_encoded(name), _encoded(value)) for name, value in pairs])
    if encoded != as_sent:
        yield encoded


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (p.partition("=") for p in query.split("&"))] if query else []


def _joined(pairs: list[tuple[str, str]]) -> str:
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])


def _encoded(text: str) -> str:
    return quote_from_bytes(unquote_to_bytes(text.encode("latin-1", "replace")), safe="-_.~")


def _check_signed(claim: Claim, request: SignedRequest) -> None:
    """Host, and whatever changes what a request means, must be under the signature (the date always is).

    Content-Type need not be, whatever the text says: signers in use (aws4fetch) leave it out and AWS accepts that.
    """
    if HOST.isdisjoint(claim.signed_headers):
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in request.headers:
        if (
            name.startswith(("x-amz-", "x-amzn-bedrock-"))
            and name not in claim.signed_headers
            and name not in BY_PROXIES
        ):
            raise InvalidSignatureException(f"'{name[:80]}' must be a 'SignedHeader' in the AWS Authorization.")


BY_PROXIES = frozenset({"x-amz-cf-id"})
"""Added on the way, after signing."""


def _payload(request: SignedRequest) -> str:
    declared = request.headers.get("x-amz-content-sha256")
    if declared == UNSIGNED_PAYLOAD:
        return _unsigned(request)
    if declared == EVENTS_PAYLOAD and request.headers.get("content-type") == EVENT_STREAM:
        return EVENTS_PAYLOAD  # each event carries a signature of its own: EventVerifier
    actual = hashlib.sha256(request.body).hexdigest() if request.body else EMPTY_SHA256
    if declared is not None and not hmac.compare_digest(declared.encode(errors="replace"), actual.encode()):
        raise InvalidSignatureException("The provided 'x-amz-content-sha256' header does not match what was computed.")
    return actual


def _unsigned(request: SignedRequest) -> str:
    """Only where TLS keeps the body from being changed on the way. No SDK does this for a Bedrock operation."""
    if not request.secure:
        raise InvalidSignatureException("UNSIGNED-PAYLOAD is accepted over TLS only: sign the body, or use https.")
    return UNSIGNED_PAYLOAD


def _declared_payload(request: SignedRequest) -> str:
    """S3's: what the header says stands for the body, which is held against it as it comes in (endpoints/s3/body.py).

    A presigned request says nothing, and signs nothing of its body.
    """
    declared = request.headers.get("x-amz-content-sha256")
    if declared is None and not is_presigned(request):
        raise IncompleteSignatureException("Missing required header for this request: x-amz-content-sha256")
    return declared or UNSIGNED_PAYLOAD


@dataclass(frozen=True, slots=True)
class Rules:
    """In what services' signatures differ."""

    paths: Callable[[str], Iterable[str]]
    """The raw path -> the forms in which it may be signed."""
    payload: Callable[[SignedRequest], str]


USUAL = Rules(_canonical_paths, _payload)
RULES = {"s3": Rules(_paths_as_sent, _declared_payload)}
"""By the service in the scope."""


# Signed events


END_OF_TIME_MS = 253_402_300_800_000  # the year 10000, which a timestamp cannot write


class EventVerifier:
    """Checks the events of a request whose payload is STREAMING-AWS4-HMAC-SHA256-EVENTS, in the order they come.

    Each signature covers the one before, so that events cannot be left out, changed, repeated or put in another order.
    Source: "Setting up a streaming request", Amazon Transcribe developer guide.
    """

    def __init__(self, claim: Claim, secret: str) -> None:
        self._claim = claim
        self._secret = secret
        self._prior = claim.signature

    def check(self, date_ms: int, payload: bytes, signature: bytes) -> None:
        """One outer frame: its `:date` (milliseconds since the epoch), its payload, its `:chunk-signature`.

        Raises InvalidSignatureException, after which the stream must end.
        """
        if not 0 <= date_ms < END_OF_TIME_MS or not hmac.compare_digest(
            expected := self._sign(date_ms, payload), signature
        ):
            raise InvalidSignatureException(MISMATCH)
        self._prior = expected.hex()

    def _sign(self, date_ms: int, payload: bytes) -> bytes:
        timestamp = _stamp(date_ms / 1000)
        region, service = self._claim.region, self._claim.service
        headers = b"\x05:date\x08" + date_ms.to_bytes(
            8, "big", signed=True
        )  # an event-stream header: name, type 8, value
        hashes = f"{hashlib.sha256(headers).hexdigest()}\n{hashlib.sha256(payload).hexdigest()}"
        scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
        text = f"{ALGORITHM}-PAYLOAD\n{timestamp}\n{scope}\n{self._prior}\n{hashes}"
        return hmac.digest(signing_key(self._secret, timestamp[:8], region, service), text.encode(), "sha256")
