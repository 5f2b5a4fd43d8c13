"""Custom model deployments: create, get, list, update, delete.

Knows what the API says of a deployment; `custom.deployments` brings it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..call import Call
from ..custom import DEPLOYMENT, fresh, wanting
from ..errors import ConflictException, ValidationException
from ..jobs import CUSTOM_MODEL
from ..names import arn, new_id
from ..store.resources import Resource
from ..wire.operation import operation
from .listing import COMMON, created, find, listed, moment, repeated
from .tags import check_tags, drop_tags

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        CreateCustomModelDeploymentRequest,
        CreateCustomModelDeploymentResponse,
        DeleteCustomModelDeploymentRequest,
        DeleteCustomModelDeploymentResponse,
        GetCustomModelDeploymentRequest,
        GetCustomModelDeploymentResponse,
        ListCustomModelDeploymentsRequest,
        ListCustomModelDeploymentsResponse,
        UpdateCustomModelDeploymentRequest,
        UpdateCustomModelDeploymentResponse,
    )

FILTERS = {
    "createdAfter": COMMON["creationTimeAfter"],
    "createdBefore": COMMON["creationTimeBefore"],
    "statusEquals": lambda made, wanted: made.body["status"] == wanted,
    "modelArnEquals": lambda made, wanted: made.body["target"] == wanted,
}
"""Request member of ListCustomModelDeployments -> whether a deployment passes."""


@operation
async def create_custom_model_deployment(
    call: Call, request: CreateCustomModelDeploymentRequest
) -> CreateCustomModelDeploymentResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateCustomModelDeployment.html"""
    async with call.services.deployments.changing:
        made = await repeated(call, DEPLOYMENT, request) or await _made(call, request)
    return {"customModelDeploymentArn": made.body["arn"]}


async def _made(call: Call, request: Any) -> Resource:
    check_tags(request.get("tags", []))
    custom = await find(call, CUSTOM_MODEL, request["modelArn"], CUSTOM_MODEL)
    check_active(custom)
    id, services, name = new_id(), call.services, request["modelDeploymentName"]
    body = fresh(request, arn(services.settings, DEPLOYMENT, id), custom.body["modelArn"])
    try:
        token = request.get("clientRequestToken")
        made = await services.resources.create(DEPLOYMENT, id, body, name=name, token=token)
    except ConflictException as error:  # which this operation does not model
        raise ValidationException(f"A custom model deployment named {name} exists already.") from error
    services.deployments.bring_up(made)
    return made


def check_active(custom: Resource) -> None:
    """Raise ValidationException for a custom model that is not whole."""
    if custom.body["modelStatus"] != "Active":
        raise ValidationException(f"The custom model {custom.name} is {custom.body['modelStatus']}, not Active.")


@operation
async def get_custom_model_deployment(
    call: Call, request: GetCustomModelDeploymentRequest
) -> GetCustomModelDeploymentResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetCustomModelDeployment.html"""
    made = await _find(call, request)
    body = made.body
    shown = _common(made) | {"modelDeploymentName": made.name}
    if "description" in body:
        shown["description"] = body["description"]
    if "update" in body:
        shown["updateDetails"] = {"modelArn": body["update"]["target"], "updateStatus": body["update"]["status"]}
    return shown  # type: ignore[return-value]


@operation
async def list_custom_model_deployments(
    call: Call, request: ListCustomModelDeploymentsRequest
) -> ListCustomModelDeploymentsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListCustomModelDeployments.html"""
    found, token = await listed(call, DEPLOYMENT, request, FILTERS)
    summaries = [_common(made) | {"customModelDeploymentName": made.name} for made in found]
    return {"modelDeploymentSummaries": summaries, **token}  # type: ignore[typeddict-item]


@operation
async def update_custom_model_deployment(
    call: Call, request: UpdateCustomModelDeploymentRequest
) -> UpdateCustomModelDeploymentResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_UpdateCustomModelDeployment.html

    The model that the deployment had answers until the new one is loaded.
    """
    async with call.services.deployments.changing:
        made = await _find(call, request)
        custom = await find(call, CUSTOM_MODEL, request["modelArn"], CUSTOM_MODEL)
        check_active(custom)
        changed = await call.services.resources.change(DEPLOYMENT, made.id, wanting(custom.body["modelArn"]))
    call.services.deployments.bring_up(changed)
    return {"customModelDeploymentArn": made.body["arn"]}


@operation
async def delete_custom_model_deployment(
    call: Call, request: DeleteCustomModelDeploymentRequest
) -> DeleteCustomModelDeploymentResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteCustomModelDeployment.html"""
    made = await _find(call, request)
    await call.services.deployments.take_down(made)
    await drop_tags(call, made.body["arn"])
    return {}


async def _find(call: Call, request: Any) -> Resource:
    return await find(call, DEPLOYMENT, request["customModelDeploymentIdentifier"], DEPLOYMENT)


def _common(made: Resource) -> dict[str, Any]:
    """What Get and List both show."""
    body = made.body
    failure = {"failureMessage": body["failureMessage"]} if "failureMessage" in body else {}
    return {
        "customModelDeploymentArn": body["arn"],
        "modelArn": body["target"],
        "createdAt": created(made),
        "status": body["status"],
        "lastUpdatedAt": moment(body["changed"]),
        **failure,
    }
