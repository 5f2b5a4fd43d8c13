"""/fine_tuning/jobs: OpenAI's fine-tuning API over the very jobs that CreateModelCustomizationJob makes.

Knows nothing of how a job is run. `order.py` reads what is asked for, `shown.py` writes what a job is. A job made here
is a customization job in every other door, and theirs are listed here where OpenAI's API has words for them.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from ....api import customization
from ....call import Call
from ....custom import DEPLOYMENT
from ....dialects.openai_parts import fault
from ....errors import ConflictException, ResourceNotFoundException, ValidationException
from ....jobs import CUSTOM_MODEL, JOB, openai_graders
from ....names import fine_tuned, fine_tuned_id, id_in, new_id
from ....store.resources import Resource
from ...door import Answer, Request
from .. import asked, files
from ..paging import page
from . import shown
from .order import METHODS, Order, read

WAIT_S = 60.0
"""How long a caller who cancels or pauses is kept until the job has left: a worker may take 20 s for its checkpoint."""
MOST, USUAL = 1000, 20
"""Entries of a page."""
GRADER = "method.reinforcement.grader"


async def create(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/create; an Idempotency-Key makes one job."""
    body = request.json()
    order, token = read(body), _token(request)
    async with call.services.jobs.creating:
        job = await _earlier(call, token, body) or await _made(call, body, order, token)
    return Answer(await _shown(call, job))


def _token(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    return f"openai-{hashlib.sha256(key.encode()).hexdigest()[:48]}" if key else None


async def _earlier(call: Call, token: str | None, body: dict[str, Any]) -> Resource | None:
    """What this very request made before."""
    job = await call.services.resources.with_token(JOB, token) if token else None
    if job is not None and job.body.get("openai", {}).get("request") != body:
        raise ConflictException("The Idempotency-Key was used before, with other parameters.")
    return job


async def _made(call: Call, body: dict[str, Any], order: Order, token: str | None) -> Resource:
    base, base_id = await _base(call, order.model)
    for param in ("training_file", "validation_file"):
        await _check_file(call, getattr(order, param), param)
    for judge in openai_graders.models(order.grader or {}):
        if (await asked.find(call, judge)).output_modalities != ("TEXT",):
            raise fault(f"#: the model {judge} does not generate text and cannot judge", GRADER)
    id = new_id()
    members: dict[str, Any] = {"grader": order.grader} if order.grader else {}
    members["openai"] = {
        "request": body,
        "model": order.model,
        "training_file": order.training_file,
        "validation_file": order.validation_file,
        "suffix": body.get("suffix"),
        "metadata": order.metadata,
    }
    name = fine_tuned(base_id, order.suffix, id)
    told = _request(call, order, base, id) | ({"clientRequestToken": token} if token else {})
    try:
        return await customization.make(call, told, id, format=order.method, fineTunedModel=name, **members)
    except ValidationException as error:
        error.members.setdefault("param", "model")  # all else was checked here
        raise


def _request(call: Call, order: Order, base: str, id: str) -> dict[str, Any]:
    """The order as CreateModelCustomizationJob would be asked."""
    validation = [{"s3Uri": files.url(order.validation_file)}] if order.validation_file else []
    return {
        "jobName": shown.PREFIX + id,
        "customModelName": f"{order.suffix[:40].strip('-') or 'ft'}-{id}",
        "roleArn": f"arn:aws:iam::{call.services.settings.account_id}:role/fine-tuning",
        "baseModelIdentifier": base,
        "customizationType": METHODS[order.method].kind,
        "hyperParameters": order.hyperparameters,
        "trainingDataConfig": {"s3Uri": files.url(order.training_file)},
        "validationDataConfig": {"validators": validation},
        "outputDataConfig": {"s3Uri": files.url("fine-tuning/")},
    }


async def _base(call: Call, name: str) -> tuple[str, str]:
    """What is trained, as CreateModelCustomizationJob names it, and the foundation model at the bottom of it.

    ResourceNotFoundException in OpenAI's words.
    """
    deployment = fine_tuned_id(name) or id_in(name, DEPLOYMENT)
    id = id_in(name, CUSTOM_MODEL)
    if deployment:
        await asked.find(call, name)
        id = id_in((await call.services.resources.get(DEPLOYMENT, deployment)).body["target"], CUSTOM_MODEL)
    if id:
        custom = await _custom(call, id, name)
        return custom.body["modelArn"], custom.body["base"]["id"]
    model = await asked.find(call, name)
    if model.id.startswith("arn:"):
        raise fault(f"#: the model {name} cannot be fine-tuned", "model")
    return model.id, model.id


async def _custom(call: Call, id: str, name: str) -> Resource:
    try:
        return await call.services.resources.get(CUSTOM_MODEL, id)
    except ResourceNotFoundException as error:
        raise asked.absent(name) from error


async def _check_file(call: Call, id: str | None, param: str) -> None:
    if id is None:
        return
    try:
        file = await files.found(call, id)
    except ResourceNotFoundException as error:
        raise fault(f"#: invalid {param}: {id[:200]} does not exist", param) from error
    if file["purpose"] != "fine-tune":
        raise fault(f"#: invalid {param}: {id} was uploaded for {file['purpose']}, not for fine-tune", param)


async def list_all(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/list; the newest first."""
    every = [job for job in reversed(await call.services.resources.list(JOB)) if shown.is_shown(job)]
    kept = {shown.name(job): job for job in every if _has_metadata(job, request.query)}
    listed = page([{"id": name} for name in kept], request.query, MOST, USUAL)
    return Answer({**listed, "data": [await _shown(call, kept[one["id"]]) for one in listed["data"]]})


def _has_metadata(job: Resource, query: dict[str, str]) -> bool:
    """`metadata[k]=v` asks for that pair, `metadata=null` for jobs without metadata."""
    told = job.body.get("openai", {}).get("metadata")
    if query.get("metadata") == "null":
        return told is None
    wanted = {key[9:-1]: value for key, value in query.items() if key.startswith("metadata[")}
    return wanted.items() <= (told or {}).items()


async def retrieve(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/retrieve"""
    return Answer(await _shown(call, await _found(call, request)))


async def cancel(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/cancel; answers when the job has ended."""
    job = await _underway(call, request)
    await call.services.jobs.stop(job.id)
    return await _left(call, request, job)


async def pause(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/pause; answers when the worker has left."""
    job = await _underway(call, request)
    await call.services.jobs.pause(job.id)
    return await _left(call, request, job)


async def resume(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/resume"""
    job = await _underway(call, request)
    await call.services.jobs.resume(job.id)
    return Answer(await _shown(call, await _found(call, request)))


async def _underway(call: Call, request: Request) -> Resource:
    job = await _found(call, request)
    if job.body["status"] in shown.ENDS:
        raise ValidationException(f"Job has already ended: {shown.name(job)} is {shown.status(job.body)}.")
    return job


async def _left(call: Call, request: Request, job: Resource) -> Answer:
    await call.services.jobs.left(job.id, WAIT_S)
    return Answer(await _shown(call, await _found(call, request)))


async def events(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/list-events; the newest first."""
    job = await _found(call, request)
    return Answer(page(shown.events(job, await _reports(call, job)), request.query, MOST, USUAL))


async def checkpoints(call: Call, request: Request) -> Answer:
    """https://platform.openai.com/docs/api-reference/fine-tuning/list-checkpoints"""
    job = await _found(call, request)
    return Answer(page(shown.checkpoints(job, await _reports(call, job)), request.query, MOST, 10))


async def _found(call: Call, request: Request) -> Resource:
    """The job of a path. ResourceNotFoundException in OpenAI's words."""
    id = request.params["fine_tuning_job_id"]
    try:
        job = await call.services.resources.get(JOB, id.removeprefix(shown.PREFIX))
    except ResourceNotFoundException:
        job = None
    if job is None or not id.startswith(shown.PREFIX) or not shown.is_shown(job):
        words = f"Could not find fine tune: {id[:200]}"
        raise ResourceNotFoundException(words, param="fine_tune_id", code="fine_tune_not_found")
    return job


async def _reports(call: Call, job: Resource) -> list[dict[str, Any]]:
    return await asyncio.to_thread(call.services.jobs.folder(job.id).events)


async def _shown(call: Call, job: Resource) -> dict[str, Any]:
    return shown.job_object(job, await _reports(call, job))
