"""Model customization jobs: create, get, list, stop.

Knows what a job may ask for; `jobs` runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import hyperparameters
from ..call import Call
from ..catalog import Model
from ..errors import ResourceNotFoundException, ServiceError, ValidationException
from ..jobs import CUSTOM_MODEL, JOB, graders, state
from ..names import arn, id_in, new_id
from ..services import Services
from ..store.resources import Resource
from ..turn import Reply, Turn
from ..wire.operation import operation
from .custom_models import check_name
from .listing import created, find, listed, moment, repeated
from .tags import check_tags

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        CreateModelCustomizationJobRequest,
        CreateModelCustomizationJobResponse,
        GetModelCustomizationJobRequest,
        GetModelCustomizationJobResponse,
        ListModelCustomizationJobsRequest,
        ListModelCustomizationJobsResponse,
        StopModelCustomizationJobRequest,
        StopModelCustomizationJobResponse,
    )

ARN = "model-customization-job"
VALIDATORS = 10
"""Validation files of one job, Bedrock's limit."""

ECHOED = (
    "jobArn", "jobName", "clientRequestToken", "roleArn", "status", "failureMessage", "baseModelArn",
    "hyperParameters", "trainingDataConfig", "validationDataConfig", "outputDataConfig", "customizationType",
    "outputModelArn", "trainingMetrics", "validationMetrics", "vpcConfig", "customizationConfig",
)  # fmt: skip
"""Members that a job's record and GetModelCustomizationJob have in common."""


@operation
async def create_model_customization_job(
    call: Call, request: CreateModelCustomizationJobRequest
) -> CreateModelCustomizationJobResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelCustomizationJob.html"""
    async with call.services.jobs.creating:
        job = await repeated(call, JOB, request) or await make(call, request, new_id())
    return {"jobArn": job.body["jobArn"]}


async def make(call: Call, request: Any, id: str, **members: Any) -> Resource:
    """A new job, in the records and in the queue. For callers that hold `jobs.creating`.

    `members` are what a job of another door has besides, in its record: `format` (jobs.data.FORMATS) of its data,
    `grader` of its own, `fineTunedModel`, a name under which the model shall answer when the job is completed.
    """
    kind = request.get("customizationType", "FINE_TUNING")
    if kind not in hyperparameters.METHODS:
        raise ValidationException(f"A job cannot have the customizationType {kind}.")
    hyperparameters.read(kind, hyperparameters.given(request))
    for tags in ("jobTags", "customModelTags"):
        check_tags(request.get(tags, []))
    extra = members if "grader" in members else await _method(call, kind, request.get("customizationConfig", {}))
    await _check_data(call, kind, request)
    await check_name(call, request["customModelName"])
    services = call.services
    async with services.deployments.changing:  # nobody deletes the base meanwhile
        base = await _base(call, request["baseModelIdentifier"])
        body = state.fresh(
            request,
            jobArn=arn(services.settings, ARN, base["id"], id),
            customizationType=kind,
            base=base,
            baseModelArn=base["arn"],
            **{**members, **extra},
        )
        name, token = request["jobName"], request.get("clientRequestToken")
        return await services.jobs.create(id, body, name, token)


async def _base(call: Call, identifier: str) -> dict[str, Any]:
    """What is trained: a foundation model whose weights are here, or a custom model, which goes on from there."""
    if id_in(identifier, CUSTOM_MODEL) or await call.services.resources.named(CUSTOM_MODEL, identifier):
        custom = await find(call, CUSTOM_MODEL, identifier, CUSTOM_MODEL)
        if custom.body["modelStatus"] != "Active":
            raise ValidationException(f"The custom model {custom.name} is {custom.body['modelStatus']}.")
        return {**_weights(call, custom), "arn": custom.body["modelArn"], "custom": custom.id}
    model = await call.services.catalog.resolve(identifier)
    _check_trainable(model)
    return {"id": model.id, "arn": model.arn, "source": model.source, "folder": model.folder}


def _weights(call: Call, custom: Resource) -> dict[str, Any]:
    """Where training goes on from: the custom model's adapter over what that was trained on, or its own weights."""
    folder, under = call.services.deployments.models.folder(CUSTOM_MODEL, custom.id), custom.body["base"]
    if custom.body["form"] == "adapter":
        return {**under, "adapter": str(folder / "adapter")}
    serving = custom.body.get("serving") or under.get("serving")
    whole = {"source": str(folder / "model.gguf"), "folder": str(folder / "hf"), "whole": custom.id}
    return {"id": under["id"], **whole, **({"serving": serving} if serving else {})}


def _check_trainable(model: Model) -> None:
    if model.remote:
        raise ValidationException(f"The model {model.id} runs on a server of somebody else and cannot be customized.")
    if model.output_modalities != ("TEXT",):
        raise ValidationException(f"The model {model.id} does not generate text and cannot be customized.")


async def _method(call: Call, kind: str, config: Any) -> dict[str, Any]:
    """What a method needs besides data, checked; further members of the job's record."""
    if kind == "DISTILLATION":
        return {"teacher": await _teacher(call, config)}
    if kind == "REINFORCEMENT_FINE_TUNING":
        grader = config.get("rftConfig", {}).get("graderConfig", {}).get("lambdaGrader")
        if not grader:
            raise ValidationException("customizationConfig.rftConfig.graderConfig.lambdaGrader is missing.")
        entry = graders.find(call.services.settings.home, grader["lambdaArn"])
        if "model" in entry:
            await _speaking(call, entry["model"], "judge")
    return {}


async def _teacher(call: Call, config: Any) -> str:
    """The id of the model that answers a distillation's prompts."""
    if "distillationConfig" not in config:
        raise ValidationException("customizationConfig.distillationConfig is missing.")
    teacher = config["distillationConfig"]["teacherModelConfig"]["teacherModelIdentifier"]
    return await _speaking(call, teacher, "teach")


async def _speaking(call: Call, identifier: str, task: str) -> str:
    """The id of a model that generates text. ValidationException for any other."""
    model = await call.services.catalog.resolve(identifier)
    if model.output_modalities != ("TEXT",):
        raise ValidationException(f"The model {model.id} does not generate text and cannot {task}.")
    return model.id


async def taught(services: Services, model_id: str, turn: Turn) -> Reply:
    """A teacher's answer, counted like any other."""
    call = Call("Distillation", "bedrock", new_id(), services)
    services.telemetry.begin(call)
    try:
        reply = await services.inference.reply(call, model_id, turn)
    except BaseException as error:
        services.telemetry.finish(call, error.status if isinstance(error, ServiceError) else 500, error)
        raise
    services.telemetry.finish(call, 200, None)
    return reply


async def _check_data(call: Call, kind: str, request: Any) -> None:
    """Every object that the job will read is there, and the bucket that it will write to."""
    source = request["trainingDataConfig"]
    if "invocationLogsConfig" in source and kind != "DISTILLATION":
        raise ValidationException("Only a DISTILLATION takes its data from invocation logs (invocationLogsConfig).")
    if logs := source.get("invocationLogsConfig", {}).get("invocationLogSource"):
        await _accessible(call.services.objects.list(logs["s3Uri"]), logs["s3Uri"])
    elif "s3Uri" not in source:
        raise ValidationException("trainingDataConfig.s3Uri is missing.")
    validators = request.get("validationDataConfig", {}).get("validators", [])
    if len(validators) > VALIDATORS:
        raise ValidationException(f"A job takes at most {VALIDATORS} validation files, not {len(validators)}.")
    train = [source["s3Uri"]] if "s3Uri" in source else []
    for place in (*train, *(validator["s3Uri"] for validator in validators)):
        await _accessible(call.services.objects.head(place), place)
    out = request["outputDataConfig"]["s3Uri"]
    await _accessible(call.services.objects.list(f"{out.rstrip('/')}/"), out)
    call.services.objects.check_below(out.rstrip("/"))


async def _accessible(look: Any, place: str) -> None:
    try:
        await look
    except ResourceNotFoundException as error:
        raise ValidationException(f"The S3 location {place} is not accessible: {error.message}") from error


@operation
async def get_model_customization_job(
    call: Call, request: GetModelCustomizationJobRequest
) -> GetModelCustomizationJobResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelCustomizationJob.html"""
    job = await find(call, JOB, request["jobIdentifier"], ARN)
    body = job.body
    shown = {member: body[member] for member in ECHOED if member in body}
    shown |= _times(job) | {"outputModelName": body["customModelName"], "statusDetails": _details(body)}
    return {"validationDataConfig": {"validators": []}, **shown}  # type: ignore[typeddict-item]


@operation
async def list_model_customization_jobs(
    call: Call, request: ListModelCustomizationJobsRequest
) -> ListModelCustomizationJobsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListModelCustomizationJobs.html"""
    jobs, token = await listed(call, JOB, request, {"statusEquals": lambda job, wanted: job.body["status"] == wanted})
    return {"modelCustomizationJobSummaries": [_summary(job) for job in jobs], **token}  # type: ignore[typeddict-item]


@operation
async def stop_model_customization_job(
    call: Call, request: StopModelCustomizationJobRequest
) -> StopModelCustomizationJobResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_StopModelCustomizationJob.html"""
    job = await find(call, JOB, request["jobIdentifier"], ARN)
    await call.services.jobs.stop(job.id)
    return {}


def _summary(job: Resource) -> dict[str, Any]:
    body = job.body
    model = {"customModelArn": body["outputModelArn"]} if "outputModelArn" in body else {}
    names = {member: body[member] for member in ("jobArn", "jobName", "status", "baseModelArn", "customizationType")}
    return {
        **names,
        **_times(job),
        **model,
        "customModelName": body["customModelName"],
        "statusDetails": _details(body),
    }


def _times(job: Resource) -> dict[str, Any]:
    ended = {"endTime": moment(job.body["endTime"])} if "endTime" in job.body else {}
    return {"creationTime": created(job), "lastModifiedTime": moment(job.body["lastModifiedTime"]), **ended}


def _details(body: dict[str, Any]) -> dict[str, Any]:
    return {
        member: {name: value if name == "status" else moment(value) for name, value in phase.items()}
        for member, phase in body["statusDetails"].items()
    }
