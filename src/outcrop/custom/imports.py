"""Import jobs and custom models made of a caller's weights, from their beginning to their end, through restarts.

Knows nothing of the API's shapes, nor of how weights are brought (`importing`). What is unfinished stands in the
records, and a server that starts again takes it up; the model is registered last, when it is whole.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..config import Settings
from ..engines.gguf_info import read_info
from ..errors import ConflictException, ResourceNotFoundException
from ..jobs import CUSTOM_MODEL
from ..names import id_in
from ..store.files import words
from ..store.objects import Objects
from ..store.resources import Resource, Resources
from .background import Background
from .importing import FAILURES, Importer, ImportFailed, serving
from .removal import remove, remove_rest
from .serving import IMPORTED, CustomModels

IMPORT, COPY = "model-import-job", "model-copy-job"
"""Kinds of resources, and of their ARNs."""

MADE = {IMPORT: IMPORTED, COPY: CUSTOM_MODEL, CUSTOM_MODEL: CUSTOM_MODEL}
"""What comes of each kind, under the same id."""

Body = dict[str, Any]
log = logging.getLogger("outcrop.custom")


class Imports:
    """All imports and copies of a home. `begin` takes up what an earlier server left."""

    def __init__(self, settings: Settings, resources: Resources, objects: Objects, models: CustomModels) -> None:
        self._resources, self._models = resources, models
        self._importer = Importer(objects, settings.home / "imports")
        self._work = Background()
        self._acts: dict[str, Callable[[Resource], Coroutine[Any, Any, None]]] = {
            IMPORT: self._import,
            CUSTOM_MODEL: self._make,
            COPY: self._copy,
        }

    async def begin(self) -> None:
        every = [found for kind in self._acts for found in await self._resources.list(kind)]
        unfinished = {found.id: found for found in every if _unfinished(found)}
        for id in self._importer.underway():
            if id not in unfinished:
                await self._importer.forget(id)
        for kind in (CUSTOM_MODEL, IMPORTED):
            await remove_rest(self._resources, kind, self._models.folder(kind, "any").parent)
        for found in unfinished.values():
            self.start(found)

    def start(self, made: Resource) -> None:
        """Do what a record that was just made asks for."""
        self._work.start(f"{made.kind} {made.id}", self._act(made))

    async def delete(self, made: Resource) -> None:
        """Delete a custom or imported model, files and all, also one that is still being made."""
        await self._work.end(f"{made.kind} {made.id}")
        await self._importer.forget(made.id)
        await remove(self._resources, made.kind, made.id, self._models.folder(made.kind, made.id))
        self._models.forget()

    async def close(self) -> None:
        await self._work.close()

    async def _act(self, made: Resource) -> None:
        try:
            await self._acts[made.kind](made)
        except FAILURES as error:
            log.error("%s %s: %s", made.kind, made.name, error)
            await self._fail(made, words(error))
        except Exception:
            log.exception("%s %s failed", made.kind, made.name)
            await self._fail(made, "The service met an unexpected condition; see its log.")

    async def _fail(self, made: Resource, message: str) -> None:
        """Leave no file of what could not be made."""
        await self._importer.forget(made.id)
        place = self._models.folder(MADE[made.kind], made.id)
        if made.kind == CUSTOM_MODEL or await self._resources.find(MADE[made.kind], made.id) is None:
            for path in (place, _part(place)):
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        await self._end(made, "Failed", failureMessage=message[:2048])

    async def _import(self, job: Resource) -> None:
        """An import job: at its end there is an imported model of the job's id."""
        url, place = job.body["modelDataSource"]["s3DataSource"]["s3Uri"], self._models.folder(IMPORTED, job.id)
        body = {name: job.body[name] for name in ("jobName", "jobArn", "modelDataSource")}
        body |= {"modelArn": job.body["modelArn"], "importedModelTags": job.body.get("importedModelTags", [])}
        body |= await self._brought(url, job.id, place)
        await self._register(IMPORTED, job, body, job.body["importedModelName"])
        await self._end(job, "Completed", importedModelArn=job.body["modelArn"])

    async def _make(self, custom: Resource) -> None:
        """A custom model of a caller's weights: it was registered as Creating, and is Active at the end."""
        place = self._models.folder(CUSTOM_MODEL, custom.id)
        brought = await self._brought(custom.body["modelSourceConfig"]["s3DataSource"]["s3Uri"], custom.id, place)
        base = {**custom.body["base"], "source": str(place / "model.gguf"), "folder": str(place / "hf")}
        await self._end(custom, "Active", **brought, base=base)

    async def _brought(self, url: str, id: str, place: Path) -> Body:
        """The weights in their place, and what a record says of them."""
        model = await self._importer.bring(url, id, place)
        info = await asyncio.to_thread(read_info, model.source)
        return {
            "form": "full",
            "serving": serving(model),
            "modelArchitecture": info.architecture,
            "instructSupported": bool(info.chat_template),
        }

    async def _copy(self, job: Resource) -> None:
        """A copy of a custom model under another name, with files of its own: either can be deleted."""
        id = id_in(job.body["sourceModelArn"], CUSTOM_MODEL) or ""
        try:
            source = await self._resources.get(CUSTOM_MODEL, id)
        except ResourceNotFoundException as error:
            raise ImportFailed("The model that was to be copied is gone.") from error
        place = self._models.folder(CUSTOM_MODEL, job.id)
        await asyncio.to_thread(_copied, self._models.folder(CUSTOM_MODEL, id), place)
        mine = {"modelArn": job.body["targetModelArn"], "modelName": job.body["targetModelName"]}
        body = {**source.body, **mine, "customModelTags": job.body.get("targetModelTags", [])}
        await self._register(CUSTOM_MODEL, job, body, mine["modelName"])
        await self._end(job, "Completed")

    async def _register(self, kind: str, job: Resource, body: Body, name: str) -> None:
        """The model that a job made, under the job's id. ImportFailed where the name was taken."""
        try:
            await self._resources.create(kind, job.id, body, name=name)
        except ConflictException as error:
            taken = await self._resources.named(kind, name)
            if taken is None or taken.id != job.id:  # else a kill came between here and the job's end
                raise ImportFailed(f"The name {name} is taken.") from error

    async def _end(self, made: Resource, status: str, **members: Any) -> None:
        now = time.time()
        state = {"modelStatus" if made.kind == CUSTOM_MODEL else "status": status, "lastModifiedTime": now}
        with suppress(ResourceNotFoundException):  # deleted meanwhile
            await self._resources.insist(made.kind, made.id, lambda body: {**body, **state, "endTime": now, **members})
        self._models.forget()


def _unfinished(found: Resource) -> bool:
    return found.body.get("status") == "InProgress" or found.body.get("modelStatus") == "Creating"


def _part(place: Path) -> Path:
    """Where a copy is made before it is whole."""
    return place.with_name(f".{place.name}.part")


def _copied(source: Path, target: Path) -> None:
    """Whole or not at all; a copy that is there was made before a kill."""
    if target.exists():
        return
    shutil.rmtree(_part(target), ignore_errors=True)
    shutil.copytree(source, _part(target), copy_function=_linked)
    os.replace(_part(target), target)


def _linked(source: str, target: str) -> None:
    """Files of a model are never written again: a second name for one needs no time and no disk."""
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)
