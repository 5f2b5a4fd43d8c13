"""POST /chat/completions.

Knows nothing of engines; the body is read and written by dialects/openai_chat.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ...call import Call
from ...checking import checked
from ...dialects.openai_chat import Chunks, completion, envelope, read
from ...dialects.openai_parts import At, flag, number
from ...turn import Delta
from ..door import Answer, Events, Request
from ..recorded import recorded
from . import asked, files, several


@recorded
async def create(call: Call, request: Request) -> Answer | Events:
    """https://platform.openai.com/docs/api-reference/chat/create"""
    body = request.json()
    model = await asked.model(call, body)
    await files.inline(call, body.get("messages"))
    turns = several.repeated(checked(read(body)), number(body, "n") or 1)
    usage = wants_usage(body)
    if not flag(body, "stream"):
        return Answer(completion(await several.replies(call, model, turns), model))
    return Events(_frames(several.deltas(call, model, turns), model, len(turns), usage))


def wants_usage(body: dict[str, Any]) -> bool:
    """Whether a stream is to end with a chunk that tells the usage."""
    with At("stream_options"):
        return flag(body.get("stream_options") or {}, "include_usage")


async def _frames(
    deltas: AsyncGenerator[tuple[int, Delta], None], model: str, count: int, usage: bool
) -> AsyncGenerator[bytes, None]:
    head = envelope(model, "chat.completion.chunk") | ({"usage": None} if usage else {})
    choices = [Chunks(head, index) for index in range(count)]
    async with aclosing(deltas):
        async for place, delta in deltas:
            if (chunk := choices[place].read(delta)) is not None:
                yield asked.frame(chunk)
    if usage:
        yield asked.frame(choices[0].usage(choices))
    yield asked.DONE
