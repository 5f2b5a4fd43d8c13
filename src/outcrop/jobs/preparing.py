"""What comes before a job's training: its data is brought and checked, and job.json says what is to be done.

Knows nothing of queues or workers. Whatever was brought before a kill is there still, and is not brought again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from .. import hyperparameters
from ..config import Settings
from ..keys import Keys
from ..store.objects import Objects
from ..store.resources import Resource, Resources
from . import JOB, data, distillation, graders, logged_prompts, openai_graders, state
from .data import DataError
from .distillation import Ask
from .folder import JobFolder


class Preparing:
    """`ask` answers for teachers, `keys` lets judges be asked; neither is there before the service is."""

    def __init__(self, settings: Settings, resources: Resources, objects: Objects) -> None:
        self._settings, self._resources, self._objects = settings, resources, objects
        self.ask: Ask | None = None
        self.keys: Keys | None = None

    async def check(self, job: Resource, folder: JobFolder) -> None:
        """Bring the files of a job whose record names a `format`, and read every line, as the worker will once more.

        Raises DataError, and ServiceError where a file is gone.
        """
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part, name, url in _files(job.body):
            await self._fetch(url, folder.path / name)
            await asyncio.to_thread(_read, folder.path / name, job.body, part)

    async def prepare(self, job: Resource, folder: JobFolder) -> None:
        """Bring the data and write job.json, last, so that it speaks of files that are here."""
        if (folder.path / "job.json").exists():
            return
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if job.body["customizationType"] == "DISTILLATION":
            await self._teach(job, folder)
        files = _files(job.body)
        for _, name, url in files:
            await self._fetch(url, folder.path / name)
        folder.write(await self._order(job, [name for part, name, _ in files if part == "validation"]))

    async def forget(self, id: str) -> None:
        """A job has ended: nobody judges for it any more."""
        if self.keys:
            await graders.forget(self.keys, id)

    async def _fetch(self, url: str, path: Path) -> None:
        """A file that is here was fetched whole."""
        if not await asyncio.to_thread(path.exists):
            await self._objects.fetch(url, path)

    async def _teach(self, job: Resource, folder: JobFolder) -> None:
        """Have the teacher answer a distillation's prompts."""
        if self.ask is None:
            raise DataError("There is nobody to answer for the teacher.")
        await self._resources.change(JOB, job.id, state.phase("data_processing", "InProgress"))
        source, prompts = job.body["trainingDataConfig"], folder.path / distillation.PROMPTS
        if "invocationLogsConfig" in source and not prompts.exists():
            config = source["invocationLogsConfig"]
            await logged_prompts.collect(self._objects, config, job.body["teacher"], prompts)
        elif not prompts.exists():
            await self._objects.fetch(source["s3Uri"], prompts)
        await distillation.teach(folder.path, job.body["teacher"], _inference(job.body), self.ask)

    async def _order(self, job: Resource, validation: list[str]) -> dict[str, Any]:
        """job.json."""
        body = job.body
        return {
            "id": job.id,
            "arn": body["jobArn"],
            "method": body["customizationType"],
            "format": body.get("format", body["customizationType"]),
            "base": body["base"],
            "train": "train.jsonl",
            "validation": validation,
            "hyperparameters": hyperparameters.given(body),
            "grader": await self._grader(job),
            "niceness": self._settings.training_niceness,
        }

    async def _grader(self, job: Resource) -> dict[str, Any] | None:
        """What grades a reinforcement job's answers."""
        config = job.body.get("customizationConfig", {}).get("rftConfig")
        if "grader" in job.body:
            entry = {"openai": job.body["grader"]}
        elif config:
            entry = graders.find(self._settings.home, config["graderConfig"]["lambdaGrader"]["lambdaArn"])
        else:
            return None
        return await graders.with_service(entry, self._settings, self.keys, job.id)


def _files(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(part, name in the folder, URL) of each file that a job brings; a distillation's data is made of prompts."""
    validators = body.get("validationDataConfig", {}).get("validators", [])
    checks = [("validation", f"validation-{n}.jsonl", one["s3Uri"]) for n, one in enumerate(validators)]
    if body["customizationType"] == "DISTILLATION":
        return checks
    return [("train", "train.jsonl", body["trainingDataConfig"]["s3Uri"]), *checks]


def _read(path: Path, body: dict[str, Any], part: str) -> None:
    _, rows = data.read(path, body["format"], part)
    if "grader" not in body:
        return
    for number, row in enumerate(rows, 1):
        if lost := openai_graders.missing(body["grader"], {**row["reference"], "messages": row["messages"]}):
            raise DataError(f"{path.name}: record {number} has no {lost[0]}, which the grader reads.")


def _inference(body: dict[str, Any]) -> dict[str, Any]:
    """How a teacher answers: Converse's inferenceConfig."""
    h = hyperparameters.read("DISTILLATION", hyperparameters.given(body))
    teacher = body["customizationConfig"]["distillationConfig"]["teacherModelConfig"]
    length = teacher.get("maxResponseLengthForInference")
    return {"temperature": h["temperature"], **({"maxTokens": length} if length else {})}
