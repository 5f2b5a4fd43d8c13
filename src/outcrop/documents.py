"""Files turned into text that a model can read.

Knows nothing of turns. Each format is a row of `READERS`; the libraries are imported when first needed.
A file is hostile until read: what it may unpack to, how much text it may give and how long that may take are limited,
and pages and Word files are read as they stream by (a tree of a 40 KB file took a minute to build).
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from typing import IO, Any
from xml.etree.ElementTree import Element, iterparse

from .errors import ValidationException

MAX_UNPACKED = 50_000_000
"""Bytes that an archive may unpack to."""
MAX_CHARACTERS = 4_000_000
"""Characters of text that a file may give, far beyond any context window."""
MAX_SECONDS = 20.0
"""How long reading one file may take."""


class TooMuch(Exception):
    """A limit met while reading; the message ends a sentence that begins with the document's name."""


def read(data: bytes, format: str, name: str) -> str:
    """The text of a file. Raises ValidationException that names the document when it cannot be read."""
    reader = READERS.get(format)
    if reader is None:
        known = ", ".join(READERS)
        raise ValidationException(f"The document {name} has the format {format}, which is not supported here: {known}.")
    try:
        return _limited([reader(data)])
    except TooMuch as error:
        raise ValidationException(f"The document {name} {error}.") from None
    except Exception as error:  # the libraries raise what they like on a broken file
        raise ValidationException(f"The document {name} could not be read as {format}. Check the file.") from error


def _limited(parts: Iterable[str]) -> str:
    """The parts as lines. Raises TooMuch as soon as they are too many or too slow."""
    kept: list[str] = []
    left, deadline = MAX_CHARACTERS, time.monotonic() + MAX_SECONDS
    for part in parts:
        left -= len(part) + 1
        if left < 0:
            raise TooMuch(f"holds more than {MAX_CHARACTERS} characters of text")
        if time.monotonic() > deadline:
            raise TooMuch(f"takes longer than {MAX_SECONDS:g} seconds to read")
        kept.append(part)
    return "\n".join(kept)


def _plain(data: bytes) -> str:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _html(data: bytes) -> str:
    return _limited(_Words().lines(_plain(data)))


class _Words(HTMLParser):
    """The words of a page, a line for each block. It builds no tree: pages may be nested without end."""

    HIDDEN = frozenset({"script", "style", "template", "noscript"})
    INLINE = frozenset(
        {"a", "abbr", "b", "cite", "code", "data", "del", "dfn", "em", "i", "ins", "kbd", "label", "mark", "q", "s"}
        | {"samp", "small", "span", "strong", "sub", "sup", "time", "u", "var"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.hidden = 0
        self.text: list[str] = []

    def lines(self, page: str) -> Iterator[str]:
        for at in range(0, len(page), 65536):
            self.feed(page[at : at + 65536])
            *whole, rest = "".join(self.text).split("\n")
            self.text = [rest]
            yield from _tidy(whole)
        yield from _tidy("".join(self.text).split("\n"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.hidden += tag in self.HIDDEN
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in self.HIDDEN and self.hidden > 0
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag not in self.INLINE:
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.text.append(data)


def _tidy(lines: list[str]) -> Iterator[str]:
    return (line for line in (" ".join(line.split()) for line in lines) if line)


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader

    return _limited(f"{page.extract_text()}\n" for page in PdfReader(io.BytesIO(data)).pages)


WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
WORD_PARTS = ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml")
BREAKS = {f"{WORD}tab": "\t", f"{WORD}br": "\n", f"{WORD}cr": "\n"}


def _docx(data: bytes) -> str:
    with zipfile.ZipFile(_archive(data)) as archive:
        parts = [archive.open(name) for name in WORD_PARTS if name == WORD_PARTS[0] or name in archive.namelist()]
        return _limited(line for part in parts for line in _paragraphs(part))


def _paragraphs(part: IO[bytes]) -> Iterator[str]:
    """A line for each paragraph that says something, and for each row of a table. Nothing read is kept."""
    row: list[str] | None = None
    for event, element in iterparse(part, ("start", "end")):
        if event == "start":
            row = [] if element.tag == f"{WORD}tr" else row
        elif element.tag == f"{WORD}p":
            text = "".join(map(_said, element.iter())).strip()
            element.clear()
            if row is not None:
                row.append(text)
            elif text:
                yield text
        elif element.tag == f"{WORD}tr":
            yield " | ".join(row or ())
            row = None
            element.clear()


def _said(element: Element) -> str:
    return element.text or "" if element.tag == f"{WORD}t" else BREAKS.get(element.tag, "")


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
            raise TooMuch(f"unpacks to more than {MAX_UNPACKED // 1_000_000} MB")
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
