"""What comes after a job's training: its metrics are delivered, its model is kept, and answers where that was promised.

Knows nothing of queues or workers. Every step does no harm when a server that was killed in the middle takes it again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import Settings
from ..errors import ConflictException
from ..names import arn
from ..store.objects import Objects
from ..store.resources import Resource, Resources
from . import CUSTOM_MODEL
from .folder import JobFolder

Deliver = Callable[[Resource, JobFolder], Awaitable[None]]
"""Keeps what a job's maker wants of it besides, before the model is registered."""
Serve = Callable[[Resource], Awaitable[str | None]]
"""Lets a job's model answer under the name that its maker was promised; what keeps it from that, if anything does."""

INHERITED = (
    "jobArn", "jobName", "base", "baseModelArn", "customizationType", "hyperParameters", "trainingDataConfig",
    "validationDataConfig", "outputDataConfig", "customizationConfig", "customModelTags", "fineTunedModel",
)  # fmt: skip
"""What a custom model's record takes over from the job that made it."""


class JobFailed(Exception):
    """A job cannot go on; the message is for the person whose job it is."""


class Keeping:
    """`deliver` and `serve` are for jobs with a fineTunedModel; neither is there before the service is."""

    def __init__(self, settings: Settings, resources: Resources, objects: Objects) -> None:
        self._settings, self._resources, self._objects = settings, resources, objects
        self.deliver: Deliver | None = None
        self.serve: Serve | None = None

    async def keep(self, job: Resource, folder: JobFolder) -> dict[str, Any]:
        """Bring all that a training left to its places; returns what the record of its job says of it."""
        result = folder.result()
        assert result is not None
        await self._deliver_files(job, folder)
        metrics = {
            "trainingMetrics": {"trainingLoss": result["trainingLoss"]},
            "validationMetrics": [{"validationLoss": loss} for loss in result["validationLosses"]],
        }
        promised = "fineTunedModel" in job.body
        if promised and self.deliver:
            await self.deliver(job, folder)
        model_arn = await self._register(job, folder, {**metrics, "form": result["kind"]})
        failure = await self.serve(job) if promised and self.serve else None
        return {"outputModelArn": model_arn, **metrics, **({"servingFailure": failure} if failure else {})}

    async def _deliver_files(self, job: Resource, folder: JobFolder) -> None:
        out = job.body["outputDataConfig"]["s3Uri"].rstrip("/")
        for file in folder.artifacts():
            place = f"{out}/model-customization-job-{job.id}/{file.relative_to(folder.path)}"
            await self._objects.put(place, file)

    async def _register(self, job: Resource, folder: JobFolder, members: dict[str, Any]) -> str:
        """The trained model among the custom models, under the job's own id; returns its ARN."""
        place = self._settings.home / "custom-models" / job.id
        await asyncio.to_thread(_move, folder.model, place)
        body = {name: job.body[name] for name in INHERITED if name in job.body}
        body |= {
            "modelArn": arn(self._settings, "custom-model", job.body["base"]["id"], job.id),
            "modelName": job.body["customModelName"],
            "modelStatus": "Active",
            "version": __version__,
            **members,
        }
        try:
            await self._resources.create(CUSTOM_MODEL, job.id, body, name=job.body["customModelName"])
        except ConflictException as error:
            taken = await self._resources.named(CUSTOM_MODEL, job.body["customModelName"])
            if taken is None or taken.id != job.id:
                await asyncio.to_thread(_move, place, folder.model)  # the weights are the caller's all the same
                raise JobFailed(f"A custom model named {job.body['customModelName']} exists already.") from error
        return body["modelArn"]


def _move(source: Path, target: Path) -> None:
    """Bring the model to its place; an earlier life of the server may have done it already."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if source.exists():
        shutil.rmtree(target, ignore_errors=True)
        os.replace(source, target)
