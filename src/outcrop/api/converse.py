"""Converse, ConverseStream and CountTokens.

A request of Converse is a turn already; what remains here is what surrounds the model's answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from .. import rules
from ..call import Call
from ..errors import OperationNotImplementedException
from ..invocation_log import logged
from ..turn import Delta, Turn
from ..wire.operation import operation
from . import invoke

if TYPE_CHECKING:
    from ..shapes.bedrock_runtime import (
        ConverseRequest,
        ConverseResponse,
        ConverseStreamRequest,
        ConverseStreamResponse,
        CountTokensRequest,
        CountTokensResponse,
    )


MESSAGE_START: Delta = {"messageStart": {"role": "assistant"}}


@operation
@logged
async def converse(call: Call, request: ConverseRequest) -> ConverseResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""
    turn = _turn(call, request)
    reply = await call.services.inference.reply(call, request["modelId"], turn)
    return {
        "output": {"message": reply["message"]},
        "stopReason": reply["stopReason"],
        "usage": reply["usage"],
        "metrics": reply["metrics"],
        **_asked_fields(request, reply["fields"]),
        **_echo(request),
    }  # type: ignore[return-value, typeddict-item]


@operation
@logged
async def converse_stream(call: Call, request: ConverseStreamRequest) -> ConverseStreamResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""
    deltas = call.services.inference.deltas(call, request["modelId"], _turn(call, request))
    return {"stream": _events(request, deltas)}  # type: ignore[typeddict-item]


@operation
async def count_tokens(call: Call, request: CountTokensRequest) -> CountTokensResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html"""
    asked: Any = request["input"]
    if "converse" in asked:
        turn = asked["converse"]
        rules.check_documents(turn)
    else:
        turn = (await invoke.read(call, request["modelId"], asked["invokeModel"]["body"])).turn
    return {"inputTokens": await call.services.inference.count(call, request["modelId"], turn)}


def _turn(call: Call, request: Any) -> Turn:
    for member, thing in {"guardrailConfig": "guardrails", "promptVariables": "prompt management"}.items():
        if request.get(member):
            raise OperationNotImplementedException(f"Outcrop does not implement {thing} yet ({member}).")
    if "requestMetadata" in request:
        call.note["requestMetadata"] = request["requestMetadata"]
    rules.check_documents(request)
    return request


async def _events(request: Any, deltas: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
    async with aclosing(deltas):
        async for delta in deltas:
            block = delta.get("contentBlockDelta")
            yield _event(request, delta) if block is None or "logprobs" in block else delta


def _event(request: Any, delta: Delta) -> Delta:
    """A delta as Converse's own event: with what was asked for besides, without what only other APIs tell."""
    if "messageStart" in delta:
        return MESSAGE_START
    if "messageStop" in delta:
        stop = delta["messageStop"]
        fields = _asked_fields(request, stop.get("additionalModelResponseFields", {}))
        return {"messageStop": {"stopReason": stop["stopReason"], **fields}}
    if "metadata" in delta:
        told = delta["metadata"]
        return {"metadata": {"usage": told["usage"], "metrics": told["metrics"], **_echo(request)}}
    if "contentBlockDelta" in delta:
        block = delta["contentBlockDelta"]
        return {"contentBlockDelta": {"delta": block["delta"], "contentBlockIndex": block["contentBlockIndex"]}}
    return delta


def _asked_fields(request: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """additionalModelResponseFields: what the JSON pointers of additionalModelResponseFieldPaths find."""
    found: dict[str, Any] = {}
    for pointer in request.get("additionalModelResponseFieldPaths", ()):
        _copy(fields, found, [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]])
    return {"additionalModelResponseFields": found} if found else {}


def _copy(source: Any, target: dict[str, Any], keys: Iterable[str]) -> None:
    """Copy the value at `keys` with the objects around it; nothing when it is not there."""
    *parents, last = keys
    for key in parents:
        if not isinstance(source, dict) or key not in source:
            return
        source, target = source[key], target.setdefault(key, {})
    if isinstance(source, dict) and last in source:
        target[last] = source[last]


def _echo(request: Any) -> dict[str, Any]:
    """The latency class and tier that served the request: there is one of each here, whatever was asked for."""
    out: dict[str, Any] = {}
    if "performanceConfig" in request:
        out["performanceConfig"] = {"latency": "standard"}
    if "serviceTier" in request:
        out["serviceTier"] = {"type": "default"}
    return out
