"""kill -9 of the service at every stage of what goes on behind an answered request: the next service finishes it or
leaves it undone, whole; no half of a model, no file and no process that belongs to nobody."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from outcrop.jobs import CUSTOM_MODEL
from tests.api.customs import BASE, say, settled
from tests.api.service import Api, served
from tests.custom.doomed import JOB_ID, SCENES, SETTINGS

pytestmark = pytest.mark.timeout(400)  # seconds on calm cores, but these may share a machine with a training

MARK = "OUTCROP_TEST_DOOMED"
"""A variable of the environment by which all that a killed service started is known."""


Ask = Callable[[Path, str, str, dict[str, str]], int]


@pytest.fixture(scope="module")
def doomed() -> Iterator[Ask]:
    """(home, scene, stage, environment) -> how the service ended that ran them."""
    command, pipe = [sys.executable, "-m", "tests.custom.doomed"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        stdin, stdout = child.stdin, child.stdout
        assert stdin and stdout

        def ask(home: Path, *words: Any) -> int:
            stdin.write(json.dumps([str(home), *words]) + "\n")
            stdin.flush()
            return int(stdout.readline())

        yield ask
        stdin.close()


async def killed(doomed: Ask, home: Path, scene: str, stage: str) -> None:
    """Run a scene to the place where it is killed, and see that nobody outlives it."""
    mark = secrets.token_hex(8)
    assert await asyncio.to_thread(doomed, home, scene, stage, {MARK: mark}) == -signal.SIGKILL
    await until(lambda: not carrying(mark))


def carrying(mark: str) -> list[psutil.Process]:
    """The processes that a killed service left."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


async def until(there: Callable[[], Any], within_s: float = 60) -> None:
    end = time.monotonic() + within_s
    while not await asyncio.to_thread(there):
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.05)


async def eventually(api: Api, operation: str, member: str, **request: Any) -> dict[str, Any]:
    """What something is like once it is no longer being made."""
    async with asyncio.timeout(90):
        while True:
            found = await api(operation, **request)
            if found.get(member) not in ("InProgress", "Creating", "Stopping", "Updating"):
                return found
            await asyncio.sleep(0.05)


def folders(home: Path, kind: str) -> list[str]:
    """What lies among the models of a kind, hidden names and all."""
    place = home / f"{kind}s"
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


def parts(home: Path) -> list[str]:
    """Files that are still being written, and by nobody."""
    places = [home / name for name in ("imports", "imported-models", "custom-models")]
    return [str(path) for place in places for path in place.rglob(".*")]


async def imported(api: Api, home: Path) -> None:
    job = await eventually(api, "GetModelImportJob", "status", jobIdentifier="j1")
    assert job["status"] == "Completed", job
    listed = (await api("ListImportedModels"))["modelSummaries"]
    assert [one["modelName"] for one in listed] == ["mine"]
    assert folders(home, "imported-model") == [job["importedModelArn"].rpartition("/")[2]]
    assert "Exception" not in await say(api, job["importedModelArn"])


async def made(api: Api, home: Path) -> None:
    model = await eventually(api, "GetCustomModel", "modelStatus", modelIdentifier="mine")
    assert model["modelStatus"] == "Active", model
    assert folders(home, CUSTOM_MODEL) == [model["modelArn"].rpartition("/")[2]]


async def copied(api: Api, home: Path) -> None:
    (job,) = (await api("ListModelCopyJobs"))["modelCopyJobSummaries"]
    job = await eventually(api, "GetModelCopyJob", "status", jobArn=job["jobArn"])
    assert job["status"] == "Completed", job
    listed = (await api("ListCustomModels"))["modelSummaries"]
    assert sorted(one["modelName"] for one in listed) == ["mine", "source"]
    places = [home / "custom-models" / one["modelArn"].rpartition("/")[2] for one in listed]
    assert folders(home, CUSTOM_MODEL) == sorted(place.name for place in places)
    assert len({(place / "adapter.gguf").read_bytes() for place in places}) == 1


async def whole_or_gone(api: Api, home: Path) -> None:
    listed = (await api("ListCustomModels"))["modelSummaries"]
    assert folders(home, CUSTOM_MODEL) == [one["modelArn"].rpartition("/")[2] for one in listed]


async def deployed(api: Api, home: Path) -> None:
    found = await settled(api, "d1")
    assert found["status"] == "Active", found
    assert "Exception" not in (said := await say(api, found["customModelDeploymentArn"]))
    assert said != await say(api, BASE)


async def updated(api: Api, home: Path) -> None:
    await deployed(api, home)
    found = await settled(api, "d1")
    second = await api("GetCustomModel", modelIdentifier="m2")
    assert (found["modelArn"], found["updateDetails"]["updateStatus"]) == (second["modelArn"], "UpdateCompleted")


async def deployed_or_gone(api: Api, home: Path) -> None:
    if (await api("ListCustomModelDeployments"))["modelDeploymentSummaries"]:
        await deployed(api, home)
        await api("DeleteCustomModelDeployment", customModelDeploymentIdentifier="d1")
    assert "Error" not in await api("DeleteCustomModel", modelIdentifier="m")
    assert folders(home, CUSTOM_MODEL) == []


async def provisioned(api: Api, home: Path) -> None:
    found = await eventually(api, "GetProvisionedModelThroughput", "status", provisionedModelId="p1")
    assert found["status"] == "InService", found
    assert "Exception" not in await say(api, found["provisionedModelArn"])


async def trained(api: Api, home: Path) -> None:
    job = await eventually(api, "GetModelCustomizationJob", "status", jobIdentifier="j1")
    assert job["status"] == "Completed", job
    assert {phase["status"] for phase in job["statusDetails"].values()} == {"Completed"}
    await made(api, home)
    delivered = await api.services.objects.list("s3://data/out/")
    assert [info.url.rpartition("/")[2] for info in delivered] == ["step_wise_training_metrics.csv"]
    assert not (home / "jobs" / JOB_ID / "model").exists()


async def stopped(api: Api, home: Path) -> None:
    job = await eventually(api, "GetModelCustomizationJob", "status", jobIdentifier="j1")
    assert job["status"] == "Stopped", job
    assert (await api("ListCustomModels"))["modelSummaries"] == []
    assert folders(home, CUSTOM_MODEL) == []


FOUND: dict[str, Callable[[Api, Path], Awaitable[None]]] = {
    "import": imported,
    "custom model": made,
    "copy": copied,
    "deletion": whole_or_gone,
    "deployment": deployed,
    "whole deployment": deployed,
    "update": updated,
    "undeployment": deployed_or_gone,
    "throughput": provisioned,
    "training": trained,
    "long training": trained,
    "stopping": stopped,
}
"""Scene -> what must be found by the next service."""


@pytest.mark.parametrize(("scene", "stage"), [(scene, stage) for scene, (_, all) in SCENES.items() for stage in all])
async def test_what_was_killed_is_finished_or_undone_by_the_next(
    doomed: Ask, tmp_path: Path, scene: str, stage: str
) -> None:
    home = tmp_path / "home"
    await killed(doomed, home, scene, stage)
    async with served(home, **SETTINGS) as api:
        await FOUND[scene](api, home)
        await until(lambda: not folders(home, "import"))
    assert parts(home) == []
