"""What a handler was asked and answered, noted on its call and handed to the invocation log when it ends.

Knows nothing of records or destinations. Costs one attribute look-up while invocation logging is off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from ..call import Call
from .record import streamed

Handler = TypeVar("Handler", bound=Callable[[Call, Any], Awaitable[Any]])


def logged(handler: Handler) -> Handler:
    """Record the calls of a handler: `@operation` above `@logged` above `async def converse(call, request)`."""

    @wraps(handler)
    async def watched(call: Call, request: dict[str, Any]) -> Any:
        log = call.services.invocation_log
        if not log.enabled:
            return await handler(call, request)
        _note_input(call, request)
        try:
            answer = await handler(call, request)
        except BaseException as error:
            log.record(call, error)
            raise
        return _watch_answer(call, answer)

    return watched  # type: ignore[return-value]


def _note_input(call: Call, request: dict[str, Any]) -> None:
    call.note["requestedModelId"] = request.get("modelId")
    call.note["inputContentType"] = request.get("contentType")
    rest = {name: value for name, value in request.items() if name not in ("modelId", "requestMetadata")}
    call.note["inputBody"] = request.get("body", rest)


def _watch_answer(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """Record a whole answer now, a stream when it ends."""
    call.note["outputContentType"] = answer.get("contentType")
    for member in ("stream", "body"):
        if hasattr(answer.get(member), "__aiter__"):
            return answer | {member: _watch_events(call, answer[member])}
    call.note["outputBody"] = answer.get("body", answer)
    call.services.invocation_log.record(call, None)
    return answer


async def _watch_events(call: Call, events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    error: BaseException | None = None
    try:
        async for event in events:
            kept.append(event)
            yield event
    except BaseException as raised:
        error = raised
        raise
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
        call.note["outputBody"] = streamed(kept)
        call.services.invocation_log.record(call, error)
