"""The bounded queue before a model: so many at once, so many waiting, first come first served.

Knows nothing of engines. Lives on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import ThrottlingException

FULL = "Too many requests, please wait before trying again."


class Turnstile:
    """`places` callers in all, of whom `active` are through; whoever goes away frees what they held."""

    def __init__(self, active: int, waiting: int) -> None:
        self.places = active + waiting
        self.taken = 0
        """Callers in all, waiting ones included."""
        self.active = 0
        self.empty = asyncio.Event()
        self.empty.set()
        self._gate = asyncio.Semaphore(active)  # wakes in order of arrival, also when waiters are cancelled

    @property
    def waiting(self) -> int:
        return self.taken - self.active

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place in the building; ThrottlingException where it is full."""
        if self.taken >= self.places:
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
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn and hold it."""
        async with self._gate:
            self.active += 1
            try:
                yield
            finally:
                self.active -= 1
