"""POST /completions: a model goes on from a prompt as it stands, with no chat template.

Knows nothing of engines; the body is read and written by dialects/openai_completions.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ...call import Call
from ...checking import checked
from ...dialects import openai_completions as dialect
from ...dialects.openai_parts import fault, flag, number
from ...turn import Delta, Turn
from ..door import Answer, Events, Request
from ..recorded import recorded
from . import asked, several
from .chat import wants_usage


@recorded
async def create(call: Call, request: Request) -> Answer | Events:
    """https://platform.openai.com/docs/api-reference/completions/create"""
    body = request.json()
    model = await asked.model(call, body)
    each = number(body, "n") or 1
    turn, prompts = checked(dialect.read(body)), dialect.prompts(body)
    if len(prompts) * each > dialect.MOST_PROMPTS:
        raise fault(f"#: prompt: more than {dialect.MOST_PROMPTS} completions in one request", "prompt")
    turns = [one for prompt in prompts for one in several.repeated(_with(turn, prompt), each)]
    echoes = [str(prompt) if flag(body, "echo") else "" for prompt in prompts for _ in range(each)]
    usage = wants_usage(body)
    if not flag(body, "stream"):
        return Answer(dialect.completion(await several.replies(call, model, turns), model, each, echoes))
    return Events(_frames(several.deltas(call, model, turns), model, echoes, each if usage else 0))


def _with(turn: Turn, prompt: dialect.Prompt) -> Turn:
    return {**turn, "prompt": prompt}


async def _frames(
    deltas: AsyncGenerator[tuple[int, Delta], None], model: str, echoes: list[str], each: int
) -> AsyncGenerator[bytes, None]:
    """The frames; `each` is how many answers in a row share a prompt, 0 where nobody wants to know the usage."""
    head: dict[str, Any] = dialect.envelope(model) | ({"usage": None} if each else {})
    choices = [dialect.Chunks(head, index, echo) for index, echo in enumerate(echoes)]
    async with aclosing(deltas):
        async for place, delta in deltas:
            if (chunk := choices[place].read(delta)) is not None:
                yield asked.frame(chunk)
    if each:
        used = dialect.usage([choice.used for choice in choices], each)
        yield asked.frame({**head, "choices": [], "usage": used})
    yield asked.DONE
