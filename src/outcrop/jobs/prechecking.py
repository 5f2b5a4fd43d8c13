"""Whether a job's data can be used, found out while the job still waits for its turn.

Knows nothing of queues. For jobs whose record names a `format`; the worker checks all data once more.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ..store.objects import Objects
from ..store.resources import Resource
from . import data, openai_graders
from .data import DataError
from .folder import JobFolder


async def check(objects: Objects, job: Resource, folder: JobFolder) -> None:
    """Bring the files and read every line. Raises DataError, and ServiceError where a file is gone."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part, name, url in sources(job.body):
        await fetched(objects, url, folder.path / name)
        await asyncio.to_thread(_read, folder.path / name, job.body, part)


def sources(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(part, name in the job's folder, URL) of each file of a job that brings files."""
    validators = body.get("validationDataConfig", {}).get("validators", [])
    checks = [("validation", f"validation-{n}.jsonl", one["s3Uri"]) for n, one in enumerate(validators)]
    brought = body["customizationType"] != "DISTILLATION"  # its data is made here, of prompts
    return [*([("train", "train.jsonl", body["trainingDataConfig"]["s3Uri"])] if brought else []), *checks]


async def fetched(objects: Objects, url: str, path: Path) -> None:
    """A file that is here was fetched whole."""
    if not await asyncio.to_thread(path.exists):
        await objects.fetch(url, path)


def _read(path: Path, body: dict[str, Any], part: str) -> None:
    _, rows = data.read(path, body["format"], part)
    if "grader" not in body:
        return
    for number, row in enumerate(rows, 1):
        if lost := openai_graders.missing(body["grader"], {**row["reference"], "messages": row["messages"]}):
            raise DataError(f"{path.name}: record {number} has no {lost[0]}, which the grader reads.")
