"""A request to an engine: the POST, its refusal, its server-sent events.

Knows nothing of turns: JSON goes in, JSON comes out, and every failure is one of `errors.py`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import orjson

from .. import errors
from .endpoint import Endpoint

LONGEST_EVENT = 8 << 20
"""Bytes that one event may have before its sender counts as broken."""

TOO_LONG = ("exceed_context_size_error", "maximum context length", "exceeds the available context size")
"""How llama.cpp and vLLM say that a prompt does not fit."""


@asynccontextmanager
async def post(
    http: aiohttp.ClientSession, endpoint: Endpoint, path: str, content: dict[str, Any], last: bool = False
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The engine's answer to a POST; leaving the block early closes the connection, which makes the engine stop.
    `last` says that the connection is not to be used again.

    Raises what `refusal` says for a status of 400 and above, ModelTimeoutException when the session's time is up and
    ModelErrorException when the connection fails, inside the block too.
    """
    headers = {"content-type": "application/json"}
    if endpoint.key:
        headers["authorization"] = f"Bearer {endpoint.key}"
    if last:
        headers["connection"] = "close"
    with _failures():
        async with await _sent(http, endpoint.url + path, orjson.dumps(content), headers) as response:
            if response.status >= 400:
                raise refusal(response.status, await response.read())
            yield response


async def _sent(http: aiohttp.ClientSession, url: str, data: bytes, headers: dict[str, str]) -> aiohttp.ClientResponse:
    """The head of the answer. A kept connection that the engine was just closing (llama.cpp does after five idle
    seconds) fails before it is read: the request then goes out once more, on another one."""
    try:
        return await http.post(url, data=data, headers=headers)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        return await http.post(url, data=data, headers=headers)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:  # aiohttp's are ClientErrors, too
        raise errors.ModelTimeoutException("The model did not answer in time.") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise broken("The model's engine went away before the answer was complete.") from error


def broken(message: str, status: int = 500) -> errors.ModelErrorException:
    """The error for an engine that failed."""
    return errors.ModelErrorException(message, originalStatusCode=status)


async def json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The whole answer as one JSON object."""
    return parse(await response.read())


async def events(response: aiohttp.ClientResponse) -> AsyncGenerator[list[bytes], None]:
    """The data of the server-sent events, all that arrived together at a time, up to [DONE]. Raises
    ModelErrorException for a stream that ends before it."""
    rest = b""
    async for data in response.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        arrived = [line[5:].strip() for line in lines if line.startswith(b"data:")]
        if b"[DONE]" in arrived:
            yield arrived[: arrived.index(b"[DONE]")]
            await response.content.read()  # a connection read to its end can be used again
            return
        yield arrived
        if len(rest) > LONGEST_EVENT:
            raise broken("The model's engine sent an event without end.")
    raise broken("The model's engine went away before the answer was complete.")


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
