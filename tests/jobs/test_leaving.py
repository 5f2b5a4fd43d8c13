"""Several who stop, pause and resume one job at the same moment, and callers who leave while they ask for it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from outcrop.jobs import JOB, state
from outcrop.jobs.preparing import Preparing
from outcrop.jobs.supervisor import Jobs

from .test_supervisor import Setting, at  # noqa: F401 (a fixture)


async def paused(at: Setting) -> str:  # noqa: F811
    id = await at.job("wait-once")
    await at.working(id)
    await at.jobs.pause(id)
    await at.jobs.left(id)
    return id


async def settled(at: Setting, id: str) -> str:  # noqa: F811
    """The status once nothing is done for the job any more."""
    async with asyncio.timeout(60):
        while at.jobs._held or id in at.jobs._tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return (await at.body(id))["status"]


@pytest.mark.parametrize(
    "asked",
    [
        lambda jobs, id: [jobs.stop(id), jobs.stop(id), jobs.stop(id)],
        lambda jobs, id: [jobs.pause(id), jobs.stop(id)],
        lambda jobs, id: [jobs.stop(id), jobs.pause(id)],
    ],
    ids=["three stops", "pause and stop", "stop and pause"],
)
@pytest.mark.parametrize("apart", [0, 1, 3, 6, 12])
async def test_a_job_that_waits_its_turn_ends_once(
    at: Setting,  # noqa: F811
    asked: Callable[[Jobs, str], list[Awaitable[None]]],
    apart: int,
) -> None:
    busy = await at.job("wait")
    await at.working(busy)
    id = await at.job("done", "job000000002")
    tasks = []
    for one in asked(at.jobs, id):
        tasks.append(asyncio.ensure_future(one))
        for _ in range(apart):
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert await settled(at, id) == "Stopped"


async def test_a_second_stop_finds_the_job_on_its_way_out_and_left_means_that_it_has_ended(
    at: Setting,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await at.job("wait")
    await at.working(id)
    ending, go_on, forget = asyncio.Event(), asyncio.Event(), Preparing.forget

    async def slowly(preparing: Preparing, id: str) -> None:
        ending.set()
        await go_on.wait()
        await forget(preparing, id)

    monkeypatch.setattr(Preparing, "forget", slowly)
    await at.jobs.stop(id)
    await ending.wait()  # the worker has left, the record does not say so yet
    await at.jobs.stop(id)
    left = asyncio.create_task(at.jobs.left(id))
    await asyncio.sleep(0.1)
    assert not left.done()
    go_on.set()
    await left
    assert (await at.body(id))["status"] == "Stopped"


async def test_a_job_that_is_stopped_while_it_is_resumed_does_not_train(
    at: Setting,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await paused(at)
    left = Jobs.left

    async def slowly(jobs: Jobs, id: str, within_s: float | None = None) -> None:
        await left(jobs, id, within_s)
        await at.resources.change(JOB, id, state.stopping)
        await jobs._stopped(id)

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "left", slowly)
        await at.jobs.resume(id)
    assert await settled(at, id) == "Stopped"
    assert len(list(at.jobs.folder(id).path.glob("life-*"))) == 1


async def test_what_has_ended_is_not_trained_when_it_is_submitted(at: Setting) -> None:  # noqa: F811
    id = await paused(at)
    await at.jobs.stop(id)
    at.jobs.submit(id)
    assert await settled(at, id) == "Stopped"
    assert len(list(at.jobs.folder(id).path.glob("life-*"))) == 1


@pytest.mark.parametrize("turns", range(1, 8))
async def test_a_caller_who_leaves_has_asked_all_the_same(at: Setting, turns: int) -> None:  # noqa: F811
    id = await at.job("wait")
    await at.working(id)
    stop = asyncio.create_task(at.jobs.stop(id))
    for _ in range(turns):
        await asyncio.sleep(0)
    stop.cancel()
    await asyncio.wait([stop])
    assert await settled(at, id) == "Stopped"


@pytest.mark.parametrize("turns", range(1, 8))
async def test_a_job_whose_maker_leaves_runs_or_is_not_there(at: Setting, turns: int) -> None:  # noqa: F811
    first = await at.body(await at.job("done"))
    await at.until("job000000001", "Completed")
    body = {**first, "status": "InProgress", "customModelName": "another", "jobArn": "arn/2"}
    made = asyncio.create_task(at.jobs.create("job000000002", body, "job000000002", None))
    for _ in range(turns):
        await asyncio.sleep(0)
    made.cancel()
    await asyncio.wait([made])
    assert await settled(at, "job000000002") == "Completed"


async def test_a_job_that_its_token_made_before_is_not_run_again(
    at: Setting,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = {**(await at.body(await at.job("done"))), "customModelName": "another", "jobArn": "arn/2"}
    await at.until("job000000001", "Completed")
    submitted, submit = [], at.jobs.submit
    monkeypatch.setattr(at.jobs, "submit", lambda id: (submitted.append(id), submit(id)))
    made = [await at.jobs.create(f"job00000000{n}", body, f"name{n}", "token") for n in (2, 3)]
    assert [job.id for job in made] == ["job000000002"] * 2
    assert submitted == ["job000000002"]
    assert await settled(at, "job000000002") == "Completed"


async def test_a_server_that_closes_as_a_worker_dies_starts_no_other(
    at: Setting,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unwinding, go_on = asyncio.Event(), asyncio.Event()

    async def watch(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            unwinding.set()
            await go_on.wait()

    monkeypatch.setattr(Jobs, "_watch", watch)
    id = await at.job("wait")
    async with asyncio.timeout(60):
        while not [*at.jobs.folder(id).path.glob("life-*")]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        os.killpg(at.jobs._workers[id].pid, signal.SIGKILL)
        await unwinding.wait()
        close = asyncio.create_task(at.jobs.close())
        await asyncio.sleep(0)
        go_on.set()
        await close
    assert len([*at.jobs.folder(id).path.glob("life-*")]) == 1


async def test_checkpoints_go_with_the_jobs_end(at: Setting, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    prepare = Preparing.prepare

    async def with_checkpoint(self: Preparing, job, folder) -> None:
        await prepare(self, job, folder)
        (folder.path / "checkpoints" / "checkpoint-3").mkdir(parents=True)

    monkeypatch.setattr(Preparing, "prepare", with_checkpoint)
    id = await at.job("done")
    await at.until(id, "Completed")
    assert await settled(at, id) == "Completed"
    assert not (at.jobs.folder(id).path / "checkpoints").exists()
