"""Reading many texts leaves the loop to others now and then."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from outcrop.engines import vectors
from outcrop.engines.endpoint import KINDS, Endpoint


async def test_many_short_texts_let_others_in() -> None:
    words: Any = SimpleNamespace(ids=lambda text: [1, 2])
    endpoint = Endpoint("http://none", KINDS["llama"], words=words)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    http: Any = None
    inputs, cut = await vectors._inputs(http, endpoint, ["x" * 1000] * 200, 8, vectors.NONE)
    task.cancel()
    assert (len(inputs), cut) == (200, {})
    assert turns >= 200_000 // vectors.LONG_TEXT
