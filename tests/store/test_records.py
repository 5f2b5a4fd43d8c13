"""The database: two processes at once, kills, full disks, locks and damage first; then what it keeps."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from outcrop.errors import ServiceUnavailableException
from outcrop.store import records as module
from outcrop.store.records import Records
from outcrop.store.tables import HEAD, access_keys, aliases, documents, metadata, models


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    opened = await Records.open(url(tmp_path / "outcrop.db"))
    yield opened
    await opened.close()


async def put(records: Records, name: str, body: object = None) -> None:
    async with records.write() as db:
        await db.execute(insert(documents).values(kind="test", name=name, body=body))


async def names(records: Records) -> list[str]:
    async with records.read() as db:
        return list(await db.scalars(select(documents.c.name).order_by(documents.c.name)))


def child(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "error", "-c", PREAMBLE + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


PREAMBLE = """
import asyncio, sys
from sqlalchemy import insert
from outcrop.store.records import Records
from outcrop.store.tables import documents
async def put(records, name, body=None):
    async with records.write() as db:
        await db.execute(insert(documents).values(kind="test", name=name, body=body))
"""

OPEN = """
async def main():
    records = await Records.open(sys.argv[1])
    await put(records, sys.argv[2])
    await records.close()
asyncio.run(main())
"""


async def test_processes_that_open_a_fresh_database_at_once_all_succeed(tmp_path: Path) -> None:
    where = url(tmp_path / "new" / "outcrop.db")
    children = [child(OPEN, where, number) for number in range(4)]
    said = [process.communicate(timeout=60) for process in children]
    assert [process.returncode for process in children] == [0] * 4, said
    records = await Records.open(where)
    assert await names(records) == ["0", "1", "2", "3"]
    await records.close()


async def test_callers_that_open_a_fresh_database_at_once_all_succeed(tmp_path: Path) -> None:
    opened = await asyncio.gather(*(Records.open(url(tmp_path / "outcrop.db")) for _ in range(4)))
    await asyncio.gather(*(put(records, str(n)) for n, records in enumerate(opened)))
    assert await names(opened[0]) == ["0", "1", "2", "3"]
    for records in opened:
        await records.close()


WRITE_FOREVER = """
async def main():
    records = await Records.open(sys.argv[1])
    for number in range(10**9):
        await put(records, f"{number:09}", "x" * 5000)
        print(number, flush=True)
asyncio.run(main())
"""


async def test_what_was_said_to_be_written_survives_a_kill(tmp_path: Path) -> None:
    where = tmp_path / "outcrop.db"
    with child(WRITE_FOREVER, url(where)) as process:
        assert process.stdout
        for _ in range(30):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        last = max([last, *map(int, process.stdout.read().split())])
    records = await Records.open(url(where))
    kept = await names(records)
    assert kept[: last + 1] == [f"{number:09}" for number in range(last + 1)]
    assert len(kept) <= last + 2  # the one in flight, or not
    async with records.read() as db:
        assert (await db.exec_driver_sql("PRAGMA integrity_check")).scalar() == "ok"
    await records.close()


async def test_a_migration_killed_half_way_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = module._upgrade

    def broken(connection, place) -> None:
        upgrade(connection, place)
        raise RuntimeError

    monkeypatch.setattr(module, "_upgrade", broken)
    with pytest.raises(RuntimeError):
        await Records.open(url(tmp_path / "outcrop.db"))
    with sqlite3.connect(tmp_path / "outcrop.db") as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()
    monkeypatch.undo()
    await (await Records.open(url(tmp_path / "outcrop.db"))).close()


FILL = """
import resource
async def main():
    records = await Records.open(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        for number in range(1000):
            await put(records, str(number), "x" * 5000)
            print(number, flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
asyncio.run(main())
"""


async def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    where = tmp_path / "outcrop.db"
    out, err = child(FILL, url(where)).communicate(timeout=60)
    *written, failure = out.decode().splitlines()
    assert failure.startswith(f"ServiceUnavailableException The database {where} cannot be used:"), err
    assert "disk" in failure.lower() and written
    records = await Records.open(url(where))
    assert len(await names(records)) == len(written)
    await put(records, "room again")
    await records.close()


async def test_a_disk_full_at_the_first_start_is_told(tmp_path: Path) -> None:
    code = FILL.replace(
        "    records = ", "    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))\n    records = "
    )
    out, err = child(code, url(tmp_path / "outcrop.db")).communicate(timeout=60)
    assert b"ServiceUnavailableException" in err and str(tmp_path / "outcrop.db").encode() in err, (out, err)


async def test_a_locked_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 100)
    records = await Records.open(url(tmp_path / "outcrop.db"))
    other = sqlite3.connect(tmp_path / "outcrop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await names(records) == []  # readers do not wait for a writer
    with pytest.raises(ServiceUnavailableException, match=rf"{tmp_path}/outcrop\.db.*locked.*close that program"):
        await put(records, "a")
    other.execute("ROLLBACK")
    other.close()
    await put(records, "a")
    await records.close()


async def test_a_file_that_is_no_database_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "outcrop.db").write_bytes(b"this is a letter to my aunt" * 100)
    with pytest.raises(ServiceUnavailableException, match=rf"{tmp_path}/outcrop\.db.*not a database"):
        await Records.open(url(tmp_path / "outcrop.db"))
    assert (tmp_path / "outcrop.db").read_bytes().startswith(b"this is a letter")


async def test_a_path_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "outcrop.db", tmp_path):
        with pytest.raises(ServiceUnavailableException, match=str(path)):
            await Records.open(url(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_file_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    await (await Records.open(url(tmp_path / "outcrop.db"))).close()
    (tmp_path / "outcrop.db").chmod(0o400)
    with pytest.raises(ServiceUnavailableException, match="not writable"):
        await Records.open(url(tmp_path / "outcrop.db"))


async def test_a_database_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    await (await Records.open(url(tmp_path / "outcrop.db"))).close()
    with sqlite3.connect(tmp_path / "outcrop.db") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    with pytest.raises(ServiceUnavailableException, match=rf"{tmp_path}/outcrop\.db was made by a newer Outcrop"):
        await Records.open(url(tmp_path / "outcrop.db"))


@pytest.mark.parametrize("bad", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite://"])
async def test_urls_that_cannot_be_served_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="database_url"):
        await Records.open(bad)


async def test_postgres_without_its_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ServiceUnavailableException, match=r'pip install "outcrop\[postgres\]"'):
        await Records.open("postgresql://me:secret@127.0.0.1:1/outcrop")


async def test_a_failed_write_leaves_nothing(records: Records) -> None:
    await put(records, "a")
    with pytest.raises(IntegrityError):
        async with records.write() as db:
            await db.execute(insert(documents).values(kind="test", name="b", body=1))
            await db.execute(insert(documents).values(kind="test", name="a", body=1))
    assert await names(records) == ["a"]


async def test_a_callers_own_error_is_not_the_databases(records: Records) -> None:
    for error in (FileNotFoundError("mine"), TimeoutError("mine"), ValueError("mine")):
        for transaction in (records.read, records.write):
            with pytest.raises(type(error), match="mine"):
                async with transaction():
                    raise error


async def test_a_cancelled_write_leaves_nothing_and_frees_the_lock(records: Records) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with records.write() as db:
            await db.execute(insert(documents).values(kind="test", name="a", body=1))
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await put(records, "b")
    assert await names(records) == ["b"]


async def test_who_was_cancelled_may_write_before_the_cancellation_is_forgotten(records: Records) -> None:
    """Its traceback holds the cursor of the statement that was cut off, and SQLite a closed connection, with its lock,
    as long as there is such a statement."""
    begun = asyncio.Event()
    count = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n"
    )

    async def cut_off() -> None:
        try:
            async with records.write() as db:
                begun.set()
                await db.execute(count)
        except asyncio.CancelledError:
            await put(records, "b")
            raise

    task = asyncio.create_task(cut_off())
    await begun.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert await names(records) == ["b"]


async def test_writers_that_read_first_do_not_lose_updates(records: Records) -> None:
    await put(records, "count", 0)
    where = documents.c.name == "count"

    async def add() -> None:
        async with records.write() as db:
            now = await db.scalar(select(documents.c.body).where(where))
            await db.execute(documents.update().where(where).values(body=now + 1))

    await asyncio.gather(*(add() for _ in range(20)))
    async with records.read() as db:
        assert await db.scalar(select(documents.c.body).where(where)) == 20


async def test_a_reader_sees_one_state(records: Records) -> None:
    async with records.read() as db:
        before = await db.scalar(select(func.count()).select_from(documents))
        await put(records, "a")
        assert await db.scalar(select(func.count()).select_from(documents)) == before
    assert await names(records) == ["a"]


async def test_a_current_database_opens_without_alembic(tmp_path: Path) -> None:
    code = """
async def main():
    records = await Records.open(sys.argv[1])
    await records.close()
    print("alembic" in sys.modules)
asyncio.run(main())
"""
    said = [child(code, url(tmp_path / "outcrop.db")).communicate(timeout=60)[0] for _ in range(2)]
    assert said == [b"True\n", b"False\n"]


async def test_a_restored_backup_is_put_in_wal_mode_again(tmp_path: Path) -> None:
    await (await Records.open(url(tmp_path / "outcrop.db"))).close()
    with sqlite3.connect(tmp_path / "outcrop.db") as db:
        assert db.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    db.close()
    records = await Records.open(url(tmp_path / "outcrop.db"))
    async with records.read() as connection:
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
        assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar() == 1
    await records.close()


async def test_the_files_are_closed_to_other_users(records: Records, tmp_path: Path) -> None:
    await put(records, "a")
    modes = {name: os.stat(tmp_path / name).st_mode & 0o777 for name in os.listdir(tmp_path)}
    assert modes.keys() >= {"outcrop.db", "outcrop.db-wal"}
    assert set(modes.values()) == {0o600}


async def test_migrations_tables_and_head_agree(records: Records) -> None:
    script = ScriptDirectory.from_config(_config())
    assert script.get_current_head() == HEAD
    async with records.read() as db:
        assert await db.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata)) == []


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "outcrop.store:migrations")
    return config


async def test_every_table_keeps_what_it_is_given(records: Records) -> None:
    began = int(time.time())
    async with records.write() as db:
        await db.execute(insert(models).values(id="m", body={"a": [1, None, "é"]}))
        await db.execute(insert(aliases).values(name="x", model_id="m"))
        await db.execute(insert(access_keys).values(id="k", kind="iam", name="n", sealed=b"\0\1"))
    async with records.read() as db:
        assert (await db.execute(select(models.c.body))).scalar() == {"a": [1, None, "é"]}
        assert (await db.execute(select(aliases.c.model_id))).scalar() == "m"
        assert (await db.execute(select(access_keys.c.sealed, access_keys.c.revoked))).one() == (b"\0\1", None)
        assert began <= (await db.execute(select(models.c.created))).scalar_one() <= time.time()
