"""Moves encoded events from an iterator to a client: as many at a time as are ready, few enough to stay bounded.

Knows nothing of HTTP or of the frames' format. A send through the server costs as much as five events, so events that
are ready together leave together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any

MOST_WAITING = 256
"""Encoded events that may wait for a slow client before the iterator is held back."""


class Pump:
    """Reads `events` in a task of its own. Leaving the block ends the task and closes the iterator, at once.

    `fail` turns an exception of the iterator into the stream's last frame.
    """

    def __init__(
        self, events: AsyncIterator[Any], encode: Callable[[Any], bytes], fail: Callable[[Exception], bytes]
    ) -> None:
        self._events, self._encode, self._fail = events, encode, fail
        self._frames: list[bytes] = []
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._done = False
        self.error: Exception | None = None

    async def __aenter__(self) -> Pump:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def first(self) -> None:
        """Wait for the first event. Raises the iterator's exception when that comes before any event."""
        await self._news.wait()
        if self.error is not None and not self._frames:
            raise self.error

    async def batches(self) -> AsyncIterator[bytes]:
        """The frames, all that are ready at a time; the last one tells of an error."""
        while self._frames or not self._done:
            await self._news.wait()
            self._news.clear()
            ready, self._frames = self._frames, []
            self._room.set()
            if ready:
                yield b"".join(ready)
        if self.error is not None:
            yield self._fail(self.error)

    async def _run(self) -> None:
        try:
            async for event in self._events:
                self._frames.append(self._encode(event))
                self._news.set()
                if len(self._frames) >= MOST_WAITING:
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:
            self.error = error
        finally:
            self._done = True
            self._news.set()
            await _close(self._events)


async def _close(events: AsyncIterator[Any]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()
