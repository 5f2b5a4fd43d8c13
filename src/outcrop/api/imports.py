"""Models of a caller's own weights: import jobs, imported models, CreateCustomModel.

Knows what the API says of them; `custom.imports` brings the weights.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..call import Call
from ..custom import IMPORT, IMPORTED
from ..errors import ConflictException, OperationNotImplementedException, ResourceNotFoundException, ValidationException
from ..jobs import CUSTOM_MODEL
from ..names import arn, new_id
from ..store.resources import Resource
from ..wire.operation import operation
from .custom_models import check_name
from .listing import created, find, listed, moment, repeated
from .tags import check_tags, drop_tags

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        CreateCustomModelRequest,
        CreateCustomModelResponse,
        CreateModelImportJobRequest,
        CreateModelImportJobResponse,
        DeleteImportedModelRequest,
        DeleteImportedModelResponse,
        GetImportedModelRequest,
        GetImportedModelResponse,
        GetModelImportJobRequest,
        GetModelImportJobResponse,
        ListImportedModelsRequest,
        ListImportedModelsResponse,
        ListModelImportJobsRequest,
        ListModelImportJobsResponse,
    )

STATUS = {"statusEquals": lambda job, wanted: job.body["status"] == wanted}


@operation
async def create_model_import_job(call: Call, request: CreateModelImportJobRequest) -> CreateModelImportJobResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelImportJob.html"""
    async with call.services.jobs.creating:
        job = await repeated(call, IMPORT, request) or await _begun(call, request)
    return {"jobArn": job.body["jobArn"]}


async def _begun(call: Call, request: Any) -> Resource:
    services, id, name = call.services, new_id(), request["importedModelName"]
    for tags in ("jobTags", "importedModelTags"):
        check_tags(request.get(tags, []))
    await _accessible(call, request["modelDataSource"])
    others = await services.resources.list(IMPORT)
    underway = any(job.body["importedModelName"] == name and job.body["status"] == "InProgress" for job in others)
    if underway or await services.resources.named(IMPORTED, name):
        raise ConflictException(f"The imported model name {name} is already in use.")
    body = {
        **request,
        "jobArn": arn(services.settings, IMPORT, id),
        "modelArn": arn(services.settings, IMPORTED, id),
        "status": "InProgress",
        "lastModifiedTime": time.time(),
    }
    token = request.get("clientRequestToken")
    job = await services.resources.create(IMPORT, id, body, name=request["jobName"], token=token)
    services.imports.start(job)
    return job


@operation
async def create_custom_model(call: Call, request: CreateCustomModelRequest) -> CreateCustomModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateCustomModel.html

    The weights are a folder of safetensors in object storage, of any model that can be imported.
    """
    async with call.services.jobs.creating:
        made = await repeated(call, CUSTOM_MODEL, request) or await _made(call, request)
    return {"modelArn": made.body["modelArn"]}


async def _made(call: Call, request: Any) -> Resource:
    services, id, name = call.services, new_id(), request["modelName"]
    if "customModelDataSource" in request:
        raise OperationNotImplementedException("Outcrop does not take model packages (customModelDataSource).")
    if "modelSourceConfig" not in request:
        raise ValidationException("modelSourceConfig is missing.")
    check_tags(request.get("modelTags", []))
    await _accessible(call, request["modelSourceConfig"])
    await check_name(call, name)
    model_arn = arn(services.settings, CUSTOM_MODEL, "imported", id)
    body = {
        **request,
        "modelArn": model_arn,
        "modelStatus": "Creating",
        "customizationType": "IMPORTED",
        "base": {"id": "imported.model", "arn": model_arn},
        "baseModelArn": model_arn,
        "customModelTags": request.get("modelTags", []),
    }
    token = request.get("clientRequestToken")
    made = await services.resources.create(CUSTOM_MODEL, id, body, name=name, token=token)
    services.imports.start(made)
    return made


async def _accessible(call: Call, source: Any) -> None:
    """Raise ValidationException where there is nothing to import."""
    url = source.get("s3DataSource", {}).get("s3Uri", "")
    try:
        found = await call.services.objects.list(f"{url.rstrip('/')}/")
    except ResourceNotFoundException as error:
        raise ValidationException(f"The S3 location {url} is not accessible: {error.message}") from error
    if not found:
        raise ValidationException(f"The S3 location {url} is empty.")


@operation
async def get_model_import_job(call: Call, request: GetModelImportJobRequest) -> GetModelImportJobResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelImportJob.html"""
    job = await find(call, IMPORT, request["jobIdentifier"], IMPORT)
    names = ("jobArn", "jobName", "importedModelName", "importedModelArn", "roleArn", "modelDataSource", "status",
             "failureMessage", "vpcConfig")  # fmt: skip
    return {**_members(job, *names), **_times(job)}  # type: ignore[return-value]


@operation
async def list_model_import_jobs(call: Call, request: ListModelImportJobsRequest) -> ListModelImportJobsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListModelImportJobs.html"""
    jobs, token = await listed(call, IMPORT, request, STATUS)
    names = ("jobArn", "jobName", "status", "importedModelArn", "importedModelName")
    return {"modelImportJobSummaries": [_members(job, *names) | _times(job) for job in jobs], **token}  # type: ignore[typeddict-item]


@operation
async def get_imported_model(call: Call, request: GetImportedModelRequest) -> GetImportedModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetImportedModel.html"""
    made = await find(call, IMPORTED, request["modelIdentifier"], IMPORTED)
    names = ("jobName", "jobArn", "modelDataSource")
    return {**_members(made, *names), **_imported(made)}  # type: ignore[return-value]


@operation
async def list_imported_models(call: Call, request: ListImportedModelsRequest) -> ListImportedModelsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListImportedModels.html"""
    found, token = await listed(call, IMPORTED, request, {})
    return {"modelSummaries": [_imported(made) for made in found], **token}  # type: ignore[typeddict-item]


@operation
async def delete_imported_model(call: Call, request: DeleteImportedModelRequest) -> DeleteImportedModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteImportedModel.html"""
    made = await find(call, IMPORTED, request["modelIdentifier"], IMPORTED)
    await call.services.imports.delete(made)
    call.services.engines.unload(made.body["modelArn"])
    await drop_tags(call, made.body["modelArn"])
    return {}


def _imported(made: Resource) -> dict[str, Any]:
    return {
        **_members(made, "modelArn", "instructSupported", "modelArchitecture"),
        "modelName": made.name,
        "creationTime": created(made),
    }


def _members(made: Resource, *names: str) -> dict[str, Any]:
    return {name: made.body[name] for name in names if name in made.body}


def _times(job: Resource) -> dict[str, Any]:
    ended = {"endTime": moment(job.body["endTime"])} if "endTime" in job.body else {}
    return {"creationTime": created(job), "lastModifiedTime": moment(job.body["lastModifiedTime"]), **ended}
