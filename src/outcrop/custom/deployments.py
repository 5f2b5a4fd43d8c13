"""Brings custom models into their engines, and keeps in the records what came of it.

Knows nothing of the API's shapes. A record of a deployment or of a provisioned throughput has `arn`, `target` (the
ARN of a custom model, or a foundation model's id), `wanted` (the target that it is to have) and `status`. A server
that starts again goes on with what was still coming up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..catalog import Model
from ..engines.pool import Engines
from ..errors import (
    ConflictException,
    ModelNotReadyException,
    ResourceNotFoundException,
    ServiceError,
    ThrottlingException,
)
from ..jobs import CUSTOM_MODEL
from ..names import id_in
from ..store.resources import Resource, Resources
from .background import Background
from .serving import DEPLOYMENT, SERVING, CustomModels

PAUSE_S = 0.5
"""Before an engine that is still loading, or full, is asked again."""

Body = dict[str, Any]
log = logging.getLogger("outcrop.custom")


class Deployments:
    """All that answers for a custom model. `begin` takes up what an earlier server left; `close` leaves the rest."""

    def __init__(self, resources: Resources, models: CustomModels, engines: Engines) -> None:
        self.models = models
        self.changing = asyncio.Lock()
        """Held while something comes to lean on a custom model, and while one that nothing leans on is deleted."""
        self._resources, self._engines = resources, engines
        self._work = Background()

    async def begin(self) -> None:
        """Let engines bring the adapters of all that is up with their first start, and bring up the rest."""
        for kind in SERVING:
            for found in await self._resources.list(kind):
                if found.body["wanted"] != found.body["target"] or found.body["status"] == "Creating":
                    self.bring_up(found)
                elif found.body["status"] != "Failed":
                    await self._expect(found)

    def bring_up(self, made: Resource) -> None:
        """Load the wanted model behind the caller's back; what it was before answers until then."""
        self._work.start(made.body["arn"], self._bring_up(made.kind, made.id))

    async def serve(self, job: Resource) -> str | None:
        """Let what a job made answer under its fineTunedModel; what keeps it from that, if anything does. Returns when
        it answers. Doing it again, for a job that a kill cut short, does no harm."""
        async with self.changing:
            made = await self._deployed(job)
        if made is None:
            return "it was deleted, or its name was taken, before it could be served."
        await self._work.wait(made.body["arn"])
        served = await self._resources.find(made.kind, made.id)
        return served.body.get("failureMessage") if served else "it was deleted before it could be served."

    async def _deployed(self, job: Resource) -> Resource | None:
        """The deployment of a job's custom model, under the job's id; None where either cannot be."""
        try:
            custom = await self._resources.get(CUSTOM_MODEL, job.id)
            body = fresh({}, self.models.arn(DEPLOYMENT, job.id), custom.body["modelArn"])
            body["fineTunedModel"] = job.body["fineTunedModel"]
            made = await self._resources.create(DEPLOYMENT, job.id, body, name=custom.name)
        except ConflictException:
            return await self._resources.find(DEPLOYMENT, job.id)
        except ResourceNotFoundException:
            return None
        self.bring_up(made)
        return made

    async def take_down(self, made: Resource) -> None:
        """Forget a deployment; its engine lets go of what nobody else needs. Running answers come to their end."""
        self._work.stop(made.body["arn"])
        await self._resources.delete(made.kind, made.id)
        self.models.forget()
        for target in {made.body["target"], made.body["wanted"]}:
            await self._unreserve(target, made.body["arn"])
            await self._release(target)

    async def leaning(self, target: str) -> list[str]:
        """ARNs of all that a custom model, by its ARN, is needed for."""
        every = [found for kind in SERVING for found in await self._resources.list(kind)]
        return [found.body["arn"] for found in every if target in (found.body["target"], found.body["wanted"])]

    async def close(self) -> None:
        await self._work.close()

    async def _model(self, made: Resource, target: str) -> Model:
        return await self.models.of_target(target, made.body["arn"], made.body.get("modelUnits", 0))

    async def _expect(self, found: Resource) -> None:
        try:
            self._engines.expect(await self._model(found, found.body["target"]))
        except ServiceError as error:
            log.error("%s does not answer: %s", found.body["arn"], error)

    async def _bring_up(self, kind: str, id: str) -> None:
        made = await self._resources.get(kind, id)
        wanted, before = made.body["wanted"], made.body["target"]
        try:
            model = await self._model(made, wanted)
            await self._load(model)
        except ServiceError as error:
            log.error("%s cannot answer: %s", made.body["arn"], error)
            await self._change(made, _failed(error.message))
        except Exception:
            log.exception("%s cannot answer", made.body["arn"])
            await self._change(made, _failed("The service met an unexpected condition; see its log."))
        else:
            await self._change(made, _up(wanted, SERVING[kind], model.engine))
        await self._leave(made, {wanted, before})

    async def _load(self, model: Model) -> None:
        """Wait until an engine answers for the model. Raises what keeps it from that."""
        while True:
            try:
                async with self._engines.lease(model, slot=False):
                    return
            except (ModelNotReadyException, ThrottlingException):
                await asyncio.sleep(PAUSE_S)

    async def _change(self, made: Resource, edit: Callable[[Body], Body]) -> None:
        with suppress(ResourceNotFoundException):  # deleted meanwhile
            await self._resources.insist(made.kind, made.id, edit)
        self.models.forget()

    async def _leave(self, made: Resource, targets: set[str]) -> None:
        """Let go of the targets that it has not in the end, and of the slots of engines that it is not on."""
        kept = await self._resources.find(made.kind, made.id)
        stays = {kept.body["target"], kept.body["wanted"]} if kept else set()
        engines = {await self._engine_of(target) for target in stays}
        for target in targets - stays:
            if await self._engine_of(target) not in engines:
                await self._unreserve(target, made.body["arn"])
            await self._release(target)

    async def _unreserve(self, target: str, arn: str) -> None:
        with suppress(ServiceError):
            self._engines.unreserve(await self.models.of_target(target, arn))

    async def _release(self, target: str) -> None:
        """Drop a model that nothing leans on any more from its engine."""
        if not id_in(target, CUSTOM_MODEL) or await self.leaning(target):
            return
        with suppress(ServiceError):
            model = await self.models.of_target(target, target)
            self._engines.release(model)
            if not model.adapter and model.engine not in await self._in_use():
                self._engines.unload(model.engine)

    async def _in_use(self) -> set[str]:
        """The engines of all that answers: adapters may run over weights that by themselves nobody wants any more."""
        every = [found for kind in SERVING for found in await self._resources.list(kind)]
        return {await self._engine_of(found.body["target"]) for found in every}

    async def _engine_of(self, target: str) -> str:
        """The engine that answers for a target; none for one that is gone."""
        try:
            return (await self.models.of_target(target, target)).engine
        except ServiceError:
            return ""


def fresh(request: Any, arn: str, target: str, **members: Any) -> Body:
    """The record of something that is to answer for `target`."""
    now = time.time()
    return {**request, "arn": arn, "target": target, "wanted": target, "status": "Creating", "changed": now, **members}


def wanting(target: str) -> Callable[[Body], Body]:
    """It is to answer for another model. What it answers for now goes on until then."""
    return lambda body: {**body, "wanted": target, "update": {"target": target, "status": "Updating"}, **_now()}


def _up(target: str, status: str, engine: str) -> Callable[[Body], Body]:
    def edit(body: Body) -> Body:
        if body["wanted"] != target:  # wanted something else meanwhile: that is still to come
            return body
        update = {"update": {"target": target, "status": "UpdateCompleted"}} if "update" in body else {}
        update |= {"engine": engine} if "engine" in body else {}
        kept = {name: value for name, value in body.items() if name != "failureMessage"}
        return {**kept, "target": target, "status": status, **update, **_now()}

    return edit


def _failed(message: str) -> Callable[[Body], Body]:
    """What never answered failed; what did goes on with the model that it had."""

    def edit(body: Body) -> Body:
        said = {"failureMessage": message[:2048], "wanted": body["target"], **_now()}
        if body["status"] == "Creating" or body["status"] == "Failed":
            return {**body, "status": "Failed", **said}
        return {**body, **said, "update": {"target": body["wanted"], "status": "UpdateFailed"}}

    return edit


def _now() -> Body:
    return {"changed": time.time()}
