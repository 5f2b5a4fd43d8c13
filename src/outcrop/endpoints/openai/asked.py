"""What every operation of OpenAI's API asks of a body: a model that is there; and the frames of a stream.

Knows no operation.
"""

from __future__ import annotations

from typing import Any

import orjson

from ...call import Call
from ...dialects.openai_parts import fault
from ...errors import ResourceNotFoundException, ValidationException

DONE = b"data: [DONE]\n\n"


async def model(call: Call, body: dict[str, Any]) -> str:
    """The name of the body's model, which is served. ResourceNotFoundException where it is not."""
    name = body.get("model")
    if name is None:
        raise fault("#: required key [model] not found", "model")
    if not isinstance(name, str):
        raise fault(f"#: model: expected a string, got {type(name).__name__}", "model")
    call.note["requestedModelId"] = name
    await find(call, name)
    _note_metadata(call, body.get("metadata"))
    return name


async def find(call: Call, name: str) -> Any:
    """The model of a name. ResourceNotFoundException in OpenAI's words."""
    try:
        return await call.services.catalog.resolve(name)
    except (ValidationException, ResourceNotFoundException) as error:
        raise absent(name) from error


def absent(name: str) -> ResourceNotFoundException:
    words = f"The model `{name[:200]}` does not exist or you do not have access to it."
    return ResourceNotFoundException(words, code="model_not_found")


def _note_metadata(call: Call, metadata: Any) -> None:
    """OpenAI's metadata is Bedrock's requestMetadata: for the logs."""
    if isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()):
        call.note["requestMetadata"] = metadata


def frame(value: dict[str, Any]) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def named_frame(event: dict[str, Any]) -> bytes:
    """A server-sent event named by its type."""
    return b"event: " + event["type"].encode() + b"\n" + frame(event)
