"""Custom models: get, list, delete.

Knows what the API says of a custom model; `jobs` makes them, `custom` serves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..call import Call
from ..custom import COPY
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
    "foundationModelArnEquals": lambda made, wanted: made.body["base"]["id"] == wanted.rpartition("/")[2],
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
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteCustomModel.html"""
    await remove(call, request["modelIdentifier"])
    return {}


async def remove(call: Call, identifier: str, along: Resource | None = None) -> None:
    """Delete a custom model; `along` is a deployment of it that goes with it.

    Refused while something else leans on it: a deployment, a provisioned throughput, a job that goes on from it or
    copies it, an adapter over its weights.
    """
    services = call.services
    async with services.deployments.changing:
        made = await find(call, CUSTOM_MODEL, identifier, CUSTOM_MODEL)
        leaning = [arn for arn in await _leaning(call, made) if along is None or arn != along.body["arn"]]
        if leaning:
            raise ConflictException(f"The custom model {made.name} is in use by {', '.join(leaning)[:1000]}.")
        if along is not None:
            await services.deployments.take_down(along)
        await services.imports.delete(made)
    for gone in (made.body["modelArn"], *([along.body["arn"]] if along else [])):
        await drop_tags(call, gone)


async def _leaning(call: Call, made: Resource) -> list[str]:
    arn, resources = made.body["modelArn"], call.services.resources
    training = [job.body["jobArn"] for job in await resources.list(JOB) if _needs(job, "baseModelArn", arn)]
    copying = [job.body["jobArn"] for job in await resources.list(COPY) if _needs(job, "sourceModelArn", arn)]
    models = await resources.list(CUSTOM_MODEL)
    over = [model.body["modelArn"] for model in models if _is_over(model, made)]
    return [*await call.services.deployments.leaning(arn), *training, *copying, *over]


def _is_over(model: Resource, made: Resource) -> bool:
    """Whether a custom model is an adapter over the weights of another."""
    return model.body.get("form") == "adapter" and model.body["base"].get("whole") == made.id


def _needs(job: Resource, member: str, arn: str) -> bool:
    return job.body[member] == arn and job.body["status"] in state.UNFINISHED


async def check_name(call: Call, name: str) -> None:
    """ConflictException unless a custom model's name is free, and no job under way will take it.

    Hold `jobs.creating` from here until what takes the name is in the records.
    """
    resources = call.services.resources
    jobs = {JOB: "customModelName", COPY: "targetModelName"}
    coming = [
        job.body[member]
        for kind, member in jobs.items()
        for job in await resources.list(kind)
        if job.body["status"] in state.UNFINISHED
    ]
    if name in coming or await resources.named(CUSTOM_MODEL, name):
        raise ConflictException(f"The custom model name {name} is already in use.")


def _summary(made: Resource, account: str) -> dict[str, Any]:
    names = ("modelArn", "modelName", "baseModelArn", "customizationType", "modelStatus")
    return {
        **{member: made.body[member] for member in names if member in made.body},
        "baseModelName": made.body["base"]["id"],
        "creationTime": created(made),
        "ownerAccountId": account,
    }
