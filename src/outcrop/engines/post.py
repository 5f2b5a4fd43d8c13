"""Requests to engines: JSON out, JSON or server-sent events in.

Knows nothing of turns, and every failure is one of `errors.py`. Leaving a request early closes its connection, which
makes the engine stop.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import orjson

from .. import __version__, errors
from .connection import Connection
from .connections import Connections, address
from .endpoint import Endpoint

LONGEST_EVENT = 8 << 20
"""Bytes that one event may have before its sender counts as broken."""
LONGEST_ANSWER = 256 << 20
LONGEST_REFUSAL = 1 << 20
LAST_BYTES_S = 1.0
"""How long the end of a stream may take after [DONE] for its connection to be used again."""

TOO_LONG = ("exceed_context_size_error", "maximum context length", "exceeds the available context size")
"""How llama.cpp and vLLM say that a prompt does not fit."""

UNREACHABLE = "The model's engine cannot be reached."
LOST = "The model's engine went away before the answer was complete."


class Client:
    """Asks engines. Lives on one event loop; `close` ends its connections. `limit_s` is how long an answer may take.

    Raises what `refusal` says for a status of 300 and above, ModelTimeoutException when the time is up, and
    ModelErrorException for an engine that cannot be reached, goes away in mid-answer or sends what it should not.
    """

    def __init__(self, limit_s: float = 600.0, tls: ssl.SSLContext | None = None) -> None:
        self._limit_s = limit_s
        self.connections = Connections(tls)

    async def get(self, endpoint: Endpoint, path: str) -> bytes:
        """What is at `path`."""
        return await self._whole(endpoint, _head("GET", endpoint.url, path, endpoint.key) + b"\r\n")

    async def post(self, endpoint: Endpoint, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """POST `content` as JSON; the whole answer as a JSON object."""
        return parse(await self._whole(endpoint, _posted(endpoint, path, content)))

    async def stream(self, endpoint: Endpoint, path: str, content: dict[str, Any]) -> AsyncGenerator[list[bytes], None]:
        """POST `content` as JSON; the data of the server-sent events, all that arrived together at a time, up to
        [DONE]. A stream that ends before it was broken off."""
        with _failures():
            connection = await self._answered(endpoint, _posted(endpoint, path, content, not endpoint.kind.keeps_alive))
            try:
                rest = b""
                while data := await connection.read():
                    *lines, rest = (rest + data).split(b"\n")
                    arrived = [line[5:].strip() for line in lines if line.startswith(b"data:")]
                    if b"[DONE]" in arrived:
                        yield arrived[: arrived.index(b"[DONE]")]
                        await _end(connection)
                        return
                    yield arrived
                    if len(rest) > LONGEST_EVENT:
                        raise broken("The model's engine sent an event without end.")
                raise broken(LOST)
            finally:
                if not endpoint.kind.keeps_alive:  # whatever its answer said
                    connection.abort()
                    self.connections.open_ahead(endpoint.url)
                self.connections.give_back(endpoint.url, connection)

    async def close(self) -> None:
        """End every connection, also those in use."""
        self.connections.close()
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _whole(self, endpoint: Endpoint, request: bytes) -> bytes:
        with _failures():
            connection = await self._answered(endpoint, request)
            try:
                return await _all(connection, LONGEST_ANSWER)
            finally:
                self.connections.give_back(endpoint.url, connection)

    async def _answered(self, endpoint: Endpoint, request: bytes) -> Connection:
        """A connection with the head of the answer. One that was kept may be closed by the engine in the very moment
        it is used again: where no byte of an answer came in, the request goes out once more, on a new one."""
        if (connection := self.connections.kept(endpoint.url)) is not None:
            try:
                return await self._asked(endpoint, connection, request)
            except ConnectionError:
                if not connection.untouched:
                    raise
        return await self._asked(endpoint, await self._new(endpoint), request)

    async def _new(self, endpoint: Endpoint) -> Connection:
        try:
            return await self.connections.new(endpoint.url)
        except (OSError, ValueError) as error:  # UnicodeError, for a host that cannot be one, is a ValueError
            raise broken(UNREACHABLE) from error

    async def _asked(self, endpoint: Endpoint, connection: Connection, request: bytes) -> Connection:
        connection.send(request, self._limit_s)
        try:
            status = await connection.head()
            if 300 <= status < 400:
                raise broken(f"The model's engine is not here: it redirects to {connection.location[:200]!r}.", status)
            if status >= 400:
                raise refusal(status, await _all(connection, LONGEST_REFUSAL))
            return connection
        except BaseException:
            self.connections.give_back(endpoint.url, connection)
            raise


def _posted(endpoint: Endpoint, path: str, content: dict[str, Any], last: bool = False) -> bytes:
    """A POST as bytes. `last` says that the connection will not be used again."""
    data = orjson.dumps(content)
    head = _head("POST", endpoint.url, path, endpoint.key, last)
    return b"%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (head, len(data), data)


@lru_cache(maxsize=256)
def _head(method: str, url: str, path: str, key: str | None, last: bool = False) -> bytes:
    """The lines that all requests of a kind to an engine begin with."""
    try:
        where = address(url)
    except ValueError as error:
        raise broken(UNREACHABLE) from error
    lines = [f"{method} {where.path}{path} HTTP/1.1", f"host: {where.authority}", f"user-agent: outcrop/{__version__}"]
    lines += [f"authorization: Bearer {key}"] if key else []
    lines += ["connection: close"] if last else []
    if any(not line.isprintable() for line in lines):
        raise broken("The model's address or key has characters that cannot be sent.")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")


async def _all(connection: Connection, limit: int) -> bytes:
    """The rest of an answer. Raises ModelErrorException for one of more than `limit` bytes."""
    pieces: list[bytes] = []
    while data := await connection.read():
        pieces.append(data)
        limit -= len(data)
        if limit < 0:
            raise broken("The model's engine sent an answer without end.")
    return b"".join(pieces)


async def _end(connection: Connection) -> None:
    """Wait a moment for the end of what is to end: a connection read to its end can be used again."""
    if not connection.complete and connection.reusable:
        try:
            async with asyncio.timeout(LAST_BYTES_S):
                await connection.read()
        except OSError:  # TimeoutError is one; the answer is whole all the same
            pass


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise errors.ModelTimeoutException("The model did not answer in time.") from error
    except OSError as error:
        raise broken(LOST) from error


def broken(message: str, status: int = 500) -> errors.ModelErrorException:
    """The error for an engine that failed."""
    return errors.ModelErrorException(message, originalStatusCode=status)


def parse(payload: bytes) -> dict[str, Any]:
    """A JSON object. Raises ModelErrorException for anything else."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise broken("The model's engine sent something that is not JSON.") from error
    if type(value) is not dict:
        raise broken("The model's engine sent something that is not a JSON object.")
    return value


def refusal(status: int, content: bytes) -> errors.ServiceError:
    """The engine's error answer as one of ours."""
    kind, message = _told(content)
    if any(sign in kind or sign in message for sign in TOO_LONG):
        return errors.ValidationException(f"Input is too long for requested model. {message}".strip())
    if status == 429:
        return errors.ThrottlingException("Too many requests, please wait before trying again.")
    if status == 503:
        return errors.ModelNotReadyException("The model is not ready for inference, please try again.")
    if status in (400, 413, 422):
        return errors.ValidationException(f"The model returned the following errors: {message or f'HTTP {status}'}")
    return broken(f"The model's engine failed: {message or f'HTTP {status}'}", status)


def _told(content: bytes) -> tuple[str, str]:
    """The type and the message of an error in OpenAI's shape; some servers leave out the object around them."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return "", ""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return "", str(error)
    return str(error.get("type") or ""), str(error.get("message") or "")
