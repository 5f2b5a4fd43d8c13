"""What callers make through an API and ask for again: jobs, invocations, stored answers, files.

Knows nothing of what a body means; each kind's owner does. A body is JSON and small (a large one belongs in objects).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select

from ..errors import ConflictException, ResourceNotFoundException, ServiceUnavailableException
from .records import Records
from .tables import resources as table

Body = dict[str, Any]
TRIES, PAUSE_S = 10, 0.5
"""How often `insist` tries again, and the pause between."""

log = logging.getLogger("outcrop.records")


@dataclass(frozen=True, slots=True)
class Resource:
    """One stored thing. `created` is milliseconds since the epoch."""

    kind: str
    id: str
    body: Body
    name: str | None
    token: str | None
    created: int


class Resources:
    """Keeps resources of any kind. Safe for any number of callers and processes at once."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def create(
        self, kind: str, id: str, body: Body, *, name: str | None = None, token: str | None = None
    ) -> Resource:
        """Keep a new resource and return it; or the one that `token` made before (its id is then not `id`).

        ConflictException when the id or the name is taken in its kind.
        """
        made = Resource(kind, id, body, name, token, time.time_ns() // 1_000_000)
        async with self._records.write() as db:  # writers take turns: what is looked up here still holds at the insert
            if token is not None and (earlier := await _one(db, _where(kind, token=token))):
                return earlier
            if await _one(db, _where(kind, id=id)) or (name is not None and await _one(db, _where(kind, name=name))):
                raise ConflictException(f"{name or id} exists already.")
            await db.execute(insert(table).values(**{column: getattr(made, column) for column in COLUMNS}))
        return made

    async def get(self, kind: str, id: str) -> Resource:
        """ResourceNotFoundException where there is none."""
        return _found(await self.find(kind, id), id)

    async def find(self, kind: str, id: str) -> Resource | None:
        async with self._records.read() as db:
            return await _one(db, _where(kind, id=id))

    async def named(self, kind: str, name: str) -> Resource | None:
        async with self._records.read() as db:
            return await _one(db, _where(kind, name=name))

    async def with_token(self, kind: str, token: str) -> Resource | None:
        async with self._records.read() as db:
            return await _one(db, _where(kind, token=token))

    async def list(self, kind: str) -> list[Resource]:
        """All of a kind, the newest first."""
        query = _where(kind).order_by(table.c.created.desc(), table.c.id.desc())
        async with self._records.read() as db:
            return [_resource(row) for row in await db.execute(query)]

    async def before(self, kind: str, created: int, size: int = 200) -> AsyncGenerator[list[Resource], None]:
        """Those made before `created` (milliseconds since the epoch), the oldest first, a batch at a time."""
        place = (0, "")
        after = tuple_(table.c.created, table.c.id)
        while True:
            query = _where(kind).where(table.c.created < created, after > tuple_(*place)).limit(size)
            async with self._records.read() as db:
                batch = [_resource(row) for row in await db.execute(query.order_by(table.c.created, table.c.id))]
            if not batch:
                return
            yield batch
            place = (batch[-1].created, batch[-1].id)

    async def change(self, kind: str, id: str, edit: Callable[[Body], Body]) -> Resource:
        """Replace the body by `edit(body)`; nobody else writes in between. What `edit` raises leaves it as it was."""
        async with self._records.write() as db:
            old = _found(await _one(db, _where(kind, id=id)), id)
            body = edit(old.body)
            await db.execute(update(table).where(table.c.kind == kind, table.c.id == id).values(body=body))
        return Resource(kind, id, body, old.name, old.token, old.created)

    async def insist(self, kind: str, id: str, edit: Callable[[Body], Body]) -> None:
        """`change` for work that nobody waits for: a database that is busy for a moment is asked again."""
        for _ in range(TRIES):
            try:
                await self.change(kind, id, edit)
                return
            except ServiceUnavailableException as error:
                log.warning("the state of %s %s could not be kept yet: %s", kind, id, error.message)
                await asyncio.sleep(PAUSE_S)
        await self.change(kind, id, edit)

    async def rename(self, kind: str, id: str, name: str) -> None:
        """Give a resource another name. ConflictException when it is taken in its kind."""
        async with self._records.write() as db:
            old = _found(await _one(db, _where(kind, id=id)), id)
            if name != old.name and await _one(db, _where(kind, name=name)):
                raise ConflictException(f"{name} exists already.")
            await db.execute(update(table).where(table.c.kind == kind, table.c.id == id).values(name=name))

    async def forget(self, kind: str, ids: Sequence[str]) -> None:
        """Delete those that are there."""
        if ids:
            async with self._records.write() as db:
                await db.execute(delete(table).where(table.c.kind == kind, table.c.id.in_(ids)))

    async def delete(self, kind: str, id: str) -> None:
        """ResourceNotFoundException where there is none."""
        async with self._records.write() as db:
            gone = await db.execute(delete(table).where(table.c.kind == kind, table.c.id == id))
            if not gone.rowcount:
                raise _absent(id)


COLUMNS = ("kind", "id", "body", "name", "token", "created")


def _where(kind: str, **values: str) -> Select[Any]:
    columns = [table.c[column] for column in COLUMNS]
    return select(*columns).where(table.c.kind == kind, *(table.c[name] == value for name, value in values.items()))


async def _one(db: AsyncConnection, query: Select[Any]) -> Resource | None:
    row = (await db.execute(query)).first()
    return None if row is None else _resource(row)


def _resource(row: Any) -> Resource:
    return Resource(*row)


def _found(resource: Resource | None, id: str) -> Resource:
    if resource is None:
        raise _absent(id)
    return resource


def _absent(id: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"{id} does not exist.")
