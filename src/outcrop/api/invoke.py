"""InvokeModel and InvokeModelWithResponseStream: a model family's own body, through its dialect.

Knows no family: `dialects.DIALECTS` does. The name that a model is called by says whose body the caller speaks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .. import dialects
from ..call import Call
from ..checking import checked, object_of
from ..dialects import aloud
from ..dialects.body import limit
from ..errors import OperationNotImplementedException, ValidationException
from ..invocation_log import logged
from ..turn import Delta, Reply, Turn
from ..wire.operation import operation
from . import vector_bodies

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


class Asked(NamedTuple):
    """What a body asks for, and in which dialect. `echo` is what its answer repeats of it, `tags` are those that
    reasoning stands between where it is told among the words."""

    dialect: ModuleType
    turn: Turn
    echo: dict[str, Any]
    tags: aloud.Tags | None

    def write(self, reply: Reply, model_id: str) -> dict[str, Any]:
        return self.dialect.write(aloud.reply(reply, self.tags) if self.tags else reply, model_id) | self.echo

    def stream(self, deltas: AsyncGenerator[Delta, None], model_id: str) -> AsyncGenerator[dict[str, Any], None]:
        return self.dialect.stream(aloud.deltas(deltas, self.tags) if self.tags else deltas, model_id)


class Answer(NamedTuple):
    """A whole answer: its body, TokenUsage and latency in milliseconds."""

    body: dict[str, Any]
    usage: dict[str, int]
    latency_ms: int


@operation
@logged
async def invoke_model(call: Call, request: InvokeModelRequest) -> InvokeModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"""
    _begin(call, request)
    reply = await answer(call, request["modelId"], request.get("body", b""))  # type: ignore[arg-type]
    call.response_headers["x-amzn-bedrock-invocation-latency"] = str(reply.latency_ms)
    for member, header in COUNTS.items():
        if member in reply.usage:
            call.response_headers[f"x-amzn-bedrock-{header}"] = str(reply.usage[member])
    body = orjson.dumps(reply.body)
    return {"body": body, "contentType": "application/json", **_echo(request)}  # type: ignore[typeddict-item]


@operation
@logged
async def invoke_model_with_response_stream(
    call: Call, request: InvokeModelWithResponseStreamRequest
) -> InvokeModelWithResponseStreamResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html"""
    _begin(call, request)
    asked = await read(call, request["modelId"], request.get("body", b""))  # type: ignore[arg-type]
    deltas = call.services.inference.deltas(call, request["modelId"], asked.turn)
    frames = _frames(call, asked.stream(deltas, request["modelId"]))
    return {"body": frames, "contentType": "application/json", **_echo(request)}  # type: ignore[typeddict-item]


def _echo(request: Any) -> dict[str, Any]:
    """The latency class and the tier that served the request: there is one of each here, whatever was asked for."""
    served = {"performanceConfigLatency": "standard", "serviceTier": "default"}
    return {member: value for member, value in served.items() if member in request}


def _begin(call: Call, request: Any) -> None:
    if "guardrailIdentifier" in request:
        raise OperationNotImplementedException("Outcrop does not implement guardrails yet (guardrailIdentifier).")
    if "requestMetadata" in request:
        call.note["requestMetadata"] = object_of(request["requestMetadata"], "requestMetadata")


async def answer(call: Call, model_id: str, body: bytes) -> Answer:
    """The whole answer to a body of the model's family. Raises ValidationException, and what the engine raises."""
    model = await call.services.catalog.resolve(model_id)
    if (vectors := vector_bodies.dialect(model_id, model)) is not None:
        content = object_of(body, "body", call.services.settings.max_depth)
        written = await vector_bodies.answer(call, model_id, vectors, content)
        return Answer(written, call.note["usage"], call.note["latencyMs"])
    asked = await read(call, model_id, body)
    reply = await call.services.inference.reply(call, model_id, asked.turn)
    return Answer(asked.write(reply, model_id), reply["usage"], reply["metrics"]["latencyMs"])


async def check(call: Call, model_id: str, body: bytes) -> None:
    """Raise ValidationException for a body that `answer` would not take."""
    model = await call.services.catalog.resolve(model_id)
    if (vectors := vector_bodies.dialect(model_id, model)) is not None:
        vectors.read(object_of(body, "body", call.services.settings.max_depth))
    else:
        await read(call, model_id, body)


async def read(call: Call, model_id: str, body: bytes) -> Asked:
    """What `body` asks for in the dialect of the name that the model was called by. Raises ValidationException."""
    model = await call.services.catalog.resolve(model_id)
    if vector_bodies.dialect(model_id, model) is not None:
        raise ValidationException("The model is unsupported for streaming.")
    content = object_of(body, "body", call.services.settings.max_depth)
    family = dialects.form(dialects.family(model_id, model.family), content)
    dialect = dialects.DIALECTS.get(family)
    if dialect is None:
        raise ValidationException(f"The model {model.id} is not invoked with a body of its own; use Converse.")
    limit(content, dialects.LIMITS.get(family, {}))
    turn = checked(dialect.read(content))
    echo = {key: content[key] for key in dialects.ECHOED.get(family, ())}
    return Asked(dialect, turn, echo, dialects.ALOUD.get(family))


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
