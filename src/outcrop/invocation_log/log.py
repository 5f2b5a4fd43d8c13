"""The invocation log: takes records from requests at once, and brings them to disk and to their destinations later.

Knows nothing of handlers. A request pays for making its line and nothing else; whatever goes wrong afterwards is
counted, logged, and tried again from the spool, also after a crash. Delivery is at least once: objects are overwritten
by a second delivery, a log group's file may repeat the last batch before a crash.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import delete, insert, select

from ..call import Call
from ..config import Settings
from ..errors import ServiceError
from ..store.objects import Objects
from ..store.records import Records
from ..store.tables import documents
from ..telemetry import Counts
from . import delivery, record
from .spool import Batch, Spool

log = logging.getLogger("outcrop.invocation_log")

PENDING_LIMIT = 64 << 20
"""Bytes of lines that may wait in memory for the disk."""
SPOOL_LIMIT = 1 << 30
"""Bytes of lines that may wait on disk for their destinations."""
SEAL_SIZE = 8 << 20
"""Bytes after which a batch is delivered at once."""
FLUSH_S = 15.0
"""Seconds after which a batch is delivered, and between tries."""
GATHER_S = 0.05
"""Seconds in which lines gather before they go to disk together: what a kill -9 can cost."""
RELOAD_S = 30.0
"""Seconds after which a configuration put by another server on the same database holds here."""

KIND, NAME = "logging", "modelInvocations"
"""Where the configuration lies in the `documents` table."""


@dataclass(frozen=True, slots=True)
class Destination:
    """How a batch gets there, and CloudWatch's metric for it, without `_success` and `_failure`."""

    deliver: Callable[[Settings, Objects, Mapping[str, Any], Batch], Awaitable[int]]
    metric: str
    help: str


DELIVERIES = {
    "s3Config": Destination(delivery.to_s3, "bedrock_model_invocation_logs_s3_delivery", "Batches of records to S3"),
    "cloudWatchConfig": Destination(
        delivery.to_log_group, "bedrock_model_invocation_logs_cloud_watch_delivery", "Batches of records to a log group"
    ),
}
"""Member of LoggingConfig -> destination."""


class InvocationLog:
    """Made with `open`, which also begins to deliver what an earlier process left."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        objects: Objects,
        registry: CollectorRegistry | None = None,
        flush_s: float = FLUSH_S,
    ) -> None:
        self.settings, self.records, self.objects = settings, records, objects
        self.flush_s = flush_s
        self.config: dict[str, Any] | None = None
        """The LoggingConfig in force; None while logging is off."""
        self.spool = Spool(settings.home / "spool" / "invocations", SPOOL_LIMIT)
        self.counts = Counters(registry or CollectorRegistry())
        self._pending: list[tuple[dict[str, Any], bytes]] = []
        self._pending_size = 0
        self._news, self._full = asyncio.Event(), asyncio.Event()
        self._disk, self._delivering = asyncio.Lock(), asyncio.Lock()
        self._delivered: set[tuple[str, str]] = set()  # (batch, destination), for batches of which another one failed
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        settings: Settings,
        records: Records,
        objects: Objects,
        registry: CollectorRegistry | None = None,
        flush_s: float = FLUSH_S,
    ) -> InvocationLog:
        """Read the configuration and start. `registry` takes the delivery metrics (Telemetry.registry)."""
        made = cls(settings, records, objects, registry, flush_s)
        await made._reload()
        made._tasks = [asyncio.create_task(work()) for work in (made._keep, made._deliver, made._watch)]
        return made

    @property
    def enabled(self) -> bool:
        return self.config is not None

    def record(self, call: Call, error: BaseException | None = None) -> None:
        """Take the record of a finished call. Never waits and never raises; memory is bounded by dropping."""
        if self.config is None:
            return
        try:
            self._take(self.config, record.line(self.settings, self.config, call, _code(error)))
        except Exception:
            self._drop("unreadable", 1)
            log.exception("request %s could not be recorded", call.request_id)

    async def configure(self, config: dict[str, Any] | None) -> None:
        """Keep a LoggingConfig (None turns logging off). Records already taken go where they were to go."""
        async with self.records.write() as db:
            await db.execute(delete(documents).where(documents.c.kind == KIND, documents.c.name == NAME))
            if config is not None:
                await db.execute(insert(documents).values(kind=KIND, name=NAME, body=config))
        self.config = config
        self._full.set()

    async def flush(self) -> None:
        """Bring everything taken so far to its destinations, or leave it in the spool where one fails."""
        await self._write()
        async with self._delivering:
            async with self._disk:
                await asyncio.to_thread(self.spool.seal)
            failed: set[bytes] = set()
            for path in await asyncio.to_thread(self.spool.sealed):
                await self._deliver_one(path, failed)

    async def close(self) -> None:
        """Deliver what there is, for at most `settings.drain_s`; the rest waits in the spool for the next start."""
        try:
            async with asyncio.timeout(self.settings.drain_s):
                await self.flush()
        except TimeoutError:
            log.warning("invocation records wait in %s for the next start", self.spool.folder)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, config: dict[str, Any], line: bytes) -> None:
        if self._pending_size + len(line) > PENDING_LIMIT:
            return self._drop("memory", 1)
        self._pending.append((config, line))
        self._pending_size += len(line)
        self._news.set()

    def _drop(self, reason: str, number: int) -> None:
        if number:
            self.counts.dropped.add((reason,), number)

    async def _keep(self) -> None:
        """Bring pending lines to the spool, soon after they come."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            await self._write()

    async def _write(self) -> None:
        async with self._disk:
            self._news.clear()
            pending, self._pending, self._pending_size = self._pending, [], 0
            for _, group in groupby(pending, key=lambda item: id(item[0])):
                items = list(group)
                await self._append(items[0][0], [line for _, line in items])

    async def _append(self, config: dict[str, Any], lines: list[bytes]) -> None:
        try:
            if await asyncio.to_thread(self.spool.append, config, lines) >= SEAL_SIZE:
                self._full.set()
        except OSError as error:
            self._drop("disk", len(lines))
            log.error("%d invocation records were dropped: %s", len(lines), error)

    async def _deliver(self) -> None:
        while True:
            try:
                await self.flush()
            except Exception:  # a bug must not end deliveries for good
                log.exception("invocation records could not be delivered")
            try:
                await asyncio.wait_for(self._full.wait(), self.flush_s)
            except TimeoutError:
                pass
            self._full.clear()

    async def _deliver_one(self, path: Path, failed: set[bytes]) -> None:
        """`failed` holds the destinations that failed in this round: they are not tried for every batch."""
        batch = await asyncio.to_thread(self.spool.claim, path)
        if batch is None:
            return
        try:
            wanted = [name for name in DELIVERIES if batch.config.get(name)] if batch.lines else []
            if all([await self._to(name, batch, failed) for name in wanted]):
                await asyncio.to_thread(path.unlink)
                self._delivered -= {(batch.name, name) for name in wanted}
                self._drop("torn", batch.torn + (0 if batch.config else len(batch.lines)))
        finally:
            batch.release()

    async def _to(self, destination: str, batch: Batch, failed: set[bytes]) -> bool:
        """Deliver to one destination, once; whether it has the batch now."""
        place = batch.config[destination]
        if (batch.name, destination) in self._delivered:
            return True
        if record.dump(place) in failed:
            return False
        try:
            large = await DELIVERIES[destination].deliver(self.settings, self.objects, place, batch)
        except (ServiceError, OSError) as error:
            failed.add(record.dump(place))
            self.counts.failed[destination].add()
            log.error("invocation records wait in %s: %s", self.spool.folder, error)
            return False
        self.counts.delivered[destination].add()
        self.counts.large.add((), large)
        self._delivered.add((batch.name, destination))
        return True

    async def _watch(self) -> None:
        """Follow changes that another server on the same database made."""
        while True:
            await asyncio.sleep(RELOAD_S)
            try:
                await self._reload()
            except ServiceError as error:
                log.warning("the logging configuration could not be read: %s", error.message)

    async def _reload(self) -> None:
        query = select(documents.c.body).where(documents.c.kind == KIND, documents.c.name == NAME)
        async with self.records.read() as db:
            found = (await db.execute(query)).scalar()
        if found != self.config:  # the same object is kept: records of one configuration share a file
            self.config = found


class Counters:
    def __init__(self, registry: CollectorRegistry) -> None:
        rows = DELIVERIES.items()
        self.delivered = {key: Counts(f"{row.metric}_success", f"{row.help}.") for key, row in rows}
        self.failed = {key: Counts(f"{row.metric}_failure", f"{row.help} that failed.") for key, row in rows}
        self.large = Counts("bedrock_model_invocation_large_data_s3_delivery_success", "Bodies kept as objects.")
        self.dropped = Counts("outcrop_invocation_log_dropped", "Invocation records lost, by reason.", ("reason",))
        for counts in (*self.delivered.values(), *self.failed.values(), self.large, self.dropped):
            registry.register(counts)


def _code(error: BaseException | None) -> str | None:
    """The code that the client saw; a client that left saw none."""
    if isinstance(error, ServiceError):
        return error.code
    return "InternalServerException" if isinstance(error, Exception) else None
