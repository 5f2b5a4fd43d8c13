"""What a turn carries besides words: objects fetched, documents turned into text, images checked.

Knows nothing of models or of file formats' insides (documents.py reads those).
Limits as Bedrock's: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from __future__ import annotations

import asyncio
from typing import Any

from . import documents
from .errors import ValidationException
from .store.objects import Objects
from .turn import Block, Message, Turn

MAX_DOCUMENT_BYTES = 4_718_592
"""4.5 MB"""
MAX_IMAGE_BYTES = 3_932_160
"""3.75 MB"""

BEGINNINGS = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "gif": b"GIF8", "webp": b"RIFF"}
"""Image format -> how its files begin."""


async def inline(turn: Turn, objects: Objects) -> Turn:
    """The turn with every document as a text block and every image's bytes; the same turn when it carries neither.

    Raises ValidationException for what cannot be read, ResourceNotFoundException for an object that is not there.
    """
    messages = turn.get("messages", [])
    if not any(_attached(block) for message in messages for block in message["content"]):
        return turn
    return {**turn, "messages": [await _message(message, objects) for message in messages]}


def _attached(block: Block) -> bool:
    inner = block.get("toolResult", {}).get("content", ())
    return any("document" in part or "image" in part for part in (block, *inner))


async def _message(message: Message, objects: Objects) -> Message:
    return {"role": message["role"], "content": [await _block(block, objects) for block in message["content"]]}


async def _block(block: Block, objects: Objects) -> Block:
    if "toolResult" in block:
        content = [await _block(part, objects) for part in block["toolResult"]["content"]]
        return {"toolResult": {**block["toolResult"], "content": content}}
    if "document" in block:
        return {"text": await _document(block["document"], objects)}
    if "image" in block:
        return {"image": await _image(block["image"], objects)}
    return block


async def _image(image: dict[str, Any], objects: Objects) -> dict[str, Any]:
    too_large = "The maximum image size is 3.75 MB. Reduce the size of your image and retry your request."
    data = await _bytes(image["source"], objects, MAX_IMAGE_BYTES, too_large)
    if not data.startswith(BEGINNINGS[image["format"]]) or (image["format"] == "webp" and data[8:12] != b"WEBP"):
        raise ValidationException(
            "The model returned the following errors: The provided image does not match the specified image format."
        )
    return {"format": image["format"], "source": {"bytes": data}}


async def _document(document: dict[str, Any], objects: Objects) -> str:
    """A document block as text between tags that name it."""
    text = await _text(document, objects)
    context = f"\n{document['context']}" if document.get("context") else ""
    return f'<document name="{document["name"]}">{context}\n{text.strip()}\n</document>'


async def _text(document: dict[str, Any], objects: Objects) -> str:
    name, source = document["name"], document["source"]
    if "text" in source:
        return source["text"]
    if "content" in source:
        return "\n".join(part["text"] for part in source["content"] if "text" in part)
    too_large = "The maximum document size is 4.5 MB. Reduce the size of your document and retry your request."
    data = await _bytes(source, objects, MAX_DOCUMENT_BYTES, too_large)
    return await asyncio.to_thread(documents.read, data, document.get("format", "txt"), name)


async def _bytes(source: dict[str, Any], objects: Objects, limit: int, too_large: str) -> bytes:
    """A source's bytes, looked up where they lie in an object."""
    if "bytes" in source:
        data: bytes = source["bytes"]
    else:
        uri = source["s3Location"]["uri"]
        if (await objects.head(uri)).size > limit:
            raise ValidationException(too_large)
        data = await objects.get(uri)
    if len(data) > limit:
        raise ValidationException(too_large)
    return data
