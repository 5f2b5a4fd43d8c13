"""The database: SQLite in a file, or Postgres by URL, always at the schema version this code expects.

Knows nothing of what the rows mean.

    async with records.read() as db:  rows = await db.execute(select(...))
    async with records.write() as db: await db.execute(insert(...))        # commits at the end, rolls back on an error
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ..errors import ServiceUnavailableException
from .files import locked_while_awaiting
from .tables import HEAD

BUSY_TIMEOUT_MS = 5000
POSTGRES_LOCK = 0x6F757463726F70  # "outcrop": any number that no other program takes


class Records:
    """An open database. `engine` is SQLAlchemy's own; prefer `read()` and `write()`, which translate failures.

    A transaction opened straight on `engine` begins as SQLAlchemy does it; on SQLite as a `write`.
    """

    def __init__(self, url: URL, engine: AsyncEngine) -> None:
        self.engine = engine
        self.place = url.database or "" if _is_sqlite(url) else url.render_as_string(hide_password=True)

    @classmethod
    async def open(cls, url: str) -> Records:
        """Connect and migrate to head. A current database costs one query and does not import alembic.

        Raises ServiceUnavailableException, which names the file, when the database is locked, not writable, damaged,
        or was made by a newer Outcrop; ValueError for a URL that cannot be served.
        """
        parsed = _parse(url)
        if _is_sqlite(parsed):
            _create_file(Path(parsed.database or ""))
        records = cls(parsed, _engine(parsed))
        try:
            if await records._version() != HEAD:
                await records._migrate()
        except BaseException:
            await records.close()
            raise
        return records

    async def close(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which all reads see one state of the database."""
        async with self._connection(MODES[self.engine.dialect.name]["read"]) as db:
            yield db

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose changes are kept together at the end, or not at all.

        Writers take turns, in all processes, so that what is read here still holds when it is written. Keep it short.
        """
        async with self._connection(MODES[self.engine.dialect.name]["write"]) as db:
            yield db
            await db.commit()

    @asynccontextmanager
    async def _connection(self, mode: dict[str, Any]) -> AsyncIterator[AsyncConnection]:
        begun = False
        try:
            async with self.engine.connect() as db:
                await db.execution_options(**mode)
                await db.begin()  # here, not at the first statement: alembic commits unless it finds a transaction
                begun = True
                yield db
        except (IntegrityError, ProgrammingError):  # ours to handle or to mend, not the database's state
            raise
        except DBAPIError as error:
            raise self._unavailable(error) from error
        except (OSError, PoolTimeout) as error:
            if begun:  # the caller's own
                raise
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> ServiceUnavailableException:
        reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        hint = next((hint for sign, hint in HINTS.items() if sign in reason), "")
        return ServiceUnavailableException(f"The database {self.place} cannot be used: {reason}.{hint}")

    async def _version(self) -> str | None:
        """The schema version stored in the database; None for a new one or one that still has to be prepared."""
        async with self.read() as db:
            if not await db.run_sync(_is_prepared):
                return None
            return (await db.execute(text("SELECT version_num FROM alembic_version"))).scalar()

    async def _migrate(self) -> None:
        """Bring the schema to head. Two processes at once take turns; the second finds nothing left to do."""
        sqlite = self.engine.dialect.name == "sqlite"
        async with locked_while_awaiting(Path(f"{self.place}.lock")) if sqlite else nullcontext():
            if sqlite:
                await self._use_wal()
            async with self.write() as db:
                await db.run_sync(_upgrade, self.place)

    async def _use_wal(self) -> None:
        """Readers and the writer no longer wait for each other. The file remembers it."""
        async with self._connection({"outcrop_begin": None}) as db:
            await db.execute(text("PRAGMA journal_mode=WAL"))


MODES: dict[str, dict[str, dict[str, Any]]] = {
    "sqlite": {"read": {"outcrop_begin": "BEGIN"}, "write": {"outcrop_begin": "BEGIN IMMEDIATE"}},
    "postgresql": {
        "read": {"isolation_level": "REPEATABLE READ"},
        "write": {"outcrop_begin": f"SELECT pg_advisory_xact_lock({POSTGRES_LOCK})"},
    },
}
"""How each kind of transaction begins: `outcrop_begin` is the statement that `_begin` runs."""

HINTS = {
    "locked": " Another program holds it; close that program and try again.",
    "readonly": " The file or its folder is not writable.",
    "Permission denied": " The file or its folder is not writable.",
    "unable to open": " The file or its folder is missing or not accessible.",
    "full": " Free some disk space.",
    "disk I/O": " The disk is full or failing.",
    "not a database": " The file is damaged or is something else.",
    "malformed": " The file is damaged: restore it from a backup.",
}


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _parse(url: str) -> URL:
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    if parsed.get_backend_name() not in drivers:
        raise ValueError(f"database_url: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")
    if _is_sqlite(parsed) and parsed.database in (None, "", ":memory:"):
        raise ValueError("database_url: a database in memory would forget every key; name a file")
    return parsed.set(drivername=drivers[parsed.get_backend_name()])


def _create_file(path: Path) -> None:
    """The file and its folder, closed to other users; SQLite gives its journals the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ServiceUnavailableException(f"The database {path} cannot be used: {error}.") from error


def _engine(url: URL) -> AsyncEngine:
    if not _is_sqlite(url):
        return _postgres(url)
    how = {"timeout": BUSY_TIMEOUT_MS / 1000, "isolation_level": None, "factory": _Connection}
    engine = create_async_engine(url, connect_args=how)
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine.execution_options(**MODES["sqlite"]["write"])


def _postgres(url: URL) -> AsyncEngine:
    try:
        engine = create_async_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise ServiceUnavailableException('Postgres needs a driver: pip install "outcrop[postgres]"') from error
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


class _Connection(sqlite3.Connection):
    """A connection whose transaction ends with it.

    SQLite keeps a closed one, and its locks, until its last statement is gone: who is cancelled in the middle of a
    statement holds that by the traceback, and would wait for a lock of its own.
    """

    def close(self) -> None:
        try:
            if self.in_transaction:
                self.rollback()
        finally:
            super().close()


def _configure_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """SQLite's driver, left to itself (isolation_level other than None), begins late and then upgrades its lock."""
    if statement := connection.get_execution_options().get("outcrop_begin"):
        connection.exec_driver_sql(statement)


def _is_prepared(connection: Connection) -> bool:
    """Whether migrations have run, and for SQLite whether the file is in WAL mode (a restored backup may not be)."""
    if connection.dialect.name != "sqlite":
        return connection.dialect.has_table(connection, "alembic_version")
    wal = connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    return wal and connection.dialect.has_table(connection, "alembic_version")


def _upgrade(connection: Connection, place: str) -> None:
    from alembic import command  # 0.1 s: only when there is something to migrate
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "outcrop.store:migrations")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ServiceUnavailableException(
            f"The database {place} was made by a newer Outcrop (this one knows schema {HEAD}): {error}. "
            "Upgrade Outcrop, or use another database."
        ) from error
