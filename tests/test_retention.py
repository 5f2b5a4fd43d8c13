"""What has ended long ago goes, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from outcrop.errors import ResourceNotFoundException, ServiceUnavailableException
from outcrop.retention import DAY_MS, Retention
from outcrop.store.records import Records
from outcrop.store.resources import Resources
from outcrop.store.tables import resources as table
from tests.engines.test_process import eventually

ENDED = {"answer": lambda body: body["done"]}


async def aged(resources: Resources, kind: str, id: str, days: float, done: bool = True) -> None:
    await resources.create(kind, id, {"done": done})
    made = round(time.time() * 1000 - days * DAY_MS)
    async with resources._records.write() as db:
        await db.execute(update(table).where(table.c.kind == kind, table.c.id == id).values(created=made))


async def there(resources: Resources, kind: str) -> set[str]:
    return {resource.id for resource in await resources.list(kind)}


@pytest.fixture
async def resources(tmp_path: Path) -> AsyncIterator[Resources]:
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path / 'outcrop.db'}")
    yield Resources(records)
    await records.close()


async def test_what_is_old_and_over_goes(resources):
    for id, days, done in (("old", 31, True), ("young", 29, True), ("under-way", 31, False)):
        await aged(resources, "answer", id, days, done)
    await aged(resources, "job", "old", 400)
    assert await Retention(resources, 30, ENDED).sweep() == 1
    assert await there(resources, "answer") == {"young", "under-way"} and await there(resources, "job") == {"old"}


async def test_more_than_a_batch_goes_in_one_sweep(resources):
    for number in range(450):
        await resources.create("answer", f"a{number}", {"done": number % 3 > 0})
    async with resources._records.write() as db:
        await db.execute(update(table).values(created=1))  # all in the same moment: batches are cut by id
    assert await Retention(resources, 1, ENDED).sweep() == 300
    assert len(await there(resources, "answer")) == 150


async def test_two_may_sweep_at_once(resources):
    for number in range(50):
        await aged(resources, "answer", f"a{number}", 2)
    await asyncio.gather(*(Retention(resources, 1, ENDED).sweep() for _ in range(3)))
    assert await there(resources, "answer") == set()


async def test_it_begins_at_the_start_and_zero_days_keep_all(resources):
    await aged(resources, "answer", "old", 400)
    for days, left in ((0, {"old"}), (30, set())):
        retention = Retention(resources, days, ENDED)
        retention.begin()
        await asyncio.sleep(0 if days else 1)
        async with asyncio.timeout(20):
            while await there(resources, "answer") != left:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await retention.close()


async def test_a_database_that_is_away_ends_nothing(resources, monkeypatch, caplog):
    async def away(*_):
        raise ServiceUnavailableException("busy")
        yield

    monkeypatch.setattr(resources, "before", away)
    retention = Retention(resources, 30, ENDED)
    retention.begin()
    await eventually(lambda: "busy" in caplog.text)
    await asyncio.sleep(0.05)
    assert retention._task is not None and not retention._task.done()
    await retention.close()


async def test_forgetting_what_is_not_there_is_no_error(resources):
    await resources.forget("answer", [])
    await resources.forget("answer", ["x"])
    with pytest.raises(ResourceNotFoundException):
        await resources.get("answer", "x")
