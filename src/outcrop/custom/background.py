"""Work that goes on behind an answered request, until it is done or the service closes.

Knows nothing of what the work is: each piece keeps its own state in the records, where the next server finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Tasks by key; a key that is started again takes the place of the one that runs."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        self.stop(key)
        task = self._tasks[key] = asyncio.create_task(work, name=key)
        task.add_done_callback(lambda done: self._tasks.pop(key) if self._tasks.get(key) is done else None)

    def stop(self, key: str) -> None:
        if task := self._tasks.pop(key, None):
            task.cancel()

    async def end(self, key: str) -> None:
        """Stop it, and wait until it has stopped."""
        task = self._tasks.get(key)
        self.stop(key)
        if task:
            await asyncio.gather(task, return_exceptions=True)

    async def wait(self, key: str) -> None:
        """Until its work is over, however it ends."""
        if task := self._tasks.get(key):
            await asyncio.wait({task})

    async def close(self) -> None:
        """End all work where it is."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
