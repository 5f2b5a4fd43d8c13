"""Resource policies: kept and given back. Nobody is refused by one: there is one account, and its keys may do all.

Knows nothing of what a policy means, beyond that it is a JSON object.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from ..call import Call
from ..errors import ConflictException, ResourceNotFoundException, ValidationException
from ..wire.operation import operation
from .tags import check_taggable

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        DeleteResourcePolicyRequest,
        DeleteResourcePolicyResponse,
        GetResourcePolicyRequest,
        GetResourcePolicyResponse,
        PutResourcePolicyRequest,
        PutResourcePolicyResponse,
    )

POLICY = "resource-policy"
"""Kind of the record; its id is the ARN of what the policy is on."""


@operation(service="bedrock", kind="state only")
async def put_resource_policy(call: Call, request: PutResourcePolicyRequest) -> PutResourcePolicyResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_PutResourcePolicy.html"""
    arn, policy = request["resourceArn"], request["resourcePolicy"]
    try:
        await check_taggable(call, arn)
    except ResourceNotFoundException as error:  # which this operation does not model
        raise ValidationException(error.message) from error
    if not _is_object(policy):
        raise ValidationException("The resource policy is not a JSON object.")
    with suppress(ConflictException):
        await call.services.resources.create(POLICY, arn, {})
    await call.services.resources.change(POLICY, arn, lambda _: {"policy": policy})
    return {"resourceArn": arn}


@operation(service="bedrock", kind="state only")
async def get_resource_policy(call: Call, request: GetResourcePolicyRequest) -> GetResourcePolicyResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetResourcePolicy.html"""
    kept = await call.services.resources.get(POLICY, request["resourceArn"])
    return {"resourcePolicy": kept.body["policy"]}


@operation(service="bedrock", kind="state only")
async def delete_resource_policy(call: Call, request: DeleteResourcePolicyRequest) -> DeleteResourcePolicyResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteResourcePolicy.html"""
    await call.services.resources.delete(POLICY, request["resourceArn"])
    return {}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
