"""The request: from an ASGI scope to a handler and back, read top to bottom in `Gateway._serve`.

Knows nothing of what operations do. Everything a client can see goes out here, once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .. import ids
from ..errors import InternalServerException, OperationNotImplementedException, ServiceError, UnknownOperationException
from . import eventstream
from .errors import ClientDisconnected, UnsupportedMediaTypeException
from .exchange import Exchange, Gone, Receive, Scope, Send
from .operation import HANDLERS, Call, Handlers, Identity
from .pump import Pump
from .restjson import Incoming, Outgoing, request_reader, response_writer
from .router import Match, Router
from .sigv4 import EventVerifier, SignedRequest
from .spec import Operation, error_status
from .validate import clip, require
from .values import error_body

if TYPE_CHECKING:
    from ..services import Services

log = logging.getLogger("outcrop.gateway")

COMPUTING = ("bedrock-runtime", "bedrock-agent-runtime")
"""Services whose work is given up when its client hangs up. What changes records goes on to its end."""
HUNG_UP = 499
"""The status in logs and metrics of a request whose client left; nobody receives it."""
SORRY = "The service met an unexpected condition. The request id identifies it in the service's log."


async def unsigned(request: SignedRequest) -> EventVerifier | None:
    """No events are signed: where nobody is asked who they are."""


class Gateway:
    """The ASGI app of the AWS protocol. `authenticate` turns a SignedRequest into an Identity or raises; `verifier`
    says what checks the events of such a request, if they are signed."""

    def __init__(
        self,
        services: Services,
        authenticate: Callable[[SignedRequest], Awaitable[Identity]],
        handlers: Handlers = HANDLERS,
        verifier: Callable[[SignedRequest], Awaitable[EventVerifier | None]] = unsigned,
    ) -> None:
        self._services, self._authenticate, self._handlers = services, authenticate, handlers
        self._verifier = verifier
        self._router = Router()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        match = self._router.match(exchange.method, exchange.raw_path, exchange.query)
        call = self._call(exchange, match)
        error: BaseException | None = None
        self._services.telemetry.begin(call)
        try:
            error = await self._serve(exchange, call, match)
        except ClientDisconnected:
            exchange.status, error = HUNG_UP, asyncio.CancelledError()
        except Exception as raised:
            error = raised
            await self._refuse(exchange, call, match, raised)
        finally:
            self._services.telemetry.finish(call, exchange.status or HUNG_UP, error)

    async def _serve(self, exchange: Exchange, call: Call, match: Match | None) -> Exception | None:
        """Answer the request; returns the exception that ended a stream under way, raises any before its answer."""
        if match is None:
            raise UnknownOperationException(f"No operation answers {exchange.method} {clip(exchange.raw_path)}")
        body = b"" if match.operation.input_stream else await self._body(exchange)
        call.identity = await self._authenticate(_signed(exchange, body))
        handler = self._handlers.get((call.service, call.operation))
        if handler is None:
            raise OperationNotImplementedException(f"Outcrop does not implement {call.operation} yet")
        if match.operation.input_stream:
            return await self._converse_both_ways(exchange, call, match, handler.function)
        request = self._parse(exchange, match, body)
        computes = match.operation.service in COMPUTING
        async with exchange.gone() if computes else nullcontext():
            result = await handler.function(call, request)
            answer = response_writer(match.operation)(result or {})
            return await self._send(exchange, call, match.operation, answer)

    def _call(self, exchange: Exchange, match: Match | None) -> Call:
        name, service = (match.operation.name, match.operation.service) if match else ("UnknownOperation", "")
        return Call(name, service, ids.uuid(), self._services, headers=exchange.headers)

    async def _body(self, exchange: Exchange) -> bytes:
        settings = self._services.settings
        return await exchange.body(settings.max_body_mib << 20, settings.body_timeout_s)

    def _parse(self, exchange: Exchange, match: Match, body: bytes, events: Any = None) -> dict[str, Any]:
        _refuse_other_media(exchange, match.operation, body)
        depth = self._services.settings.max_depth
        given = Incoming(match.labels, exchange.query, exchange.headers, body, events, depth)
        request = request_reader(match.operation)(given)
        require(match.operation.input, request)
        return request

    async def _send(self, exchange: Exchange, call: Call, operation: Operation, answer: Outgoing) -> Exception | None:
        headers = _headers(call, answer)
        if answer.events is None:
            await exchange.answer(answer.status, headers, answer.body)
            return None
        async with self._pump(call, operation, answer.events) as pump:
            await pump.first()
            await exchange.start(answer.status, headers)
            async for frames in pump.batches():
                await exchange.write(frames)
        await exchange.write(b"", more=False)
        return pump.error

    async def _converse_both_ways(
        self, exchange: Exchange, call: Call, match: Match, function: Callable[[Call, Any], Awaitable[Any]]
    ) -> Exception | None:
        """An operation whose input is a stream: its answer begins at once, while the client still sends."""
        operation, stream = match.operation, match.operation.input_stream
        assert stream is not None
        verifier = await self._verifier(_signed(exchange, b""))
        async with exchange.gone(after_s=None) as gone:
            events = self._events_in(exchange, stream.shape, verifier and verifier.check, gone)
            answer = response_writer(operation)(await function(call, self._parse(exchange, match, b"", events)))
            await exchange.start(answer.status, _headers(call, answer))
            await exchange.write(b"")  # Granian holds the headers of an h2 answer until its first body message
            async with self._pump(call, operation, answer.events) as pump:
                async for frames in pump.batches():
                    await exchange.write(frames)
        await exchange.write(b"", more=False)
        return pump.error

    async def _events_in(
        self, exchange: Exchange, stream: Any, verify: eventstream.Verify | None, gone: Gone
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The events of the client, who may pause as long as the operation lets it. Once nobody reads them any more
        somebody else watches for a client that hangs up."""
        chunks = exchange.chunks(self._services.settings.max_body_mib << 20, None)
        try:
            async for event in eventstream.read_events(stream, chunks, verify):
                yield event
        except ClientDisconnected:
            gone.leave()
            raise
        finally:
            gone.watch()

    def _pump(self, call: Call, operation: Operation, events: AsyncIterator[Any]) -> Pump:
        stream = operation.output_stream
        assert stream is not None

        def fail(error: Exception) -> bytes:
            if isinstance(error, ClientDisconnected):
                raise error
            return eventstream.encode_exception(stream.shape, shown(call, error))

        return Pump(events, eventstream.encoder(stream.shape), fail)

    async def _refuse(self, exchange: Exchange, call: Call, match: Match | None, raised: Exception) -> None:
        """Answer with an error, in the shape and with the status that the operation models it with."""
        error = shown(call, raised)
        shape = match.operation.errors.get(error.code) if match else None
        status = error_status(shape, error.status) if shape else error.status
        headers = {
            "content-type": "application/json",
            "x-amzn-errortype": error.code,
            "x-amzn-requestid": call.request_id,
        }
        if exchange.status:
            return  # too late: the answer had begun
        body = error_body(error, shape)
        try:
            await exchange.answer(status, headers, body)
        except Exception:
            log.info("request %s: the client left before its error", call.request_id, exc_info=True)


def shown(call: Call, error: Exception) -> ServiceError:
    """What the client may know of an exception. The log gets the rest, under the request's id."""
    if isinstance(error, ServiceError):
        return error
    log.error("request %s (%s) failed", call.request_id, call.operation, exc_info=error)
    return InternalServerException(SORRY)


def _headers(call: Call, answer: Outgoing) -> dict[str, str]:
    return {**answer.headers, "x-amzn-requestid": call.request_id, **call.response_headers}


def _signed(exchange: Exchange, body: bytes) -> SignedRequest:
    return SignedRequest(exchange.method, exchange.raw_path, exchange.query, exchange.headers, body, exchange.secure)


def _refuse_other_media(exchange: Exchange, operation: Operation, body: bytes) -> None:
    """Bodies of JSON operations must say so: a web page cannot make a browser send this type to us unasked."""
    kind = exchange.headers.get("content-type", "application/json")
    payload = operation.input.payload
    if body and (payload is None or payload.shape.type == "structure") and "json" not in kind.lower():
        raise UnsupportedMediaTypeException(f"Content-Type {clip(kind)!r} is not JSON; send application/json")


__all__ = ["Gateway", "Identity"]
