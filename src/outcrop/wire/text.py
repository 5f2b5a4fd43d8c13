"""Values in text, both ways: the labels of a path, the items of a query, the headers.

Knows nothing of where in a request the text was. Raises SerializationException for what cannot be read.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson

from . import scalar
from .errors import SerializationException
from .spec import Member, Shape
from .values import as_it_is, reader


def text_reader(member: Member) -> Callable[[str], Any]:
    """From the text of a label, a query item or a header to a handler's value."""
    if member.is_json:
        return _read_json_header
    if member.shape.type == "list":
        return _text_list_reader(member.shape.item)
    return _TEXT_READERS.get(member.shape.type, _number_reader)(member.shape)


def _number_reader(shape: Shape) -> Callable[[str], Any]:
    read = reader(shape)
    return lambda text: read(scalar.parse_number(text))


_TEXT_READERS: dict[str, Callable[[Shape], Callable[[str], Any]]] = {
    "string": lambda shape: as_it_is,
    "boolean": lambda shape: scalar.parse_boolean,
    "timestamp": lambda shape: scalar.parse_timestamp,
    "blob": lambda shape: scalar.read_blob,
}


def _read_json_header(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise SerializationException("Invalid base64 content") from None


def _text_list_reader(item: Member) -> Callable[[str], list[Any]]:
    """A list in one header: items between commas, quoted where they hold one; an HTTP date holds one unquoted."""
    read = text_reader(item)
    split = _split_dates if item.shape.type == "timestamp" else _split_quoted
    return lambda text: [read(part) for part in split(text)]


def _split_dates(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    return [f"{day}, {rest}" for day, rest in zip(parts[::2], parts[1::2], strict=False)] if "GMT" in text else parts


def _split_quoted(text: str) -> list[str]:
    parts, part, quoted, escaped = [], "", False, False
    for char in text:
        if escaped:
            part, escaped = part + char, False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts, part = [*parts, part], ""
        elif quoted or not char.isspace() or part:
            part += char
    return [*(one.rstrip() for one in parts), part.rstrip()]


def text_writer(member: Member) -> Callable[[Any], str]:
    """From a handler's value to the text of a header."""
    if member.is_json:
        return lambda value: scalar.write_blob(value if isinstance(value, str) else orjson.dumps(value))
    if member.shape.type == "timestamp":
        form = member.timestamp_format or "rfc822"
        return lambda value: str(scalar.write_timestamp(value, form))
    if member.shape.type == "list":
        write = text_writer(member.shape.item)
        quote = _quote if member.shape.item.shape.type == "string" else str
        return lambda value: ", ".join(quote(write(item)) for item in value)
    return _TEXT_WRITERS.get(member.shape.type, str)


def _quote(text: str) -> str:
    if not any(char in text for char in ',"'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_TEXT_WRITERS: dict[str, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "float": lambda value: str(scalar.write_float(value)),
    "double": lambda value: str(scalar.write_float(value)),
    "blob": scalar.write_blob,
}
