"""Jobs through every end they can meet: stops, deaths of the worker, of the server and of both, then plain success."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.config import Settings
from outcrop.errors import ServiceUnavailableException
from outcrop.jobs import CUSTOM_MODEL, JOB, process, state
from outcrop.jobs.folder import JobFolder
from outcrop.jobs.supervisor import Jobs
from outcrop.store.objects import Objects
from outcrop.store.records import Records
from outcrop.store.resources import Resources

COMMAND = (sys.executable, "-m", "tests.jobs.fake_worker")


class Setting:
    """A home with a bucket of data; `jobs` is its server's supervisor."""

    def __init__(self, home: Path, records: Records) -> None:
        self.settings = dataclasses.replace(Settings(), home=home)
        self.resources, self.objects = Resources(records), Objects(self.settings)
        self.objects.create_bucket("data")
        self.jobs = self.server()

    def server(self) -> Jobs:
        return Jobs(self.settings, self.resources, self.objects, COMMAND)

    async def job(self, act: str, id: str = "job000000001", data: str = "s3://data/train.jsonl") -> str:
        await self.objects.put("s3://data/train.jsonl", b"{}\n")
        request = {
            "jobName": id,
            "customModelName": f"model-of-{id}",
            "customizationType": "FINE_TUNING",
            "trainingDataConfig": {"s3Uri": data},
            "outputDataConfig": {"s3Uri": "s3://data/out/"},
            "hyperParameters": {"act": act},
        }
        body = state.fresh(request, jobArn=f"arn/{id}", base={"id": "outcrop.pebble-v1"})
        await self.resources.create(JOB, id, body, name=id)
        self.jobs.submit(id)
        return id

    async def body(self, id: str) -> dict[str, Any]:
        return (await self.resources.get(JOB, id)).body

    async def until(self, id: str, *statuses: str) -> dict[str, Any]:
        async with asyncio.timeout(100):
            while (body := await self.body(id))["status"] not in statuses:  # noqa: ASYNC110 (the record is the news)
                await asyncio.sleep(0.02)
        return body

    async def working(self, id: str) -> int:
        """Wait until a worker trains; its pid."""
        async with asyncio.timeout(100):
            while (await self.body(id))["statusDetails"]["trainingDetails"]["status"] != "InProgress":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return max((p.stat().st_mtime, int(p.name.split("-")[2])) for p in self.jobs.folder(id).path.glob("life-*"))[1]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Setting]:
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path / 'outcrop.db'}")
    setting = Setting(tmp_path, records)
    yield setting
    await setting.jobs.close()
    await records.close()


async def test_a_job_that_is_stopped_ends_within_seconds_and_leaves_no_model(at: Setting) -> None:
    id = await at.job("wait")
    pid = await at.working(id)
    await at.jobs.stop(id)
    assert (await at.body(id))["status"] in ("Stopping", "Stopped")  # the worker may be gone already
    body = await at.until(id, "Stopped")
    assert body["statusDetails"]["trainingDetails"]["status"] == "Stopped"
    assert body["endTime"]
    assert await at.resources.list(CUSTOM_MODEL) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_worker_that_does_not_leave_is_ended_and_not_started_again(
    at: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.3)
    id = await at.job("deaf")
    await at.working(id)
    await at.jobs.stop(id)
    await at.until(id, "Stopped")
    assert len(list(at.jobs.folder(id).path.glob("life-*"))) == 1


async def test_a_job_that_waits_its_turn_is_stopped_without_having_begun(at: Setting) -> None:
    first = await at.job("wait")
    await at.working(first)
    second = await at.job("done", "job000000002")
    await at.jobs.stop(second)
    await at.until(second, "Stopped")
    assert not at.jobs.folder(second).path.exists()
    assert (await at.body(first))["status"] == "InProgress"


async def test_stopping_what_has_ended_changes_nothing(at: Setting) -> None:
    id = await at.job("done")
    body = await at.until(id, "Completed")
    await at.jobs.stop(id)
    assert await at.body(id) == body


async def test_data_that_cannot_be_used_fails_in_the_workers_words(at: Setting) -> None:
    body = await at.until(await at.job("bad"), "Failed")
    assert body["failureMessage"] == "Line 3: no prompt"
    assert body["statusDetails"]["validationDetails"]["status"] == "Failed"
    assert len(list(at.jobs.folder("job000000001").path.glob("life-*"))) == 1


async def test_data_that_is_gone_fails_before_any_process_starts(at: Setting) -> None:
    body = await at.until(await at.job("done", data="s3://data/gone.jsonl"), "Failed")
    assert "The specified key does not exist: s3://data/gone.jsonl" in body["failureMessage"]


async def test_a_worker_that_dies_is_started_again(at: Setting) -> None:
    body = await at.until(await at.job("die-once"), "Completed", "Failed")
    assert body["status"] == "Completed"
    assert len(list(at.jobs.folder("job000000001").path.glob("life-*"))) == 2


async def test_a_worker_that_always_dies_fails_with_its_last_words(at: Setting) -> None:
    body = await at.until(await at.job("die"), "Failed")
    assert "died 3 times" in body["failureMessage"]
    assert "out of luck" in body["failureMessage"]


async def test_a_worker_that_cannot_be_started_fails(at: Setting) -> None:
    at.jobs = Jobs(at.settings, at.resources, at.objects, ("/nowhere/python",))
    body = await at.until(await at.job("done"), "Failed")
    assert "/nowhere/python" in body["failureMessage"]


async def test_a_server_that_closes_leaves_its_job_for_the_next(at: Setting) -> None:
    id = await at.job("wait")
    pid = await at.working(id)
    await at.jobs.close()
    assert (await at.body(id))["status"] == "InProgress"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    at.jobs = at.server()
    await at.jobs.begin()
    async with asyncio.timeout(100):
        while await at.working(id) == pid:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await at.jobs.stop(id)
    await at.until(id, "Stopped")


async def test_a_server_that_died_while_its_job_was_stopping_stops_it(at: Setting) -> None:
    id = await at.job("wait")
    await at.working(id)
    await at.jobs.close()
    await at.resources.change(JOB, id, state.stopping)
    at.jobs = at.server()
    await at.jobs.begin()
    await at.until(id, "Stopped")


async def test_a_server_that_died_after_the_training_completes_its_job(at: Setting) -> None:
    """Whatever step of the end was reached: done again, it does no harm."""
    id = await at.job("done")
    completed = await at.until(id, "Completed")
    await at.resources.change(JOB, id, lambda body: {**body, "status": "InProgress"})
    at.jobs = at.server()
    await at.jobs.begin()
    assert (await at.until(id, "Completed"))["outputModelArn"] == completed["outputModelArn"]
    assert len(await at.resources.list(CUSTOM_MODEL)) == 1
    assert len(list(at.jobs.folder(id).path.glob("life-*"))) == 1


async def test_a_worker_killed_with_its_server_goes_on_with_the_next(at: Setting) -> None:
    id = await at.job("wait")
    pid = await at.working(id)
    for task in [*at.jobs._tasks.values()]:
        task.cancel()
    os.kill(pid, signal.SIGKILL)
    await at.jobs.close()
    at.jobs = at.server()
    await at.jobs.begin()
    async with asyncio.timeout(100):
        while await at.working(id) == pid:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_name_taken_while_the_job_trained_fails_it(at: Setting) -> None:
    await at.resources.create(CUSTOM_MODEL, "other", {}, name="model-of-job000000001")
    body = await at.until(await at.job("done"), "Failed")
    assert "model-of-job000000001 exists already" in body["failureMessage"]


async def test_one_slot_trains_one_job_at_a_time(at: Setting) -> None:
    first = await at.job("wait")
    await at.working(first)
    second = await at.job("done", "job000000002")
    await asyncio.sleep(0.3)
    assert not at.jobs.folder(second).path.exists()
    await at.jobs.stop(first)
    await at.until(second, "Completed")


async def test_a_job_that_succeeds_delivers_its_metrics_and_its_model(at: Setting) -> None:
    id = await at.job("done")
    body = await at.until(id, "Completed")
    assert {details["status"] for details in body["statusDetails"].values()} == {"Completed"}
    assert body["trainingMetrics"] == {"trainingLoss": 0.5}
    assert body["validationMetrics"] == [{"validationLoss": 0.75}]
    csv = f"s3://data/out/model-customization-job-{id}/training_artifacts/step_wise_training_metrics.csv"
    assert await at.objects.get(csv) == b"step_number\n1\n"
    model = await at.resources.get(CUSTOM_MODEL, id)
    assert body["outputModelArn"] == model.body["modelArn"]
    assert model.body["modelArn"].endswith(f":custom-model/outcrop.pebble-v1/{id}")
    assert (at.settings.home / "custom-models" / id / "adapter.gguf").read_bytes() == b"{}\n"


async def test_a_busy_database_costs_no_training(at: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    change, failed = at.resources.change, []

    async def busy(kind: str, id: str, edit: Any) -> Any:
        if len(failed) < 2:
            failed.append(1)
            raise ServiceUnavailableException("locked")
        return await change(kind, id, edit)

    monkeypatch.setattr(at.resources, "change", busy)
    body = await at.until(await at.job("done"), "Completed", "Failed")
    assert body["status"] == "Completed"
    assert len(failed) == 2
    assert {details["status"] for details in body["statusDetails"].values()} == {"Completed"}


def test_reports_are_read_on_from_where_they_were_read_to(tmp_path: Path) -> None:
    folder, reports = JobFolder(tmp_path), tmp_path / "events.jsonl"
    assert folder.events_from(0) == ([], 0)
    reports.write_text('{"step": 1}\n{"st')
    events, place = folder.events_from(0)
    assert events == [{"step": 1}]
    assert folder.events_from(place) == ([], place)
    with reports.open("a") as file:
        file.write('ep": 2}\n')
    assert folder.events_from(place)[0] == [{"step": 2}]
    assert folder.events() == [{"step": 1}, {"step": 2}]
