"""Custom models: get, list, delete.

Knows what the API says of a custom model; `jobs` makes them, `custom` serves them.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

from ..call import Call
from ..errors import ConflictException
from ..jobs import CUSTOM_MODEL, JOB, state
from ..store.resources import Resource
from ..wire.operation import operation
from .listing import created, find, listed
from .tags import drop_tags

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        DeleteCustomModelRequest,
        DeleteCustomModelResponse,
        GetCustomModelRequest,
        GetCustomModelResponse,
        ListCustomModelsRequest,
        ListCustomModelsResponse,
    )

SHOWN = (
    "modelArn", "modelName", "jobName", "jobArn", "baseModelArn", "customizationType", "hyperParameters",
    "trainingDataConfig", "validationDataConfig", "outputDataConfig", "trainingMetrics", "validationMetrics",
    "customizationConfig", "modelStatus", "failureMessage",
)  # fmt: skip
"""Members that a custom model's record and GetCustomModel have in common."""

FILTERS = {
    "baseModelArnEquals": lambda made, wanted: made.body["baseModelArn"] == wanted,
    "foundationModelArnEquals": lambda made, wanted: made.body["baseModelArn"] == wanted,
    "modelStatus": lambda made, wanted: made.body["modelStatus"] == wanted,
    "isOwned": lambda made, wanted: wanted,
}
"""Request member of ListCustomModels -> whether a custom model passes. There is one account, which owns all."""


@operation
async def get_custom_model(call: Call, request: GetCustomModelRequest) -> GetCustomModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetCustomModel.html"""
    made = await find(call, CUSTOM_MODEL, request["modelIdentifier"], CUSTOM_MODEL)
    shown = {member: made.body[member] for member in SHOWN if member in made.body}
    return {**shown, "creationTime": created(made)}  # type: ignore[return-value]


@operation
async def list_custom_models(call: Call, request: ListCustomModelsRequest) -> ListCustomModelsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListCustomModels.html"""
    found, token = await listed(call, CUSTOM_MODEL, request, FILTERS)
    account = call.services.settings.account_id
    return {"modelSummaries": [_summary(made, account) for made in found], **token}  # type: ignore[typeddict-item]


@operation
async def delete_custom_model(call: Call, request: DeleteCustomModelRequest) -> DeleteCustomModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteCustomModel.html

    Refused while something leans on it: a deployment, a provisioned throughput, a job that goes on from it.
    """
    services = call.services
    async with services.deployments.changing:
        made = await find(call, CUSTOM_MODEL, request["modelIdentifier"], CUSTOM_MODEL)
        if leaning := await _leaning(call, made):
            raise ConflictException(f"The custom model {made.name} is in use by {', '.join(leaning)[:1000]}.")
        services.imports.stop(made)
        await services.resources.delete(CUSTOM_MODEL, made.id)
    await drop_tags(call, made.body["modelArn"])
    folder = services.deployments.models.folder(CUSTOM_MODEL, made.id)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return {}


async def _leaning(call: Call, made: Resource) -> list[str]:
    arn = made.body["modelArn"]
    jobs = await call.services.resources.list(JOB)
    training = [job.body["jobArn"] for job in jobs if _trains(job, arn)]
    return [*await call.services.deployments.leaning(arn), *training]


def _trains(job: Resource, arn: str) -> bool:
    return job.body["baseModelArn"] == arn and job.body["status"] in state.UNFINISHED


def _summary(made: Resource, account: str) -> dict[str, Any]:
    names = ("modelArn", "modelName", "baseModelArn", "customizationType", "modelStatus")
    return {
        **{member: made.body[member] for member in names if member in made.body},
        "baseModelName": made.body["base"]["id"],
        "creationTime": created(made),
        "ownerAccountId": account,
    }
