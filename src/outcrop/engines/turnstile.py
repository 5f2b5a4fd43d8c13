"""The bounded queue before a model: so many at once, so much context at once, first come first served.

Knows nothing of engines. Lives on one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import ThrottlingException

FULL = "Too many requests, please wait before trying again."


class Turnstile:
    """`slots` callers are through at a time, `waiting` more may wait; whoever goes away frees what they held."""

    def __init__(self, slots: int, waiting: int) -> None:
        self.slots, self.places = slots, slots + waiting
        self.room = 0
        """Tokens of context that the active callers share; 0 where each has its own."""
        self.taken = 0
        """Callers in all, waiting ones included."""
        self.active = 0
        self.used = 0
        self.reserved = 0
        """Slots that are kept for callers who have reserved; all others share the rest."""
        self._reserving = 0
        self.empty = asyncio.Event()
        self.empty.set()
        self._queues: dict[bool, deque[tuple[asyncio.Future[None], int]]] = {True: deque(), False: deque()}
        """Who waits: those who have reserved, who go first, and the others."""

    @property
    def waiting(self) -> int:
        return self.taken - self.active

    @asynccontextmanager
    async def place(self, reserved: bool = False) -> AsyncIterator[None]:
        """A place in the building; ThrottlingException where it is full, but for those who have reserved."""
        if self.taken >= self.places and not reserved:
            raise ThrottlingException(FULL)
        self.taken += 1
        self.empty.clear()
        try:
            yield
        finally:
            self.taken -= 1
            if not self.taken:
                self.empty.set()

    @asynccontextmanager
    async def turn(self, tokens: int = 0, reserved: bool = False) -> AsyncIterator[None]:
        """Wait for one's turn and hold it, with `tokens` of the shared room (all of it at most)."""
        await self._enter(tokens, reserved)
        try:
            yield
        finally:
            self._leave(tokens, reserved)

    async def _enter(self, tokens: int, reserved: bool) -> None:
        if not self._queues[True] and not self._queues[reserved] and self._fits(tokens, reserved):
            self._take(tokens, reserved)
            return
        wake = asyncio.get_running_loop().create_future()
        self._queues[reserved].append((wake, tokens))
        try:
            await wake
        except asyncio.CancelledError:
            if wake.cancelled():
                self._queues[reserved].remove((wake, tokens))
                self._wake()
            else:  # the turn was given in the very moment we were cancelled: pass it on
                self._leave(tokens, reserved)
            raise

    def _fits(self, tokens: int, reserved: bool) -> bool:
        """Room for one more; one alone always fits, whatever it asks for."""
        kept = 0 if reserved else max(0, min(self.reserved, self.slots - 1) - self._reserving)
        room = not self.room or not self.active or self.used + tokens <= self.room
        return self.active < self.slots - kept and room

    def _take(self, tokens: int, reserved: bool) -> None:
        self.active += 1
        self._reserving += reserved
        self.used += tokens

    def _leave(self, tokens: int, reserved: bool) -> None:
        self.active -= 1
        self._reserving -= reserved
        self.used -= tokens
        self._wake()

    def _wake(self) -> None:
        """Let in whoever is next, as long as they fit; a big one at the head holds the others: no one starves."""
        for reserved, queue in self._queues.items():
            while queue and self._fits(queue[0][1], reserved):
                wake, tokens = queue.popleft()
                self._take(tokens, reserved)
                wake.set_result(None)
            if queue:
                return
