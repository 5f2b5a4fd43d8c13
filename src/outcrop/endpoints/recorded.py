"""What a door's handler was asked and answered, for the invocation log.

Knows nothing of any API. `invocation_log.logged` does the same for operations of the AWS protocol.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import wraps
from typing import Any

import orjson

from ..call import Call
from .door import Answer, Events, Handler, Request


def recorded(handler: Handler) -> Handler:
    """Record the calls of a handler; nothing but a look-up while the log is off."""

    @wraps(handler)
    async def watched(call: Call, request: Request) -> Answer | Events:
        log = call.services.invocation_log
        if not log.enabled:
            return await handler(call, request)
        call.note["inputBody"] = request.body
        try:
            answer = await handler(call, request)
        except BaseException as error:
            log.record(call, error)
            raise
        if isinstance(answer, Events):
            return Events(_watched(call, answer.stream), answer.headers)
        call.note["outputBody"] = answer.body
        log.record(call, None)
        return answer

    return watched


async def _watched(call: Call, frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames; recorded, as the JSON of their data, when they end."""
    kept: list[bytes] = []
    error: BaseException | None = None
    try:
        async with aclosing(frames):
            async for frame in frames:
                kept.append(frame)
                yield frame
    except BaseException as raised:
        error = raised
        raise
    finally:
        call.note["outputContentType"] = "text/event-stream"
        call.note["outputBody"] = list(_data(kept))
        call.services.invocation_log.record(call, error)


def _data(frames: list[bytes]) -> Any:
    """The data of each event; what is no JSON ([DONE]) is left out."""
    for line in b"".join(frames).split(b"\n"):
        if line.startswith(b"data: {"):
            yield orjson.loads(line[6:])
