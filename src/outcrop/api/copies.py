"""Model copy jobs: a custom model under another name, with files of its own.

There is one account and one region, so that a copy is made where its source is. `custom.imports` copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..call import Call
from ..custom import COPY
from ..errors import ConflictException, ResourceNotFoundException, ValidationException
from ..jobs import CUSTOM_MODEL
from ..names import arn, id_in, new_id
from ..store.resources import Resource
from ..wire.operation import operation
from .custom_models import check_name
from .deployments import check_active
from .listing import created, find, listed, repeated
from .tags import check_tags

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        CreateModelCopyJobRequest,
        CreateModelCopyJobResponse,
        GetModelCopyJobRequest,
        GetModelCopyJobResponse,
        ListModelCopyJobsRequest,
        ListModelCopyJobsResponse,
    )

FILTERS = {
    "statusEquals": lambda job, wanted: job.body["status"] == wanted,
    "sourceAccountEquals": lambda job, wanted: job.body["sourceAccountId"] == wanted,
    "sourceModelArnEquals": lambda job, wanted: job.body["sourceModelArn"] == wanted,
    "targetModelNameContains": lambda job, wanted: wanted in job.body["targetModelName"],
}
"""Request member of ListModelCopyJobs -> whether a job passes."""

SHOWN = ("jobArn", "status", "targetModelArn", "targetModelName", "sourceAccountId", "sourceModelArn",
         "targetModelTags", "failureMessage", "sourceModelName")  # fmt: skip


@operation
async def create_model_copy_job(call: Call, request: CreateModelCopyJobRequest) -> CreateModelCopyJobResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelCopyJob.html"""
    async with call.services.jobs.creating:
        job = await repeated(call, COPY, request) or await _begun(call, request)
    return {"jobArn": job.body["jobArn"]}


async def _begun(call: Call, request: Any) -> Resource:
    services, id, name = call.services, new_id(), request["targetModelName"]
    check_tags(request.get("targetModelTags", []))
    try:
        await check_name(call, name)
    except ConflictException as error:  # which this operation does not model
        raise ValidationException(error.message) from error
    async with services.deployments.changing:  # nobody deletes the source meanwhile
        source = await find(call, CUSTOM_MODEL, request["sourceModelArn"], CUSTOM_MODEL)
        check_active(source)
        path = source.body["modelArn"].split("/")[1]
        body = {
            **request,
            "jobArn": arn(services.settings, COPY, id),
            "status": "InProgress",
            "sourceAccountId": services.settings.account_id,
            "sourceModelName": source.name,
            "targetModelArn": arn(services.settings, CUSTOM_MODEL, path, id),
        }
        job = await services.resources.create(COPY, id, body, token=request.get("clientRequestToken"))
    services.imports.start(job)
    return job


@operation
async def get_model_copy_job(call: Call, request: GetModelCopyJobRequest) -> GetModelCopyJobResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelCopyJob.html"""
    if id_in(request["jobArn"], COPY) is None:
        raise ResourceNotFoundException(f"The provided identifier could not be found: {request['jobArn'][:200]}")
    return _shown(await find(call, COPY, request["jobArn"], COPY))  # type: ignore[return-value]


@operation
async def list_model_copy_jobs(call: Call, request: ListModelCopyJobsRequest) -> ListModelCopyJobsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListModelCopyJobs.html"""
    jobs, token = await listed(call, COPY, request, FILTERS)
    return {"modelCopyJobSummaries": [_shown(job) for job in jobs], **token}  # type: ignore[typeddict-item]


def _shown(job: Resource) -> dict[str, Any]:
    return {**{name: job.body[name] for name in SHOWN if name in job.body}, "creationTime": created(job)}
