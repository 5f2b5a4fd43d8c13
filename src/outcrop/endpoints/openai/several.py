"""Several turns answered side by side for one request (`n`, a list of prompts).

Knows nothing of OpenAI's bodies. A request is one call in logs and metrics: what its turns used is added up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from ...call import Call
from ...turn import Delta, Reply, Turn


def repeated(turn: Turn, count: int) -> list[Turn]:
    """A turn for each of `count` answers; a seed that was given becomes one for each."""
    fields = turn.get("additionalModelRequestFields") or {}
    if "seed" not in fields:
        return [turn] * count
    seeded = [{**fields, "seed": fields["seed"] + place} for place in range(count)]
    return [{**turn, "additionalModelRequestFields": fields} for fields in seeded]


async def replies(call: Call, model: str, turns: Sequence[Turn]) -> list[Reply]:
    """The whole answers, in order, also calls that were cut off. The first failure ends the others and is raised."""
    if len(turns) == 1:
        return [await _reply(call, model, turns[0])]
    parts = [replace(call, note={}) for _ in turns]
    tasks = [asyncio.create_task(_reply(part, model, turn)) for part, turn in zip(parts, turns, strict=True)]
    try:
        return [*await asyncio.gather(*tasks)]
    finally:
        await _end(tasks)
        _note(call, parts)


async def _reply(call: Call, model: str, turn: Turn) -> Reply:
    return (await call.services.inference.gathered(call, model, turn)).reply(cut=True)


async def deltas(call: Call, model: str, turns: Sequence[Turn]) -> AsyncGenerator[tuple[int, Delta], None]:
    """The deltas of all answers as they come, each with its answer's place. Closing it stops them all."""
    inference = call.services.inference
    if len(turns) == 1:
        async with aclosing(inference.deltas(call, model, turns[0])) as stream:
            async for delta in stream:
                yield 0, delta
        return
    parts = [replace(call, note={}) for _ in turns]
    streams = [inference.deltas(part, model, turn) for part, turn in zip(parts, turns, strict=True)]
    try:
        async with aclosing(merged(streams)) as both:
            async for item in both:
                yield item
    finally:
        _note(call, parts)


async def merged(streams: Sequence[AsyncGenerator[Delta, None]]) -> AsyncGenerator[tuple[int, Delta], None]:
    """What the streams yield, as it comes; the first exception ends them all."""
    news: asyncio.Queue[tuple[int, Delta | BaseException | None]] = asyncio.Queue(maxsize=len(streams))
    tasks = [asyncio.create_task(_drain(place, stream, news)) for place, stream in enumerate(streams)]
    left = len(tasks)
    try:
        while left:
            place, item = await news.get()
            if item is None:
                left -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield place, item
    finally:
        await _end(tasks)


async def _drain(
    place: int, stream: AsyncGenerator[Delta, None], news: asyncio.Queue[tuple[int, Delta | BaseException | None]]
) -> None:
    try:
        async with aclosing(stream):
            async for delta in stream:
                await news.put((place, delta))
    except Exception as error:
        await news.put((place, error))
    else:
        await news.put((place, None))


async def _end(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _note(call: Call, parts: Sequence[Call]) -> None:
    """What the turns left on their calls, on the request's own."""
    usage: dict[str, int] = {}
    for part in parts:
        call.note = {**part.note, **call.note}
        for name, count in part.note.get("usage", {}).items():
            usage[name] = usage.get(name, 0) + count
    if usage:
        call.note["usage"] = usage
