"""InvokeModel and InvokeModelWithResponseStream: a model family's own body, through its dialect.

Knows no family: `dialects.DIALECTS` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import orjson

from ..call import Call
from ..dialects import DIALECTS
from ..errors import OperationNotImplementedException, ValidationException
from ..turn import Turn
from ..wire.operation import operation
from ..wire import spec
from ..wire.validate import require

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
async def invoke_model(call: Call, request: InvokeModelRequest) -> InvokeModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"""
    dialect, turn = await _read(call, request)
    reply = await call.services.inference.reply(call, request["modelId"], turn)
    call.response_headers["x-amzn-bedrock-invocation-latency"] = str(reply["metrics"]["latencyMs"])
    for member, header in COUNTS.items():
        if member in reply["usage"]:
            call.response_headers[f"x-amzn-bedrock-{header}"] = str(reply["usage"][member])
    return {"body": orjson.dumps(dialect.write(reply, request["modelId"])), "contentType": "application/json"}


@operation
async def invoke_model_with_response_stream(
    call: Call, request: InvokeModelWithResponseStreamRequest
) -> InvokeModelWithResponseStreamResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html"""
    dialect, turn = await _read(call, request)
    deltas = call.services.inference.deltas(call, request["modelId"], turn)
    chunks = dialect.stream(deltas, request["modelId"])
    return {"body": _frames(call, deltas, chunks), "contentType": "application/json"}  # type: ignore[typeddict-item]


async def _read(call: Call, request: Any) -> tuple[ModuleType, Turn]:
    if "guardrailIdentifier" in request:
        raise OperationNotImplementedException("Outcrop does not implement guardrails yet (guardrailIdentifier).")
    if "requestMetadata" in request:
        call.note["requestMetadata"] = _object(request["requestMetadata"], "requestMetadata")
    return await read(call, request["modelId"], request.get("body", b""))


async def read(call: Call, model_id: str, body: bytes) -> tuple[ModuleType, Turn]:
    """The model's dialect and the turn that `body` asks for in it. Raises ValidationException."""
    model = await call.services.catalog.resolve(model_id)
    dialect = DIALECTS[model.family]
    turn = dialect.read(_object(body, "body"))
    try:
        require(spec.load("bedrock-runtime").operation("Converse").input, {"modelId": model.id, **turn})
    except (TypeError, AttributeError) as error:
        raise ValidationException(
            f"Malformed input request: {error}, please reformat your input and try again."
        ) from error
    return dialect, turn


def _object(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationException(
            f"Malformed input request, the {what} is not JSON ({error}), please reformat your input and try again."
        ) from error
    if not isinstance(value, dict):
        raise ValidationException(
            f"Malformed input request: #: expected type: JSONObject, found: {type(value).__name__}, "
            "please reformat your input and try again."
        )
    return value


async def _frames(call: Call, deltas: Any, chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """The chunks as events. From the moment the usage is known a chunk waits for the next, so that the last one can
    carry the metrics."""
    held: dict[str, Any] | None = None
    try:
        async for chunk in chunks:
            if held is not None:
                yield _chunk(held)
                held = None
            if "usage" in call.note:
                held = chunk
            else:
                yield _chunk(chunk)
    finally:
        await deltas.aclose()
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
