"""Amazon Nova Multimodal Embeddings, for text: one embedding of one text.

Knows nothing of HTTP and of other dialects. `embeddingPurpose` is checked and changes nothing.
Source: docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
"""

from __future__ import annotations

from typing import Any

from ..engines.vectors import Embedded
from .body import Field, malformed, require
from .vector import Wish, no_images

PURPOSES = (
    "GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "IMAGE_RETRIEVAL", "VIDEO_RETRIEVAL", "DOCUMENT_RETRIEVAL",
    "AUDIO_RETRIEVAL", "CLASSIFICATION", "CLUSTERING",
)  # fmt: skip
TEXT = {
    "truncationMode": Field("String", options=("START", "END", "NONE"), required=True),
    "value": Field("String", low=1, required=True),
}
PARAMETERS = {
    "embeddingPurpose": Field("String", options=PURPOSES, required=True),
    "embeddingDimension": Field("Integer", options=(256, 384, 1024, 3072)),
    "text": Field("JSONObject", keys=TEXT, required=True),
}
KEYS = {
    "schemaVersion": Field("String", options=("nova-multimodal-embed-v1",)),
    "taskType": Field("String", options=("SINGLE_EMBEDDING",), required=True),
    "singleEmbeddingParams": Field("JSONObject", keys=PARAMETERS, required=True),
}


def read(body: dict[str, Any]) -> Wish:
    """What `body` asks for. Raises ValidationException that names the offending key.

    Left out, `embeddingDimension` is the model's own, where Nova has 3,072. Text comes in `value`, not from S3.
    """
    if body.get("taskType") == "SEGMENTED_EMBEDDING":
        raise malformed("#/taskType: SEGMENTED_EMBEDDING is for StartAsyncInvoke; InvokeModel has SINGLE_EMBEDDING")
    if isinstance(body.get("singleEmbeddingParams"), dict):
        no_images(body["singleEmbeddingParams"], "image", "audio", "video")
    require(body, KEYS)
    given: dict[str, Any] = body["singleEmbeddingParams"]
    text = given["text"]
    return Wish([text["value"]], text["truncationMode"], dimensions=given.get("embeddingDimension"))


def write(wish: Wish, embedded: Embedded) -> dict[str, Any]:
    """The body that answers; truncatedCharLength tells how many characters were read of a text that was cut."""
    (vector,) = wish.vectors(embedded)
    cut = {"truncatedCharLength": embedded.cut[0]} if embedded.cut.get(0) else {}
    return {"embeddings": [{"embeddingType": "TEXT", "embedding": list(vector), **cut}]}
