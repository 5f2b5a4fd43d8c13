"""Sweeps of others run beside what retention forgets itself, whatever either of them meets."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import update

from outcrop.app import open_services
from outcrop.config import Settings
from outcrop.endpoints.openai import files
from outcrop.errors import ServiceUnavailableException
from outcrop.retention import Retention
from outcrop.store.tables import resources as table


async def test_a_sweep_of_others_runs_also_where_all_is_kept(caplog) -> None:
    swept = asyncio.Event()

    async def broken() -> int:
        raise ServiceUnavailableException("away")

    async def sweep() -> int:
        swept.set()
        return 0

    nothing: Any = None
    retention = Retention(nothing, 0, {}, [broken, sweep])
    retention.begin()
    await asyncio.wait_for(swept.wait(), 60)
    await retention.close()
    assert "away" in caplog.text


async def test_the_service_sweeps_uploaded_files(tmp_path) -> None:
    """Of the whole service: a file whose time was over while it was down is gone soon after its start."""
    settings = Settings(home=tmp_path, model="", retention_days=0)
    async with open_services(settings) as services:
        made = files.record("file-1", 1, "a.txt", "batch", 0, 3600)
        await files.keep(services, "file-1", b"a")
        await services.resources.create(files.KIND, "file-1", made)
        await _aged(services, "file-1")
    async with open_services(settings) as services:
        for _ in range(3000):
            if await services.resources.find(files.KIND, "file-1") is None:
                break
            await asyncio.sleep(0.02)
        assert await services.resources.find(files.KIND, "file-1") is None
        assert await services.objects.list(f"s3://{files.BUCKET}/") == []


async def _aged(services: Any, id: str) -> None:
    async with services.records.write() as db:
        await db.execute(update(table).where(table.c.id == id).values(created=1))
