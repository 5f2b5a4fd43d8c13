"""Operations whose requests and answers go to the invocation log.

Knows nothing of what they ask or answer. Costs one attribute look-up while invocation logging is off.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import wraps

from ...call import Call
from ..door import Answer, Events, Handler, Request


def recorded(handler: Handler) -> Handler:
    """Record a handler's calls when they end."""

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
            answer.stream = _watched(call, answer.stream)
        else:
            call.note["outputBody"] = answer.body
            log.record(call, None)
        return answer

    return watched


async def _watched(call: Call, frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    kept: list[bytes] = []
    error: BaseException | None = None
    try:
        async with aclosing(frames):
            async for frame in frames:
                kept.append(frame.partition(b"data: ")[2].strip())
                yield frame
    except BaseException as raised:
        error = raised
        raise
    finally:
        call.note["outputBody"] = [data for data in kept if data != b"[DONE]"]
        call.services.invocation_log.record(call, error)
