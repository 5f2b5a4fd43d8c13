"""Provisioned throughput: create, get, list, update, delete.

A model unit is custom.UNIT slots of the model's engine, kept for requests by this name: they never wait behind
others', and have no more than theirs. A commitment is recorded and kept; nothing is billed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..call import Call
from ..custom import PROVISIONED, UNIT, fresh, wanting
from ..errors import ConflictException, ResourceNotFoundException, ServiceQuotaExceededException, ValidationException
from ..jobs import CUSTOM_MODEL
from ..names import arn, id_in, new_id
from ..store.resources import Resource
from ..wire.operation import operation
from .deployments import check_active
from .listing import created, find, listed, moment, repeated
from .tags import check_tags, drop_tags

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        CreateProvisionedModelThroughputRequest,
        CreateProvisionedModelThroughputResponse,
        DeleteProvisionedModelThroughputRequest,
        DeleteProvisionedModelThroughputResponse,
        GetProvisionedModelThroughputRequest,
        GetProvisionedModelThroughputResponse,
        ListProvisionedModelThroughputsRequest,
        ListProvisionedModelThroughputsResponse,
        UpdateProvisionedModelThroughputRequest,
        UpdateProvisionedModelThroughputResponse,
    )

DAY_S = 86_400
COMMITMENTS = {"OneMonth": 30 * DAY_S, "SixMonths": 180 * DAY_S}
"""commitmentDuration -> seconds."""

FILTERS = {
    "statusEquals": lambda made, wanted: _status(made) == wanted,
    "modelArnEquals": lambda made, wanted: _arn_of(made.body, made.body["target"]) == wanted,
}
"""Request member of ListProvisionedModelThroughputs -> whether one passes."""


@operation
async def create_provisioned_model_throughput(
    call: Call, request: CreateProvisionedModelThroughputRequest
) -> CreateProvisionedModelThroughputResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateProvisionedModelThroughput.html"""
    async with call.services.deployments.changing:
        made = await repeated(call, PROVISIONED, request) or await _made(call, request)
    return {"provisionedModelArn": made.body["arn"]}


async def _made(call: Call, request: Any) -> Resource:
    check_tags(request.get("tags", []))
    leads = await _leads(call, request["modelId"])
    await _check_room(call, leads["engine"], request["modelUnits"])
    id, services, name = new_id(), call.services, request["provisionedModelName"]
    term = COMMITMENTS.get(request.get("commitmentDuration", ""))
    until: dict[str, Any] = {"commitmentExpires": time.time() + term} if term else {}
    body = fresh(request, arn(services.settings, PROVISIONED, id), **leads, **until)
    try:
        token = request.get("clientRequestToken")
        made = await services.resources.create(PROVISIONED, id, body, name=name, token=token)
    except ConflictException as error:  # which this operation does not model
        raise _taken(name) from error
    services.deployments.bring_up(made)
    return made


async def _leads(call: Call, identifier: str) -> dict[str, Any]:
    """Where a throughput leads: target, ARNs, and the engine whose slots it takes."""
    try:
        custom = await find(call, CUSTOM_MODEL, identifier, CUSTOM_MODEL)
    except ResourceNotFoundException:
        model = await call.services.catalog.resolve(identifier)
        if model.id.startswith("arn:"):
            raise ValidationException(f"{identifier} cannot be given provisioned throughput.") from None
        return {"target": model.id, "foundationModelArn": model.arn, "engine": model.engine}
    check_active(custom)
    model = await call.services.deployments.models.of(custom, custom.body["modelArn"])
    if custom.body["base"]["id"] in (await call.services.catalog.snapshot()).models:
        foundation = (await call.services.catalog.resolve(custom.body["base"]["id"])).arn
    else:  # imported weights have none
        foundation = f"arn:aws:bedrock:{call.services.settings.region}::foundation-model/imported.model"
    return {"target": custom.body["modelArn"], "foundationModelArn": foundation, "engine": model.engine}


async def _check_room(call: Call, engine: str, units: int) -> None:
    """Raise ServiceQuotaExceededException where an engine would have no slot left for anybody else."""
    others = await call.services.resources.list(PROVISIONED)
    taken = UNIT * sum(other.body["modelUnits"] for other in others if other.body["engine"] == engine)
    slots = call.services.settings.engine_slots
    if taken + units * UNIT >= slots:
        raise ServiceQuotaExceededException(
            f"A model unit is {UNIT} concurrent requests. The engine of this model has {slots} slots (engine_slots), "
            f"of which {taken} are reserved and one at least is for everybody: {units} more units do not fit."
        )


def _taken(name: str) -> ValidationException:
    return ValidationException(f"A provisioned throughput named {name} exists already.")


@operation
async def get_provisioned_model_throughput(
    call: Call, request: GetProvisionedModelThroughputRequest
) -> GetProvisionedModelThroughputResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetProvisionedModelThroughput.html"""
    made = await _find(call, request)
    failure = {"failureMessage": made.body["failureMessage"]} if "failureMessage" in made.body else {}
    return {**_shown(made), **failure}  # type: ignore[return-value]


@operation
async def list_provisioned_model_throughputs(
    call: Call, request: ListProvisionedModelThroughputsRequest
) -> ListProvisionedModelThroughputsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListProvisionedModelThroughputs.html"""
    found, token = await listed(call, PROVISIONED, request, FILTERS)
    return {"provisionedModelSummaries": [_shown(made) for made in found], **token}  # type: ignore[typeddict-item]


@operation
async def update_provisioned_model_throughput(
    call: Call, request: UpdateProvisionedModelThroughputRequest
) -> UpdateProvisionedModelThroughputResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_UpdateProvisionedModelThroughput.html

    The model may be changed for another one of the same base; the one before answers until then.
    """
    services = call.services
    async with services.deployments.changing:
        made = await _find(call, request)
        leads = await _leads(call, request["desiredModelId"]) if "desiredModelId" in request else None
        if leads and leads["foundationModelArn"] != made.body["foundationModelArn"]:
            raise ValidationException("A provisioned throughput can only be given another model of the same base.")
        if leads and leads["engine"] != made.body["engine"]:
            await _check_room(call, leads["engine"], made.body["modelUnits"])
        if name := request.get("desiredProvisionedModelName"):
            await _rename(call, made, name)
        if leads:
            changed = await services.resources.change(PROVISIONED, made.id, wanting(leads["target"]))
            services.deployments.bring_up(changed)
    return {}


async def _rename(call: Call, made: Resource, name: str) -> None:
    try:
        await call.services.resources.rename(PROVISIONED, made.id, name)
    except ConflictException as error:
        raise _taken(name) from error
    call.services.deployments.models.forget()


@operation
async def delete_provisioned_model_throughput(
    call: Call, request: DeleteProvisionedModelThroughputRequest
) -> DeleteProvisionedModelThroughputResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteProvisionedModelThroughput.html"""
    made = await _find(call, request)
    if made.body.get("commitmentExpires", 0) > time.time():
        until = moment(made.body["commitmentExpires"]).strftime("%Y-%m-%d")
        raise ConflictException(f"A provisioned throughput cannot be deleted before its commitment ends, on {until}.")
    await call.services.deployments.take_down(made)
    await drop_tags(call, made.body["arn"])
    return {}


async def _find(call: Call, request: Any) -> Resource:
    return await find(call, PROVISIONED, request["provisionedModelId"], PROVISIONED)


def _status(made: Resource) -> str:
    updating = made.body.get("update", {}).get("status") == "Updating"
    return "Updating" if updating else made.body["status"]


def _shown(made: Resource) -> dict[str, Any]:
    """What Get and List both show."""
    body = made.body
    now, wanted = _arn_of(body, body["target"]), _arn_of(body, body["wanted"])
    shown = {
        "provisionedModelName": made.name,
        "provisionedModelArn": body["arn"],
        "modelArn": now,
        "desiredModelArn": wanted,
        "foundationModelArn": body["foundationModelArn"],
        "modelUnits": body["modelUnits"],
        "desiredModelUnits": body["modelUnits"],
        "status": _status(made),
        "creationTime": created(made),
        "lastModifiedTime": moment(body["changed"]),
    }
    if "commitmentExpires" in body:
        term = {"commitmentExpirationTime": moment(body["commitmentExpires"])}
        shown |= {"commitmentDuration": body["commitmentDuration"], **term}
    return shown


def _arn_of(body: dict[str, Any], target: str) -> str:
    """The ARN of a target: a custom model's own, or the foundation model's."""
    return target if id_in(target, CUSTOM_MODEL) else body["foundationModelArn"]
