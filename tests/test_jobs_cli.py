"""The jobs commands: names that nobody has, jobs that fail or are stopped without a server; then what is shown."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outcrop import jobs_cli
from outcrop.config import Settings
from outcrop.errors import ResourceNotFoundException, ValidationException
from outcrop.jobs import CUSTOM_MODEL, JOB, state
from outcrop.store.records import Records
from outcrop.store.resources import Resources
from tests.engines.test_process import eventually

ARN = "arn:aws:bedrock:us-east-1:000000000000:model-customization-job/outcrop.pebble-v1/aaaaaaaaaaaa"
STEP = {"step": 30, "total_steps": 60, "epoch": 1.5, "loss": 0.25, "tokens_per_s": 1234.5, "seconds_left": 3725}


@pytest.fixture
async def resources(tmp_path: Path) -> AsyncIterator[Resources]:
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path / 'outcrop.db'}")
    yield Resources(records)
    await records.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


async def add_job(resources: Resources, settings: Settings, *events: dict[str, Any]) -> str:
    asked = {"customModelName": "support", "customizationType": "FINE_TUNING", "hyperParameters": {"epochCount": "3"}}
    body = state.fresh(asked, jobArn=ARN, baseModelArn="arn:base")
    await resources.create(JOB, "aaaaaaaaaaaa", body, name="j1")
    folder = settings.home / "jobs" / "aaaaaaaaaaaa"
    await asyncio.to_thread(folder.mkdir, parents=True)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    await asyncio.to_thread((folder / "events.jsonl").write_text, lines)
    return "j1"


async def test_a_job_that_is_not_there_is_said_to_be_missing(resources: Resources, settings: Settings) -> None:
    for look in (jobs_cli.show(settings, resources, "j1"), jobs_cli.watch(settings, resources, "j1")):
        with pytest.raises(ResourceNotFoundException):
            await look
    with pytest.raises(ResourceNotFoundException):
        await jobs_cli.export(settings, resources, "m", settings.home / "out", "gguf")


async def test_watching_ends_with_the_job_and_tells_how(resources: Resources, settings: Settings) -> None:
    job = await add_job(resources, settings, {"phase": "training", "status": "InProgress"}, STEP)
    out = io.StringIO()
    watching = asyncio.create_task(jobs_cli.watch(settings, resources, job, out))
    await eventually(lambda: "step 30/60" in out.getvalue(), 10)
    assert not watching.done()
    await resources.change(JOB, "aaaaaaaaaaaa", state.ended("Failed", failureMessage="Line 3: no prompt"))
    assert await watching == 1
    assert out.getvalue().endswith("j1: Failed. Line 3: no prompt\n")


async def test_a_job_is_stopped_without_a_server_too(resources: Resources, settings: Settings) -> None:
    job = await add_job(resources, settings)
    await jobs_cli.stop(resources, job, None, {})
    assert (await resources.get(JOB, "aaaaaaaaaaaa")).body["status"] == "Stopping"


async def test_a_job_is_shown_by_name_and_by_arn(resources: Resources, settings: Settings, capsys: Any) -> None:
    await add_job(resources, settings, STEP)
    await jobs_cli.show_all(resources)
    assert "j1   InProgress  FINE_TUNING  support" in capsys.readouterr().out
    for name in ("j1", ARN):
        await jobs_cli.show(settings, resources, name)
        said = capsys.readouterr().out
        assert "epochCount=3" in said and "step 30/60" in said and str(settings.home / "jobs") in said


def test_progress_is_a_line_at_every_stage() -> None:
    assert jobs_cli.progress([]) == ""
    assert jobs_cli.progress([{"phase": "data_processing", "status": "InProgress"}]) == "data processing: InProgress"
    line = jobs_cli.progress([STEP, {"step": 30, "validation_loss": 0.5}])
    bar = "[" + "#" * 15 + " " * 15 + "]"
    assert line == f"{bar} step 30/60, epoch 1.5, loss 0.25, validation 0.5, 1,234 tokens/s, 1:02:05 left"
    assert jobs_cli.progress([{"step": 1, "loss": 2.0}]).endswith("] step 1/1, loss 2")


async def test_weights_are_exported_and_nothing_is_written_over(resources: Resources, settings: Settings) -> None:
    place = settings.home / "custom-models" / "bbbbbbbbbbbb"
    await asyncio.to_thread((place / "adapter").mkdir, parents=True)
    for name in ("adapter.gguf", "adapter/adapter_model.safetensors"):
        await asyncio.to_thread((place / name).write_bytes, name.encode())
    await resources.create(CUSTOM_MODEL, "bbbbbbbbbbbb", {}, name="m")
    out = settings.home / "out"
    await jobs_cli.export(settings, resources, "m", out / "st", "safetensors")
    await jobs_cli.export(settings, resources, "m", out, "gguf")
    assert {path.name for path in await asyncio.to_thread(lambda: [*out.rglob("*")])} == {
        "st", "adapter_model.safetensors", "adapter.gguf"
    }  # fmt: skip
    for form, folder in (("safetensors", out / "st"), ("gguf", out)):
        with pytest.raises(FileExistsError):
            await jobs_cli.export(settings, resources, "m", folder, form)
    await resources.create(CUSTOM_MODEL, "cccccccccccc", {}, name="empty")
    with pytest.raises(ValidationException, match="no gguf files"):
        await jobs_cli.export(settings, resources, "empty", out, "gguf")
