"""Services that are killed at one place of their way, each forked from `python -m tests.custom.doomed`.

Knows nothing of what comes after. It reads lines of JSON, [home, scene, stage, variables of the environment], and
answers each with how the service ended. A scene makes what it needs, then the stage is set, then it acts; a stage is a
function of the service in which, or after which, the process dies. Forked, for the imports take longer than the rest.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from outcrop.custom import deployments as bringing
from outcrop.custom import importing, imports
from outcrop.custom.deployments import Deployments
from outcrop.custom.imports import Imports
from outcrop.engines.pool import Engines
from outcrop.jobs import JOB, keeping, state
from outcrop.jobs.folder import JobFolder
from outcrop.jobs.keeping import Keeping
from outcrop.jobs.preparing import Preparing
from outcrop.jobs.process import Worker
from outcrop.jobs.supervisor import Jobs
from outcrop.store.objects import Objects
from outcrop.store.resources import Resources
from tests.api.customs import add_base, add_custom, settled
from tests.api.service import Api, served
from tests.convert.folders import build

ROLE = "arn:aws:iam::000000000000:role/any"
SETTINGS: dict[str, Any] = {"engine": "wheel", "engine_threads": 1, "engine_slots": 6, "training_slots": 1}
JOB_ID = "job000000001"

Stage = Callable[[Path], None]


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, number: int = 1) -> Stage:
    """Dies when `name` is called for the `number`th time."""

    def set_up(home: Path) -> None:
        whole, calls = getattr(owner, name), []

        def meddled(*words: Any, **more: Any) -> Any:
            calls.append(1)
            return whole(*words, **more) if len(calls) < number else die()

        setattr(owner, name, meddled)

    return set_up


def after(owner: Any, name: str) -> Stage:
    """Dies when `name` is done."""

    def set_up(home: Path) -> None:
        whole = getattr(owner, name)

        async def awaited(made: Awaitable[Any]) -> None:
            await made
            die()

        def meddled(*words: Any, **more: Any) -> Any:
            made = whole(*words, **more)
            return awaited(made) if asyncio.iscoroutine(made) else die()

        setattr(owner, name, meddled)

    return set_up


# places that are inside of a function ----------------------------------------------------------------------------


def in_a_file(home: Path) -> None:
    """Half of a file is there, under the name of one that is still written."""

    async def fetch(self: Any, url: str, path: Path) -> None:
        path.with_name(f".{path.name}.part").write_bytes(b"half")
        die()

    Objects.fetch = fetch  # type: ignore[method-assign]


def while_converting(home: Path) -> None:
    """The converter works on; its pid is in the home."""
    importing.CONVERT = (sys.executable, "-m", "tests.custom.slow_convert", str(home / "converter"))
    _die_once(home / "converter", b"")


def in_a_copy(home: Path) -> None:
    def copied(source: Path, target: Path, **_: Any) -> None:
        target.mkdir()
        (target / "adapter.gguf").write_bytes(b"half")
        die()

    shutil.copytree = copied  # type: ignore[assignment]


def in_training(home: Path) -> None:
    """The worker works on; its pid is in its folder."""
    _die_once(home / "jobs" / JOB_ID / "events.jsonl", b'"training"')


def in_training_with_the_worker(home: Path) -> None:
    folder = home / "jobs" / JOB_ID

    def both() -> None:
        os.kill(int(next(folder.glob("life-*")).name.split("-")[2]), signal.SIGKILL)
        die()

    _die_once(folder / "events.jsonl", b'"training"', both)


def _die_once(file: Path, word: bytes, act: Callable[[], object] = die) -> None:
    """Die when the word stands in the file."""

    def wait() -> None:
        while not (file.exists() and word in file.read_bytes()):
            time.sleep(0.01)
        act()

    threading.Thread(target=wait, daemon=True).start()


# scenes ----------------------------------------------------------------------------------------------------------


async def upload(api: Api, place: Path) -> str:
    api.services.objects.create_bucket("models")
    folder = await asyncio.to_thread(build, place, "qwen3-sharded")
    for file in await asyncio.to_thread(lambda: sorted(folder.iterdir())):
        await api.services.objects.put(f"s3://models/tiny/{file.name}", file)
    return "s3://models/tiny/"


async def importing_job(api: Api, ready: Callable[[], None]) -> None:
    source = {"s3DataSource": {"s3Uri": await upload(api, api.services.settings.home / "source")}}
    ready()
    asked = {"jobName": "j1", "importedModelName": "mine", "roleArn": ROLE, "modelDataSource": source}
    await api("CreateModelImportJob", **asked)


async def custom_model(api: Api, ready: Callable[[], None]) -> None:
    source = {"s3DataSource": {"s3Uri": await upload(api, api.services.settings.home / "source")}}
    ready()
    await api("CreateCustomModel", modelName="mine", modelSourceConfig=source)


async def copying(api: Api, ready: Callable[[], None]) -> None:
    model = await add_custom(api, "source")
    ready()
    await api("CreateModelCopyJob", sourceModelArn=model, targetModelName="mine")


async def deleting(api: Api, ready: Callable[[], None]) -> None:
    await add_custom(api, "mine")
    ready()
    await api("DeleteCustomModel", modelIdentifier="mine")


async def based(api: Api) -> None:
    await add_base(api, api.services.settings.home)


async def deployment(api: Api, ready: Callable[[], None]) -> None:
    await based(api)
    model = await add_custom(api, "m")
    ready()
    await api("CreateCustomModelDeployment", modelDeploymentName="d1", modelArn=model)


async def whole_deployment(api: Api, ready: Callable[[], None]) -> None:
    await based(api)
    model = await add_custom(api, "m", 5, form="full")
    ready()
    await api("CreateCustomModelDeployment", modelDeploymentName="d1", modelArn=model)


async def update(api: Api, ready: Callable[[], None]) -> None:
    await based(api)
    first, second = [await add_custom(api, f"m{seed}", seed) for seed in (1, 2)]
    await api("CreateCustomModelDeployment", modelDeploymentName="d1", modelArn=first)
    await settled(api, "d1")
    ready()
    await api("UpdateCustomModelDeployment", customModelDeploymentIdentifier="d1", modelArn=second)


async def undeployment(api: Api, ready: Callable[[], None]) -> None:
    await based(api)
    model = await add_custom(api, "m")
    await api("CreateCustomModelDeployment", modelDeploymentName="d1", modelArn=model)
    await settled(api, "d1")
    ready()
    await api("DeleteCustomModelDeployment", customModelDeploymentIdentifier="d1")


async def throughput(api: Api, ready: Callable[[], None]) -> None:
    await based(api)
    model = await add_custom(api, "m")
    ready()
    await api("CreateProvisionedModelThroughput", provisionedModelName="p1", modelId=model, modelUnits=1)


async def training(api: Api, ready: Callable[[], None], act: str = "done") -> None:
    """As the API makes it, but for a hyperparameter that only the fake worker knows."""
    services = api.services
    services.objects.create_bucket("data")
    await services.objects.put("s3://data/train.jsonl", b"{}\n")
    request = {
        "jobName": "j1",
        "customModelName": "mine",
        "customizationType": "FINE_TUNING",
        "trainingDataConfig": {"s3Uri": "s3://data/train.jsonl"},
        "outputDataConfig": {"s3Uri": "s3://data/out/"},
        "hyperParameters": {"act": act},
    }
    ready()
    body = state.fresh(request, jobArn="arn:job", base={"id": "test.tiny-v1"}, baseModelArn="arn:base")
    await services.resources.create(JOB, JOB_ID, body, name="j1")
    services.jobs.submit(JOB_ID)


async def long_training(api: Api, ready: Callable[[], None]) -> None:
    await training(api, ready, "wait-once")


async def stopping(api: Api, ready: Callable[[], None]) -> None:
    await training(api, lambda: None, "wait")
    async with asyncio.timeout(60):
        while not list((api.services.settings.home / "jobs" / JOB_ID).glob("life-*")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    ready()
    await api.services.jobs.stop(JOB_ID)


BROUGHT: dict[str, Stage] = {
    "nothing begun": before(Imports, "_act"),
    "in a file": in_a_file,
    "between files": before(Objects, "fetch", 3),
    "while converting": while_converting,
    "converted": before(importing.os, "replace"),
    "in its place": after(importing.os, "replace"),
    "before the end": before(Imports, "_end"),
    "at the end": after(Imports, "_end"),
}
LOADED: dict[str, Stage] = {
    "nothing begun": before(Deployments, "_bring_up"),
    "loading": after(Engines, "expect"),
    "loaded": before(bringing, "_up"),
    "at the end": after(Deployments, "_change"),
}

SCENES: dict[str, tuple[Callable[[Api, Callable[[], None]], Awaitable[None]], dict[str, Stage]]] = {
    "import": (importing_job, {**BROUGHT, "registered": after(Imports, "_register")}),
    "custom model": (custom_model, BROUGHT),
    "copy": (copying, {
        "nothing begun": before(Imports, "_act"),
        "in a file": in_a_copy,
        "copied": before(imports.os, "replace"),
        "in its place": after(imports, "_copied"),
        "registered": after(Imports, "_register"),
        "at the end": after(Imports, "_end"),
    }),
    "deletion": (deleting, {
        "before the record": before(Resources, "delete"),
        "after the record": after(Resources, "delete"),
    }),
    "deployment": (deployment, LOADED),
    "whole deployment": (whole_deployment, LOADED),
    "update": (update, LOADED),
    "undeployment": (undeployment, {
        "before the record": before(Resources, "delete"),
        "after the record": after(Resources, "delete"),
        "before the engine": before(Deployments, "_release"),
    }),
    "throughput": (throughput, LOADED),
    "training": (training, {
        "nothing begun": before(Preparing, "prepare"),
        "in a file": in_a_file,
        "data is here": before(JobFolder, "write"),
        "before the worker": before(Worker, "start"),
        "trained": before(Keeping, "keep"),
        "delivered": before(Keeping, "_register"),
        "in its place": after(keeping, "_move"),
        "registered": after(Keeping, "_register"),
        "at the end": after(Jobs, "_end"),
    }),
    "long training": (long_training, {
        "in training": in_training,
        "in training, worker too": in_training_with_the_worker,
    }),
    "stopping": (stopping, {
        "asked": before(Worker, "stop"),
        "stopped": before(Jobs, "_end"),
    }),
}  # fmt: skip
"""Scene -> what is done, and where it may be killed."""


async def run(home: Path, scene: str, stage: str) -> None:
    act, stages = SCENES[scene]
    async with served(home, **SETTINGS) as api:
        await act(api, lambda: stages[stage](home))
        await asyncio.sleep(LONG_S)


LONG_S = 100
"""It is killed before this has passed, or it was not killed."""


def main() -> None:
    for line in sys.stdin:
        home, scene, stage, environment = json.loads(line)
        if (pid := os.fork()) == 0:
            os.environ.update(environment)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            asyncio.run(run(Path(home), scene, stage))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
