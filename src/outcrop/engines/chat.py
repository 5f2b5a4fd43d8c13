"""A turn sent to an engine, its streamed answer read as deltas.

Knows nothing of models, queues or the API's doors.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ..errors import ModelErrorException
from ..turn import Delta, Turn
from .answer import Answer
from .body import body, path, reads_as_call
from .endpoint import Endpoint
from .post import Client, parse


async def chat(http: Client, turn: Turn, endpoint: Endpoint, cached: int = 0) -> AsyncGenerator[list[Delta], None]:
    """Stream the answer to `turn`: the deltas that came in together at a time. `cached` is how many prompt tokens stand
    before the last cachePoint.

    Closing the iterator closes the connection, which makes the engine stop. Raises ValidationException when the
    engine refuses the request, ModelErrorException before the first delta, ModelStreamErrorException after it.
    """
    asked = body(turn, endpoint)
    answer = Answer(cached, asked.get("max_tokens"), reads_as_call(turn, endpoint))
    try:
        async with aclosing(http.stream(endpoint, path(turn), asked)) as news:
            async for payloads in news:
                deltas, error = _read(answer, payloads)
                if deltas:
                    yield deltas
                if error:
                    raise error
                if answer.malformed:  # the engine sends no [DONE] after it
                    break
        yield answer.end()
    except ModelErrorException as error:
        raise answer.failed(error) from error.__cause__


def _read(answer: Answer, payloads: list[bytes]) -> tuple[list[Delta], ModelErrorException | None]:
    """The deltas of some chunks, up to the first that is no chunk or tells of a failure: what came before it counts."""
    deltas: list[Delta] = []
    try:
        for payload in payloads:
            deltas += answer.read(parse(payload))
    except ModelErrorException as error:
        return deltas, error
    return deltas, None
