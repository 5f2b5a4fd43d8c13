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


async def chat(http: Client, turn: Turn, endpoint: Endpoint, cached: int = 0) -> AsyncGenerator[Delta, None]:
    """Stream the answer to `turn`. `cached` is how many prompt tokens stand before the last cachePoint.

    Closing the iterator closes the connection, which makes the engine stop. Raises ValidationException when the
    engine refuses the request, ModelErrorException before the first delta, ModelStreamErrorException after it.
    """
    asked = body(turn, endpoint)
    answer = Answer(cached, asked.get("max_tokens"), reads_as_call(turn, endpoint))
    try:
        async with aclosing(http.stream(endpoint, path(turn), asked)) as news:
            async for payloads in news:
                for payload in payloads:
                    for delta in answer.read(parse(payload)):
                        yield delta
                if answer.malformed:  # the engine sends no [DONE] after it
                    break
        for delta in answer.end():
            yield delta
    except ModelErrorException as error:
        raise answer.failed(error) from error.__cause__
