"""XML in and out for S3: a tree from bytes a stranger sent, and text for an answer.

Knows nothing of the service model. Document types, and with them entities, are refused, so that no few bytes can grow
into many; so is deep nesting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from .errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
MAX_DEPTH = 16
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Element:
    """A name without its namespace, the text directly inside, the elements inside."""

    name: str
    text: str = ""
    inside: list[Element] = field(default_factory=list)


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(name.rpartition(" ")[2])
        if len(self._open) >= MAX_DEPTH:
            raise S3Error("MalformedXML")
        if self._open:
            self._open[-1].inside.append(element)
        self.root = self.root or element
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        self._open[-1].text += text

    def doctype(self, *_: object) -> None:
        raise S3Error("MalformedXML")


def parse(data: bytes) -> Element:
    """The root element. MalformedXML for anything else than plain elements and text."""
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, builder.doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # a wrong encoding is a LookupError
        raise S3Error("MalformedXML") from error
    if builder.root is None:
        raise S3Error("MalformedXML")
    return builder.root


def text(value: str) -> str:
    """Text that may stand in a document: what XML cannot hold becomes a question mark."""
    return escape(_FORBIDDEN.sub("?", value))


def element(name: str, inside: str) -> str:
    """`inside` is markup already."""
    return f"<{name}>{inside}</{name}>"


def document(name: str, inside: str, namespace: str = NAMESPACE) -> bytes:
    declared = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}{declared}>{inside}</{name}>'.encode()
