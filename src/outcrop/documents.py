"""Documents and other attachments turned into text that a model can read.

Knows nothing of models. Each format is a row of `READERS`; the libraries are imported when first needed.
Limits as Bedrock's: five documents, 4.5 MB each; an archive may unpack to 100 MB.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Callable
from typing import Any

from .errors import ValidationException
from .store.objects import Objects
from .turn import Block, Message, Turn

MAX_DOCUMENTS = 5
MAX_BYTES = 4_500_000
MAX_UNPACKED = 100_000_000
MAX_CHARACTERS = 4_000_000


async def inline(turn: Turn, objects: Objects) -> Turn:
    """The turn with every document as a text block and every s3Location fetched; the same turn when there is none.

    Raises ValidationException for a document that cannot be read.
    """
    messages = turn.get("messages", [])
    if not any(_attached(block) for message in messages for block in message["content"]):
        return turn
    if sum("document" in block for message in messages for block in message["content"]) > MAX_DOCUMENTS:
        raise ValidationException(f"A request may carry at most {MAX_DOCUMENTS} documents.")
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
        return {"text": await text_of(block["document"], objects)}
    if "image" in block and "s3Location" in block["image"]["source"]:
        data = await objects.get(block["image"]["source"]["s3Location"]["uri"])
        return {"image": {**block["image"], "source": {"bytes": data}}}
    return block


async def text_of(document: dict[str, Any], objects: Objects) -> str:
    """A document block as text between tags that name it."""
    name, source = document["name"], document["source"]
    if "text" in source:
        text = source["text"]
    elif "content" in source:
        text = "\n".join(part["text"] for part in source["content"] if "text" in part)
    else:
        data = source["bytes"] if "bytes" in source else await objects.get(source["s3Location"]["uri"])
        text = await asyncio.to_thread(read, data, document.get("format", "txt"), name)
    context = f"\n{document['context']}" if document.get("context") else ""
    return f'<document name="{name}">{context}\n{text.strip()}\n</document>'


def read(data: bytes, format: str, name: str) -> str:
    """The text of a file. Raises ValidationException that names the document when it cannot be read."""
    if len(data) > MAX_BYTES:
        raise ValidationException(f"The document {name} is larger than {MAX_BYTES / 1e6} MB.")
    reader = READERS.get(format)
    if reader is None:
        raise ValidationException(f"The document {name} has the format {format}, which Outcrop cannot read yet.")
    try:
        text = reader(data)
    except ValidationException:
        raise
    except Exception as error:  # the libraries raise what they like on a broken file
        raise ValidationException(f"The document {name} could not be read as {format}: {error}") from error
    if len(text) > MAX_CHARACTERS:
        raise ValidationException(f"The document {name} holds more than {MAX_CHARACTERS} characters of text.")
    return text


def _plain(data: bytes) -> str:
    return data.decode("utf-8-sig")


def _html(data: bytes) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(data, "html.parser")
    for hidden in soup(["script", "style", "template", "noscript"]):
        hidden.decompose()
    return "\n".join(line for line in (part.strip() for part in soup.get_text("\n").splitlines()) if line)


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader

    return "\n\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def _docx(data: bytes) -> str:
    import mammoth

    return _html(mammoth.convert_to_html(_archive(data)).value.encode())


def _xlsx(data: bytes) -> str:
    from openpyxl import load_workbook

    book = load_workbook(_archive(data), read_only=True, data_only=True)
    return "\n\n".join(f"# {sheet.title}\n{_rows(sheet)}" for sheet in book.worksheets)


def _rows(sheet: Any) -> str:
    rows = sheet.iter_rows(values_only=True)
    return "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in rows)


def _archive(data: bytes) -> io.BytesIO:
    """The bytes of a zip archive, after a look at what it would unpack to."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
            raise ValidationException("The document unpacks to more than 100 MB.")
    return io.BytesIO(data)


READERS: dict[str, Callable[[bytes], str]] = {
    "txt": _plain,
    "md": _plain,
    "csv": _plain,
    "html": _html,
    "pdf": _pdf,
    "docx": _docx,
    "xlsx": _xlsx,
}
"""Document format -> the function that reads it. The old binary doc and xls are not read."""
