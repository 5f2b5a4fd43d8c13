"""The S3 door: an ASGI app from a request signed for S3 to an answer in S3's manner, read top to bottom in `_serve`.

Knows nothing of single operations. Source: Amazon S3 API reference.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from ... import ids
from ...call import Call
from ...wire.errors import ClientDisconnected
from ...wire.exchange import Exchange, Receive, Scope, Send
from ...wire.gateway import HUNG_UP
from ...wire.sigv4 import SignedRequest
from ...wire.spec import Operation
from . import attributes, routes, shapes, xml
from .body import Body
from .caller import Callers, is_s3
from .errors import S3Error, translated
from .forward import Forward, passed_back
from .operations import HANDLERS
from .request import S3, Download, Request
from .threads import blocking

if TYPE_CHECKING:
    from ...services import Services

log = logging.getLogger("outcrop.s3")

PIECE = 1 << 20
"""Bytes of an object sent at a time."""
LOCAL = ".localhost"
HARMLESS = {"content-security-policy": "sandbox", "x-content-type-options": "nosniff"}
"""An object may be a web page, and must not act as one of this service's own in a browser that opens its URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request line names. `path` is the bucket's and key's as S3's older signatures have it."""

    bucket: str
    key: str
    query: dict[str, str]
    path: str


class S3Door:
    """Serves what is signed for S3, whatever its path: from the folder, or with `forward` by the store behind it."""

    def __init__(self, services: Services, s3: S3, forward: Forward | None = None) -> None:
        self._services, self._s3, self._forward = services, s3, forward
        self._callers = Callers(services.keys, services.settings)

    def serves(self, scope: Scope) -> bool:
        return is_s3(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        call = Call("UnknownOperation", "s3", ids.uuid(), self._services, headers=exchange.headers)
        error: BaseException | None = None
        self._services.telemetry.begin(call)
        try:
            await self._serve(exchange, call)
        except ClientDisconnected:
            exchange.status, error = HUNG_UP, asyncio.CancelledError()
        except Exception as raised:
            error = await self._refuse(exchange, call, raised)
        finally:
            self._services.telemetry.finish(call, exchange.status or HUNG_UP, error)

    async def _serve(self, exchange: Exchange, call: Call) -> None:
        await blocking(routes.model)  # read once
        target = read_target(exchange)
        name = routes.find(exchange.method, target.bucket, target.key, target.query, exchange.headers)
        call.operation = name or call.operation
        body = await self._identified(exchange, call, target)
        if self._forward:
            return await self._pass_on(exchange, self._forward, target, body)
        if name is None:
            raise S3Error("MethodNotAllowed", Method=exchange.method, ResourceType="OBJECT" if target.key else "BUCKET")
        if name not in HANDLERS:
            raise S3Error("NotImplemented", f"Outcrop's S3 door does not know {name}.")
        operation = routes.model().operation(name)
        request = await self._request(exchange, operation, target, body)
        answer = await HANDLERS[name](self._s3, request)
        await self._answer(exchange, call, operation, answer)

    async def _identified(self, exchange: Exchange, call: Call, target: Target) -> Body:
        """The body, of a caller who is known."""
        head = (exchange.method, exchange.raw_path, exchange.query, exchange.headers, b"", exchange.secure)
        signed = SignedRequest(*head)
        old = replace(signed, raw_path=target.path) if "AWSAccessKeyId=" in exchange.query else signed
        call.identity = await self._callers.identify(old, target.query)
        chain = await self._callers.chain(signed)
        return Body(exchange, chain, self._services.settings.body_timeout_s)

    async def _request(self, exchange: Exchange, operation: Operation, target: Target, body: Body) -> Request:
        labels = {"Bucket": target.bucket, "Key": target.key}
        given = shapes.read(operation, labels, target.query, exchange.headers)
        attributes.refuse_unknown(given, self._services.settings.account_id)
        payload = operation.input.payload
        if payload is not None and payload.shape.type == "structure":
            raw = await body.read(about_itself="ChecksumCRC32" not in operation.input.members)
            given |= {payload.name: inside} if (inside := shapes.read_body(operation, raw)) else {}
        return Request(operation.name, target.bucket, target.key, exchange.headers, given, body)

    async def _answer(
        self, exchange: Exchange, call: Call, operation: Operation, answer: dict[str, Any] | Download
    ) -> None:
        if isinstance(answer, Download):
            return await self._download(exchange, call, operation, answer)
        headers, body = shapes.write(operation, answer)
        kind = {"content-type": "application/xml"} if body else {}
        await exchange.answer(operation.status, {**kind, **headers, **_ids(call)}, body)

    async def _download(self, exchange: Exchange, call: Call, operation: Operation, answer: Download) -> None:
        with answer.file as file:
            headers, _ = shapes.write(operation, answer.answer)
            await exchange.start(answer.status, {**headers, **HARMLESS, **_ids(call)})
            left = 0 if exchange.method == "HEAD" else answer.length
            await blocking(file.seek, answer.start)
            while left:
                piece = await blocking(file.read, min(PIECE, left))
                if not piece:  # somebody cut the file short: the client must not take what came for the whole
                    raise ClientDisconnected
                left -= len(piece)
                await exchange.write(piece)
            await exchange.write(b"", more=False)

    async def _pass_on(self, exchange: Exchange, forward: Forward, target: Target, body: Body) -> None:
        answer = await forward.send(exchange.method, target.path, exchange.query, exchange.headers, body)
        try:
            await exchange.start(answer.status, passed_back(answer))
            while piece := await blocking(answer.read, PIECE):
                await exchange.write(piece)
            await exchange.write(b"", more=False)
        finally:
            await blocking(answer.close)

    async def _refuse(self, exchange: Exchange, call: Call, raised: Exception) -> S3Error:
        error = translated(raised)
        if error.code == "InternalError":
            log.error("request %s (%s) failed", call.request_id, call.operation, exc_info=raised)
        if not exchange.status:
            await self._say(exchange, call, error)
        return error

    async def _say(self, exchange: Exchange, call: Call, error: S3Error) -> None:
        headers = {"content-type": "application/xml", **error.headers, **_ids(call)}
        silent = exchange.method == "HEAD" or error.status == 304
        try:
            if silent:
                await exchange.start(error.status, {**error.headers, **_ids(call)})
                return await exchange.write(b"", more=False)
            await exchange.answer(error.status, headers, error_document(exchange, call, error))
        except ClientDisconnected:
            pass


def error_document(exchange: Exchange, call: Call, error: S3Error) -> bytes:
    told: Mapping[str, Any] = {
        "Code": error.code,
        "Message": error.message,
        **error.members,
        "Resource": exchange.raw_path,
        "RequestId": call.request_id,
        "HostId": "outcrop",
    }
    inside = "".join(xml.element(name, xml.text(str(value))) for name, value in told.items())
    return xml.document("Error", inside, namespace="")


def read_target(exchange: Exchange) -> Target:
    """Bucket and key of the path, or of the host and the path (`bucket.localhost`). InvalidURI."""
    query = dict(parse_qsl(exchange.query, keep_blank_values=True, errors="replace"))
    path = exchange.raw_path
    if bucket := _bucket_in_host(exchange.headers.get("host", "")):
        path = f"/{bucket}{path}"
    bucket, _, key = path.removeprefix("/").partition("/")
    return Target(_decoded(bucket), _decoded(key), query, path)


def _bucket_in_host(host: str) -> str:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        raise S3Error("InvalidURI") from None
    return name.removesuffix(LOCAL) if name.endswith(LOCAL) else ""


def _decoded(part: str) -> str:
    try:
        return unquote_to_bytes(part.encode("latin-1")).decode()
    except UnicodeError:
        raise S3Error("InvalidURI") from None


def _ids(call: Call) -> dict[str, str]:
    return {"x-amz-request-id": call.request_id, "x-amz-id-2": "outcrop"}
