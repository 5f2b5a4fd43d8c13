"""One invocation as one JSON line: schemaType ModelInvocationLog, schemaVersion 1.0.

Knows nothing of where lines go. The shape follows published records of the real service: Converse and ConverseStream
both hold a Converse response (a stream is folded), InvokeModelWithResponseStream holds the list of its chunks.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from .. import logs
from ..call import Call
from ..config import Settings
from ..turn import Piece

FLAGS = {
    "TEXT": "textDataDeliveryEnabled",
    "EMBEDDING": "embeddingDataDeliveryEnabled",
    "IMAGE": "imageDataDeliveryEnabled",
    "VIDEO": "videoDataDeliveryEnabled",
    "AUDIO": "audioDataDeliveryEnabled",
    "SPEECH": "audioDataDeliveryEnabled",
}
"""Output modality -> the member of LoggingConfig that lets such output through. Absent means yes, as with AWS."""

MEDIA = {"image": "IMAGE", "document": "IMAGE", "video": "VIDEO", "audio": "AUDIO"}
"""Content block -> modality. AWS delivers documents with images."""


def line(settings: Settings, config: Mapping[str, Any], call: Call, error: str | None) -> bytes:
    """The record of a finished call, with its newline. `error` is the code that the client saw, if any.

    Reads call.note: modelId, inputBody, outputBody, inputContentType, outputContentType, outputModality, usage,
    requestMetadata; all but the first may be missing.
    """
    note, usage = call.note, call.note.get("usage") or {}
    record: dict[str, Any] = {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "accountId": settings.account_id,
        "identity": {"arn": call.identity.arn},
        "region": settings.region,
        "requestId": call.request_id,
        "operation": call.operation,
        "modelId": note.get("modelId") or note.get("requestedModelId"),
        "input": {
            "inputContentType": note.get("inputContentType") or "application/json",
            **_body("inputBodyJson", note.get("inputBody"), "TEXT", config),
            "inputTokenCount": usage.get("inputTokens", 0),
            "cacheReadInputTokenCount": usage.get("cacheReadInputTokens", 0),
            "cacheWriteInputTokenCount": usage.get("cacheWriteInputTokens", 0),
        },
        "output": {
            "outputContentType": note.get("outputContentType") or "application/json",
            **_body("outputBodyJson", note.get("outputBody"), note.get("outputModality", "TEXT"), config),
            "outputTokenCount": usage.get("outputTokens", 0),
        },
        "inferenceRegion": settings.region,
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
    }
    if error:
        record["errorCode"] = error
    if note.get("requestMetadata"):
        record["requestMetadata"] = note["requestMetadata"]
    return dump(record) + b"\n"


def dump(value: Any) -> bytes:
    """JSON; bytes become base64, as on the wire."""
    return logs.dump(value, _plain)


def streamed(events: Sequence[Mapping[str, Any]]) -> Any:
    """The body to record for a stream's events: its chunks, or the Converse response that it amounts to."""
    chunks = [event["chunk"]["bytes"] for event in events if "chunk" in event]
    return chunks or fold(events)


def fold(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """ConverseStream events as the Converse response they amount to; of a stream cut short, what there was."""
    pieces: dict[int, Piece] = {}
    response: dict[str, Any] = {}
    for event in events:
        ((name, value),) = event.items()
        if name == "contentBlockStart":
            pieces[value["contentBlockIndex"]] = Piece(value["start"].get("toolUse"))
        elif name == "contentBlockDelta":
            pieces.setdefault(value["contentBlockIndex"], Piece()).add(value["delta"])
        elif name in ("messageStop", "metadata"):
            response |= value
    content = [piece.block() for _, piece in sorted(pieces.items())]
    return {"output": {"message": {"role": "assistant", "content": content}}, **response}


def _body(member: str, body: Any, modality: str, config: Mapping[str, Any]) -> dict[str, Any]:
    if body is None or not _lets(config, modality):
        return {}
    body = _parsed(body)
    refused = {block for block, kind in MEDIA.items() if not _lets(config, kind)}
    return {member: _without(body, refused) if refused else body}


def _lets(config: Mapping[str, Any], modality: str) -> bool:
    return config.get(FLAGS.get(modality, FLAGS["TEXT"]), True)


def _parsed(body: Any) -> Any:
    """A body as a JSON value. Bytes that are not JSON stay text, so that a bad request is seen as it came."""
    if isinstance(body, list):
        return [_parsed(chunk) for chunk in body]
    if not isinstance(body, bytes):
        return body
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def _without(value: Any, blocks: set[str]) -> Any:
    """`value` with the data of these kinds of content blocks left out, in Converse's form and in Anthropic's."""
    if isinstance(value, list):
        return [_without(item, blocks) for item in value]
    if not isinstance(value, dict):
        return value
    bare = value.get("type") in blocks
    return {
        name: _bare(item) if name in blocks or (bare and name == "source") else _without(item, blocks)
        for name, item in value.items()
    }


def _bare(value: Any) -> Any:
    """A block without its bytes: names, formats and places stay."""
    if isinstance(value, dict):
        return {name: _bare(item) for name, item in value.items() if name not in ("bytes", "data", "text", "content")}
    return value


def _plain(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes | bytearray | memoryview) else str(value)
