"""InvokeModel and InvokeModelWithResponseStream: a model family's own body, through its dialect.

Knows no family: `dialects.DIALECTS` does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import ModuleType
from typing import TYPE_CHECKING, Any

import orjson

from ..call import Call
from ..checking import checked, object_of
from ..dialects import DIALECTS
from ..errors import OperationNotImplementedException, ValidationException
from ..invocation_log import logged
from ..turn import Turn
from ..wire.operation import operation

if TYPE_CHECKING:
    from ..shapes.bedrock_runtime import (
        InvokeModelRequest,
        InvokeModelResponse,
        InvokeModelWithResponseStreamRequest,
        InvokeModelWithResponseStreamResponse,
    )

COUNTS = {
    "inputTokens": "input-token-count",
    "outputTokens": "output-token-count",
    "cacheReadInputTokens": "cache-read-input-token-count",
    "cacheWriteInputTokens": "cache-write-input-token-count",
}
"""TokenUsage member -> the end of its x-amzn-bedrock- header."""


@operation
@logged
async def invoke_model(call: Call, request: InvokeModelRequest) -> InvokeModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"""
    dialect, turn = await _read(call, request)
    reply = await call.services.inference.reply(call, request["modelId"], turn)
    call.response_headers["x-amzn-bedrock-invocation-latency"] = str(reply["metrics"]["latencyMs"])
    for member, header in COUNTS.items():
        if member in reply["usage"]:
            call.response_headers[f"x-amzn-bedrock-{header}"] = str(reply["usage"][member])
    body = orjson.dumps(dialect.write(reply, request["modelId"]))
    return {"body": body, "contentType": "application/json", **_echo(request)}  # type: ignore[typeddict-item]


@operation
@logged
async def invoke_model_with_response_stream(
    call: Call, request: InvokeModelWithResponseStreamRequest
) -> InvokeModelWithResponseStreamResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html"""
    dialect, turn = await _read(call, request)
    deltas = call.services.inference.deltas(call, request["modelId"], turn)
    frames = _frames(call, dialect.stream(deltas, request["modelId"]))
    return {"body": frames, "contentType": "application/json", **_echo(request)}  # type: ignore[typeddict-item]


def _echo(request: Any) -> dict[str, Any]:
    """The latency class and the tier that served the request: there is one of each here, whatever was asked for."""
    served = {"performanceConfigLatency": "standard", "serviceTier": "default"}
    return {member: value for member, value in served.items() if member in request}


async def _read(call: Call, request: Any) -> tuple[ModuleType, Turn]:
    if "guardrailIdentifier" in request:
        raise OperationNotImplementedException("Outcrop does not implement guardrails yet (guardrailIdentifier).")
    if "requestMetadata" in request:
        call.note["requestMetadata"] = object_of(request["requestMetadata"], "requestMetadata")
    return await read(call, request["modelId"], request.get("body", b""))


async def read(call: Call, model_id: str, body: bytes) -> tuple[ModuleType, Turn]:
    """The model's dialect and the turn that `body` asks for in it. Raises ValidationException."""
    model = await call.services.catalog.resolve(model_id)
    if model.family not in DIALECTS:
        raise ValidationException(f"The model {model.id} is not invoked with a body of its own; use Converse.")
    dialect = DIALECTS[model.family]
    return dialect, checked(dialect.read(object_of(body, "body", call.services.settings.max_depth)))


async def _frames(call: Call, chunks: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks as events. From the moment the usage is known a chunk waits for the next, so that the last one can
    carry the metrics."""
    held: dict[str, Any] | None = None
    async with aclosing(chunks):
        async for chunk in chunks:
            if "usage" not in call.note:
                yield _chunk(chunk)
                continue
            if held is not None:
                yield _chunk(held)
            held = chunk
    yield _chunk((held or {}) | {"amazon-bedrock-invocationMetrics": _metrics(call.note)})


def _chunk(content: dict[str, Any]) -> dict[str, Any]:
    return {"chunk": {"bytes": orjson.dumps(content)}}


def _metrics(note: dict[str, Any]) -> dict[str, int]:
    usage = note["usage"]
    cache = {
        f"{member.removesuffix('Tokens')}TokenCount": usage[member]
        for member in ("cacheReadInputTokens", "cacheWriteInputTokens")
        if member in usage
    }
    return {
        "inputTokenCount": usage["inputTokens"],
        "outputTokenCount": usage["outputTokens"],
        "invocationLatency": note["latencyMs"],
        "firstByteLatency": note["firstTokenMs"],
        **cache,
    }
