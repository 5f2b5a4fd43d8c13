"""Files turned into text that a model can read.

Knows nothing of turns. Each format is a row of `READERS`; the libraries are imported when first needed. A file is
hostile until read: what it may unpack to and how much text it may give are limited.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

from .errors import ValidationException

MAX_UNPACKED = 50_000_000
"""Bytes that an archive may unpack to."""
MAX_CHARACTERS = 4_000_000
"""Characters of text that a file may give, far beyond any context window."""


class TooMuch(Exception):
    """More than MAX_CHARACTERS, noticed while reading."""


def read(data: bytes, format: str, name: str) -> str:
    """The text of a file. Raises ValidationException that names the document when it cannot be read."""
    reader = READERS.get(format)
    if reader is None:
        known = ", ".join(READERS)
        raise ValidationException(f"The document {name} has the format {format}, which is not supported here: {known}.")
    try:
        return _limited([reader(data)])
    except TooMuch:
        raise ValidationException(f"The document {name} holds more than {MAX_CHARACTERS} characters of text.") from None
    except ValidationException as error:
        raise ValidationException(f"The document {name} {error.message}") from None
    except Exception as error:  # the libraries raise what they like on a broken file
        raise ValidationException(f"The document {name} could not be read as {format}. Check the file.") from error


def _limited(parts: Iterable[str]) -> str:
    """The parts as lines. Raises TooMuch as soon as they are too many."""
    kept: list[str] = []
    left = MAX_CHARACTERS
    for part in parts:
        left -= len(part) + 1
        if left < 0:
            raise TooMuch
        kept.append(part)
    return "\n".join(kept)


def _plain(data: bytes) -> str:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _html(data: bytes) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(data, "html.parser")
    for hidden in soup(["script", "style", "template", "noscript"]):
        hidden.decompose()
    return "\n".join(line for line in (part.strip() for part in soup.get_text("\n").splitlines()) if line)


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader

    return _limited(f"{page.extract_text()}\n" for page in PdfReader(io.BytesIO(data)).pages)


def _docx(data: bytes) -> str:
    import mammoth

    return _html(mammoth.convert_to_html(_archive(data)).value.encode())


def _xlsx(data: bytes) -> str:
    from openpyxl import load_workbook

    book = load_workbook(_archive(data), read_only=True, data_only=True)
    return _limited(line for sheet in book.worksheets for line in _lines(sheet))


def _lines(sheet: Any) -> Iterable[str]:
    """A sheet as comma-separated values. What it says of its own size is not believed."""
    sheet.reset_dimensions()
    yield f"# {sheet.title}"
    for row in sheet.iter_rows(values_only=True):
        yield ",".join("" if cell is None else str(cell) for cell in row)


def _archive(data: bytes) -> io.BytesIO:
    """The bytes of a zip archive, after a look at what it would unpack to (zipfile reads no entry beyond that)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
            raise ValidationException(f"unpacks to more than {MAX_UNPACKED // 1_000_000} MB.")
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
