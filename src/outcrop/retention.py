"""Forgets what has ended long ago: answers that were kept to be read again, invocations that were done. Beside that it
runs the sweeps of those whose things say themselves how long they stay.

Knows the kinds of resources it is given, and for each how to tell whether a body may go.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .errors import ServiceError
from .store.resources import Resources

EVERY_S = 3600
DAY_MS = 24 * 3600 * 1000

log = logging.getLogger("outcrop.retention")


Sweep = Callable[[], Awaitable[int]]
"""Deletes what is over; returns how many that were."""


class Retention:
    """Looks through the resources at its beginning and every hour. `days` is their age; 0 keeps them for ever."""

    def __init__(
        self,
        resources: Resources,
        days: int,
        ended: Mapping[str, Callable[[dict[str, Any]], bool]],
        others: Sequence[Sweep] = (),
    ) -> None:
        self._resources, self._days, self._ended = resources, days, ended
        self._sweeps: list[Sweep] = [*([self.sweep] if days > 0 else []), *others]
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._sweeps:
            self._task = asyncio.create_task(self._run(), name="retention")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            for sweep in self._sweeps:
                await _tried(sweep)
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> int:
        """Delete what is over and old; returns how many that were."""
        before, count = time.time_ns() // 1_000_000 - self._days * DAY_MS, 0
        for kind, ended in self._ended.items():
            async for batch in self._resources.before(kind, before):
                gone = [resource.id for resource in batch if ended(resource.body)]
                await self._resources.forget(kind, gone)
                count += len(gone)
        if count:
            log.info("%d resources of more than %d days are gone", count, self._days)
        return count


async def _tried(sweep: Sweep) -> None:
    """What one sweep meets does not keep the others from theirs."""
    try:
        await sweep()
    except ServiceError as error:  # the database is away: later is soon enough
        log.warning("nothing could be forgotten: %s", error.message)
    except Exception:
        log.exception("nothing could be forgotten")
