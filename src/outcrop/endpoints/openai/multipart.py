"""A multipart/form-data body taken apart (RFC 7578): fields and one file or more, all in memory.

Knows nothing of what the fields mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from ...dialects.openai_parts import fault
from ...errors import ValidationException

MOST_PARTS = 64
"""More fields than any form here has."""
LONGEST_HEAD = 8 << 10
"""Bytes of a part's headers. The parser looks through a header again for each semicolon."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field: its value, and the name of the file that it is, if it is one."""

    value: bytes
    filename: str | None

    def text(self) -> str:
        try:
            return self.value.decode()
        except UnicodeDecodeError as error:
            raise _bad("a field is not UTF-8") from error


def parse(content_type: str, body: bytes) -> dict[str, Part]:
    """The parts by name; of two with one name the later one. Raises ValidationException."""
    head = _headers(f"content-type: {content_type}")
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise _bad("send content-type: multipart/form-data with its boundary")
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _bad("the body does not end with its boundary")
    if len(pieces) > MOST_PARTS + 2:
        raise _bad(f"more than {MOST_PARTS} parts")
    return dict(_part(piece) for piece in pieces[1:-1])


def _part(piece: bytes) -> tuple[str, Part]:
    told, separator, value = piece.partition(b"\r\n\r\n")
    if not separator:
        raise _bad("a part has no headers")
    if len(told) > LONGEST_HEAD:
        raise _bad("a part has headers that are too long")
    head = _headers(told.strip(b"\r\n").decode("utf-8", "replace"))
    name = head.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise _bad("a part has no name")
    return name, Part(value, _filename(head))


def _filename(head: Message) -> str | None:
    """The name of a file, which may come in any character set (RFC 2231) that Python has a decoder for."""
    try:
        name = head.get_filename()
        (name or "").encode()  # a lone surrogate can be decoded and never be said again
    except ValueError as error:
        raise _bad("a file's name cannot be read") from error
    return name


def _headers(text: str) -> Message:
    return HeaderParser().parsestr(text + "\n\n")


def _bad(what: str) -> ValidationException:
    return fault(f"#: the form cannot be read: {what}")
