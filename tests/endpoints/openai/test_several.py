from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from outcrop.endpoints.openai.several import merged, repeated
from outcrop.errors import ThrottlingException
from outcrop.turn import Turn


class Stream:
    """Yields its numbers, then raises or waits for ever; knows whether it was closed."""

    def __init__(self, *numbers: int, then: Exception | str | None = None) -> None:
        self.numbers, self.then, self.closed = numbers, then, False

    async def run(self) -> AsyncGenerator[Any, None]:
        try:
            for number in self.numbers:
                yield {"n": number}
            if isinstance(self.then, Exception):
                raise self.then
            if self.then:
                await asyncio.sleep(3600)
        finally:
            self.closed = True


async def collected(*streams: Stream) -> list[tuple[int, int]]:
    async with aclosing(merged([stream.run() for stream in streams])) as both:
        return [(place, item["n"]) async for place, item in both]


async def test_all_of_all() -> None:
    told = await collected(Stream(1, 2, 3), Stream(), Stream(4))
    assert [item for item in told if item[0] == 0] == [(0, 1), (0, 2), (0, 3)]
    assert (2, 4) in told
    assert len(told) == 4


async def test_the_first_failure_ends_them_all() -> None:
    streams = Stream(1, then="wait"), Stream(then=ThrottlingException("full"))
    with pytest.raises(ThrottlingException):
        await asyncio.wait_for(collected(*streams), 5)
    assert all(stream.closed for stream in streams)


async def test_closing_closes_them_all() -> None:
    streams = Stream(1, 2, then="wait"), Stream(3, then="wait")
    both = merged([stream.run() for stream in streams])
    await anext(both)
    await asyncio.wait_for(both.aclose(), 5)
    assert all(stream.closed for stream in streams)


def test_a_seed_for_each() -> None:
    turn: Turn = {"messages": [], "additionalModelRequestFields": {"seed": 3, "top_k": 1}}
    fields = [one.get("additionalModelRequestFields") for one in repeated(turn, 2)]
    assert fields == [{"seed": 3, "top_k": 1}, {"seed": 4, "top_k": 1}]
    plain: Turn = {"messages": []}
    assert repeated(plain, 2) == [plain, plain]
