"""The S3 door in front of a real S3: a request is checked here, signed anew with the store's keys and passed on.

Knows nothing of single operations: what the store behind it can do, the door can. A body is kept on the disk until it
has been checked, so that nothing reaches the store that the client did not mean.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connectionpool import connection_from_url
from urllib3.response import BaseHTTPResponse

from ...config import Settings
from ...errors import ServiceUnavailableException
from ...store.folder import Folder, Staged
from ...wire.sigv4 import EMPTY_SHA256
from .body import MAX_OBJECT, Body
from .checksums import PREFIX, Digests
from .threads import blocking

CONNECT_S, READ_S = 5.0, 60.0

NOT_PASSED = frozenset(
    (
        *("authorization", "connection", "content-length", "content-encoding", "date", "expect", "host", "keep-alive"),
        *("te", "trailer", "transfer-encoding", "upgrade", "x-amz-content-sha256", "x-amz-date"),
        *("x-amz-decoded-content-length", "x-amz-security-token", "x-amz-trailer"),
    )
)
"""Headers of a request that are about this connection and this signature."""
NOT_PASSED_BACK = frozenset(("connection", "date", "keep-alive", "server", "transfer-encoding"))
SIGNING = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signature")
SIGNING += ("x-amz-signedheaders", "x-amz-security-token", "awsaccesskeyid", "signature")
"""Names in a presigned query, in lower case."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as the store will see it. `target` is path and query, encoded."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    sha256: str = EMPTY_SHA256
    size: int = 0


class Forward:
    """The store behind the door."""

    def __init__(self, settings: Settings, folder: Folder) -> None:
        self._settings, self._folder = settings, folder
        self._endpoint = settings.objects_endpoint.rstrip("/") or f"https://s3.{settings.region}.amazonaws.com"
        timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        self._pool = connection_from_url(self._endpoint, maxsize=16, timeout=timeout)
        self._credentials: Any = None

    async def send(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: Body
    ) -> BaseHTTPResponse:
        """The store's answer, its body still to be read. ServiceUnavailableException when there is none."""
        target = path + (f"?{rest}" if (rest := passed_query(query)) else "")
        passed = passed_headers(headers)
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            return await blocking(self._send, Outgoing(method, target, passed), nullcontext(io.BytesIO()))
        with await blocking(self._folder.stage) as staged:
            digests = await body.receive(staged.write, MAX_OBJECT, {"sha256"})
            await blocking(staged.finish)
            passed |= {PREFIX + name: digests.base64(name) for name in body.checked}
            return await blocking(
                self._send, _outgoing(method, target, passed, staged, digests), staged.path.open("rb")
            )

    def _send(self, outgoing: Outgoing, source: AbstractContextManager[Any]) -> BaseHTTPResponse:
        with source as file:
            try:
                return self._pool.urlopen(
                    outgoing.method,
                    outgoing.target,
                    body=file if outgoing.size else None,
                    headers=self._signed(outgoing),
                    preload_content=False,
                    decode_content=False,
                    redirect=False,
                    retries=False,
                )
            except urllib3.exceptions.HTTPError as error:
                raise ServiceUnavailableException(
                    f"The object store does not answer: {type(error).__name__}"
                ) from error

    def _signed(self, outgoing: Outgoing) -> dict[str, str]:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest

        host = urlsplit(self._endpoint).netloc
        length = {"content-length": str(outgoing.size)} if outgoing.size or outgoing.method in ("PUT", "POST") else {}
        request = AWSRequest(outgoing.method, self._endpoint + outgoing.target, {"host": host, **outgoing.headers})
        signer = S3SigV4Auth(self._keys(), "s3", self._settings.region)
        signer.payload = lambda request: outgoing.sha256
        signer.add_auth(request)
        return {name: str(value) for name, value in request.headers.items()} | length

    def _keys(self) -> Any:
        """Botocore's chain, looked up at first use; it renews what expires."""
        if self._credentials is None:
            import botocore.session

            self._credentials = botocore.session.get_session().get_credentials()
        if self._credentials is None:
            raise ServiceUnavailableException("No AWS credentials were found for the object store.")
        return self._credentials.get_frozen_credentials()


def _outgoing(method: str, target: str, headers: dict[str, str], staged: Staged, digests: Digests) -> Outgoing:
    return Outgoing(method, target, headers, digests.raw("sha256").hex(), staged.path.stat().st_size)


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in headers.items() if name not in NOT_PASSED}
    codings = [coding.strip() for coding in headers.get("content-encoding", "").split(",")]
    codings = [coding for coding in codings if coding and coding.lower() != "aws-chunked"]
    return kept | ({"content-encoding": ", ".join(codings)} if codings else {})


def passed_query(query: str) -> str:
    """The query without what signed it."""
    pairs = query.split("&") if query else []
    named = [(unquote(pair.partition("=")[0]).lower(), pair) for pair in pairs]
    old = any(name == "awsaccesskeyid" for name, _ in named)
    return "&".join(pair for name, pair in named if name not in SIGNING and not (old and name == "expires"))


def passed_back(answer: BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_BACK}
