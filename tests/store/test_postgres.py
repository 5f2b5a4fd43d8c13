"""The same promises on a real Postgres, where the machine has one to start."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text

from outcrop.errors import ServiceUnavailableException
from outcrop.keys import Keys
from outcrop.store.records import Records
from outcrop.store.tables import documents, metadata

pytest.importorskip("asyncpg")
USER = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of our own, without its database."""
    if not shutil.which("initdb") or not shutil.which("pg_ctl"):
        pytest.skip("no Postgres on this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(mkdtemp(prefix="outcrop-pg"))
    if USER:
        shutil.chown(folder, USER)
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
    _pg("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "outcrop")
    _pg("pg_ctl", "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql://outcrop@127.0.0.1:{port}"
    _pg("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop")
    shutil.rmtree(folder)


def _pg(*command: str) -> None:
    subprocess.run(command, check=True, user=USER, cwd="/", stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture
async def url(server: str) -> AsyncIterator[str]:
    """A fresh database."""
    main = await Records.open(f"{server}/postgres")
    name = f"test_{os.urandom(4).hex()}"
    async with main.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as db:
        await db.execute(text(f"CREATE DATABASE {name}"))
    await main.close()
    yield f"{server}/{name}"


async def test_callers_that_open_a_fresh_database_at_once_share_one_first_key(url: str, tmp_path: Path) -> None:
    opened = await asyncio.gather(*(Records.open(url) for _ in range(4)))
    keys = [await Keys.open(records, tmp_path) for records in opened]
    firsts = await asyncio.gather(*(each.ensure_first() for each in keys))
    assert firsts[0] is not None and set(firsts) == {firsts[0]}
    async with opened[0].read() as db:
        assert await db.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata)) == []
    for records in opened:
        await records.close()


async def test_writers_take_turns_and_readers_see_one_state(url: str) -> None:
    first, second = await asyncio.gather(Records.open(url), Records.open(url))
    count = select(func.count()).select_from(documents)

    async def add(records: Records) -> None:
        async with records.write() as db:
            name = str(await db.scalar(count))
            await db.execute(insert(documents).values(kind="test", name=name, body=1))

    async with first.read() as db:
        assert await db.scalar(count) == 0
        await asyncio.gather(*(add(records) for records in (first, second) for _ in range(2)))
        assert await db.scalar(count) == 0
    async with second.read() as db:
        assert await db.scalar(count) == 4
    await first.close()
    await second.close()


async def test_a_server_that_is_gone_is_told_without_the_password() -> None:
    with pytest.raises(ServiceUnavailableException) as refusal:
        await Records.open("postgresql://me:hunter2@127.0.0.1:1/outcrop")
    assert "127.0.0.1:1/outcrop" in refusal.value.message and "hunter2" not in refusal.value.message
