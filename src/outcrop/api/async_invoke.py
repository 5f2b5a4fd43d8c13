"""StartAsyncInvoke, GetAsyncInvoke and ListAsyncInvokes: a body of the model's family, answered in the background.

Knows what an invocation may ask for; `asynchronous` runs it. The answer is the body that InvokeModel would give, at
<s3Uri>/<invocation id>/output.json (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-marengo.html,
docs.aws.amazon.com/nova/latest/userguide/video-gen-access.html: a folder named after the invocation).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from ..asynchronous import INVOCATION
from ..call import Call, Identity
from ..errors import ConflictException, ResourceNotFoundException, ServiceError, ValidationException
from ..invocation_log import logged
from ..names import arn, id_in, new_id
from ..store.resources import Resource
from ..wire.operation import operation
from . import invoke
from .listing import Filters, created, listed, moment

if TYPE_CHECKING:
    from ..services import Services
    from ..shapes.bedrock_runtime import (
        GetAsyncInvokeRequest,
        GetAsyncInvokeResponse,
        ListAsyncInvokesRequest,
        ListAsyncInvokesResponse,
        StartAsyncInvokeRequest,
        StartAsyncInvokeResponse,
    )

ARN = "async-invoke"

ECHOED = ("invocationArn", "modelArn", "clientRequestToken", "status", "failureMessage", "outputDataConfig")
"""Members that the record and the answer have in common."""

KEPT = ("clientRequestToken", "outputDataConfig", "tags")
"""Members of the request that the record keeps as they are."""

FILTERS: Filters = {
    "submitTimeAfter": lambda invocation, moment: created(invocation) > moment,
    "submitTimeBefore": lambda invocation, moment: created(invocation) < moment,
    "statusEquals": lambda invocation, status: invocation.body["status"] == status,
}


@operation
async def start_async_invoke(call: Call, request: StartAsyncInvokeRequest) -> StartAsyncInvokeResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_StartAsyncInvoke.html"""
    token, digest = request.get("clientRequestToken"), _digest(request)
    made = await call.services.resources.with_token(INVOCATION, token) if token else None
    if made is None:
        body = await _body(call, request, id := new_id())
        model_input = request["modelInput"]
        made = await call.services.async_invokes.start(id, {**body, "digest": digest}, model_input, token)
    if made.body["digest"] != digest:
        raise ConflictException("The clientRequestToken was used before, with other parameters.")
    return {"invocationArn": made.body["invocationArn"]}


def _digest(request: Any) -> str:
    asked = {member: value for member, value in request.items() if member != "clientRequestToken"}
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def _body(call: Call, request: Any, id: str) -> dict[str, Any]:
    """The record of a new invocation, checked as far as it can be before it runs."""
    model = await call.services.catalog.resolve(request["modelId"])
    await invoke.check(call, request["modelId"], orjson.dumps(request["modelInput"]))
    return {
        "invocationArn": arn(call.services.settings, ARN, id),
        "modelId": request["modelId"],
        "modelArn": model.arn,
        "output": await _output(call, request["outputDataConfig"], id),
        "caller": {"key_id": call.identity.key_id, "arn": call.identity.arn},
        **{
            member: request[member]
            for member in ("clientRequestToken", "outputDataConfig", "tags")
            if member in request
        },
    }


async def _output(call: Call, config: dict[str, Any], id: str) -> str:
    """Where the answer will be put. ValidationException for a bucket that is not there."""
    url = f"{config['s3OutputDataConfig']['s3Uri'].rstrip('/')}/{id}/output.json"
    try:
        await call.services.objects.list(url)
    except ResourceNotFoundException as error:
        raise ValidationException(f"Invalid S3 output location: {error.message}") from error
    return url


@operation
async def get_async_invoke(call: Call, request: GetAsyncInvokeRequest) -> GetAsyncInvokeResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GetAsyncInvoke.html"""
    try:
        found = await call.services.resources.get(INVOCATION, id_in(request["invocationArn"], ARN) or "")
    except ResourceNotFoundException as error:  # which this operation does not model
        raise ValidationException("The provided invocation ARN could not be found.") from error
    return _shown(found)  # type: ignore[return-value]


@operation
async def list_async_invokes(call: Call, request: ListAsyncInvokesRequest) -> ListAsyncInvokesResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ListAsyncInvokes.html"""
    invocations, more = await listed(call, INVOCATION, request, FILTERS)
    return {"asyncInvokeSummaries": [_shown(one) for one in invocations], **more}  # type: ignore[typeddict-item]


def _shown(invocation: Resource) -> dict[str, Any]:
    body = invocation.body
    ended = {"endTime": moment(body["endTime"])} if "endTime" in body else {}
    return {
        **{member: body[member] for member in ECHOED if member in body},
        "submitTime": created(invocation),
        "lastModifiedTime": ended.get("endTime", created(invocation)),
        **ended,
    }


# in the background -------------------------------------------------------------------------------------------------


async def answered(services: Services, invocation: Resource, model_input: bytes) -> bytes:
    """The output of an invocation: counted and recorded like one of InvokeModel's."""
    body = invocation.body
    call = Call("AsyncInvoke", "bedrock-runtime", invocation.id, services, Identity(**body["caller"]))
    call.note["invoked"] = True
    services.telemetry.begin(call)
    try:
        answer: Any = await _invoke(call, {"modelId": body["modelId"], "body": model_input})
    except BaseException as error:
        services.telemetry.finish(call, error.status if isinstance(error, ServiceError) else 500, error)
        raise
    services.telemetry.finish(call, 200)
    return answer["body"]


@logged
async def _invoke(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    answer = await invoke.answer(call, request["modelId"], request["body"])
    return {"body": orjson.dumps(answer.body), "contentType": "application/json"}
