"""A door that is not AWS's: JSON over HTTP and server-sent events, behind the same keys, limits and log lines.

Knows no API: a door is a table of routes, handlers, and the manner in which its API words errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import orjson

from .. import ids
from ..call import Call, Identity
from ..errors import ServiceError, UnknownOperationException, ValidationException
from ..wire.errors import ClientDisconnected
from ..wire.exchange import Exchange, Receive, Scope, Send
from ..wire.gateway import HUNG_UP, shown
from ..wire.pump import Pump
from ..wire.restjson import is_too_deep
from ..wire.sigv4 import SignedRequest
from ..wire.validate import clip

if TYPE_CHECKING:
    from ..services import Services


@dataclass(slots=True)
class Request:
    """What a handler may know of a request. `params` are the path's, decoded; header names are in lower case.

    `chunks` is the body as it comes in, on a route that streams; everywhere else the body is here already.
    """

    params: dict[str, str]
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    max_depth: int
    chunks: AsyncIterator[bytes] | None = None

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ValidationException."""
        if "json" not in self.headers.get("content-type", "").lower():
            raise ValidationException("The body must be JSON: send content-type: application/json.")
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ValidationException(f"The body is not valid JSON: {error}") from error
        if not isinstance(value, dict):
            raise ValidationException(f"The body must be a JSON object, not {type(value).__name__}.")
        if is_too_deep(self.body, value, self.max_depth):
            raise ValidationException(f"The body is nested deeper than {self.max_depth} levels.")
        return value


NOT_BUILT, NO_USE = 501, {"x-should-retry": "false"}
"""What keeps OpenAI's and Anthropic's SDKs from coming back twice, as they do after any other 5xx."""


@dataclass(slots=True)
class Answer:
    """A whole answer: a JSON value, or bytes of another media type."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


@dataclass(slots=True)
class Events:
    """Server-sent events, whole frames. The first is awaited before the status line goes out."""

    stream: AsyncGenerator[bytes, None]
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call, Request], Awaitable[Answer | Events]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a door. `path` follows the door's prefix; a segment in braces is a parameter."""

    method: str
    path: str
    handler: Handler
    operation: str
    """Its name in logs and metrics."""
    streams: bool = False
    """The handler reads the body itself, from `Request.chunks`; such a request is authorised by an API key only."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How an API says what went wrong, and what it calls a request's id."""

    service: str
    """Its name in logs."""
    error: Callable[[ServiceError, Call], tuple[int, dict[str, Any]]]
    """Status and JSON body."""
    fail: Callable[[ServiceError, Call], bytes]
    """The frame that ends a stream that broke."""
    request_id: str = "x-request-id"


class Door:
    """The ASGI app. `authenticate` is the gateway's own (wire.auth.Authenticator)."""

    def __init__(
        self,
        services: Services,
        authenticate: Callable[[SignedRequest], Awaitable[Identity]],
        prefixes: Sequence[str],
        routes: Sequence[Route],
        manner: Manner,
    ) -> None:
        self._services, self._authenticate, self._manner = services, authenticate, manner
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes)
        self._plain = {(route.method, route.path): route for route in routes if "{" not in route.path}
        patterns = [route for route in routes if "{" in route.path]
        self._patterns = [(route.method, route.path.strip("/").split("/"), route) for route in patterns]

    def serves(self, scope: Scope) -> bool:
        """Whether a request's path is this door's."""
        return scope.get("path", "").startswith(self._prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        route, params = self._match(exchange)
        name = route.operation if route else "UnknownOperation"
        call = Call(name, self._manner.service, ids.uuid(), self._services, headers=exchange.headers)
        error: BaseException | None = None
        self._services.telemetry.begin(call)
        try:
            error = await self._serve(exchange, call, route, params)
        except ClientDisconnected:
            exchange.status, error = HUNG_UP, asyncio.CancelledError()
        except Exception as raised:
            error = raised
            await self._refuse(exchange, call, raised)
        finally:
            self._services.telemetry.finish(call, exchange.status or HUNG_UP, error)

    def _match(self, exchange: Exchange) -> tuple[Route | None, dict[str, str]]:
        path = next((exchange.raw_path[len(p) :] for p in self._prefixes if exchange.raw_path.startswith(p)), "")
        if (plain := self._plain.get((exchange.method, f"/{path}"))) is not None:
            return plain, {}
        given = path.split("/")
        for method, pattern, route in self._patterns:
            if method == exchange.method and (params := _parameters(pattern, given)) is not None:
                return route, params
        return None, {}

    async def _serve(
        self, exchange: Exchange, call: Call, route: Route | None, params: dict[str, str]
    ) -> Exception | None:
        """Answer the request; returns the exception that ended a stream under way, raises any before its answer."""
        if route is None:
            raise UnknownOperationException(f"Nothing answers {exchange.method} {clip(exchange.raw_path)}")
        body = b"" if route.streams else await self._body(exchange)
        call.identity = await self._authenticate(_signed(exchange, body))
        request = self._request(exchange, params, body)
        if route.streams:
            request.chunks = exchange.chunks(1 << 40, self._services.settings.body_timeout_s)
            return await self._send(exchange, call, await route.handler(call, request))
        async with exchange.gone():
            return await self._send(exchange, call, await route.handler(call, request))

    async def _body(self, exchange: Exchange) -> bytes:
        settings = self._services.settings
        return await exchange.body(settings.max_body_mib << 20, settings.body_timeout_s)

    def _request(self, exchange: Exchange, params: dict[str, str], body: bytes) -> Request:
        query = dict(parse_qsl(exchange.query, keep_blank_values=True)) if exchange.query else {}
        return Request(params, query, exchange.headers, body, self._services.settings.max_depth)

    async def _send(self, exchange: Exchange, call: Call, answer: Answer | Events) -> Exception | None:
        headers = {**answer.headers, **call.response_headers, self._manner.request_id: call.request_id}
        if isinstance(answer, Answer):
            await exchange.answer(answer.status, {"content-type": answer.media_type, **headers}, answer.encoded())
            return None
        headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **headers}
        async with Pump(answer.stream, bytes, lambda error: self._failed(call, error)) as pump:
            await pump.first()
            await exchange.start(200, headers)
            async for frames in pump.batches():
                await exchange.write(frames)
        await exchange.write(b"", more=False)
        return pump.error

    def _failed(self, call: Call, error: Exception) -> bytes:
        if isinstance(error, ClientDisconnected):
            raise error
        return self._manner.fail(shown(call, error), call)

    async def _refuse(self, exchange: Exchange, call: Call, raised: Exception) -> None:
        status, body = self._manner.error(shown(call, raised), call)
        if exchange.status:
            return  # too late: the answer had begun
        headers = {"content-type": "application/json", self._manner.request_id: call.request_id}
        headers |= NO_USE if status == NOT_BUILT else {}
        try:
            await exchange.answer(status, headers, orjson.dumps(body))
        except ClientDisconnected:
            pass


def _parameters(pattern: list[str], given: list[str]) -> dict[str, str] | None:
    """What `given` fills into the braces of `pattern`; None where the two differ."""
    if len(pattern) != len(given):
        return None
    params: dict[str, str] = {}
    for expected, segment in zip(pattern, given, strict=True):
        if expected.startswith("{") and segment:
            params[expected[1:-1]] = unquote(segment)
        elif expected != segment:
            return None
    return params


def _signed(exchange: Exchange, body: bytes) -> SignedRequest:
    return SignedRequest(exchange.method, exchange.raw_path, exchange.query, exchange.headers, body, exchange.secure)
