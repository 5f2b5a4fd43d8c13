"""JSON of a caller made into a turn, parsed and checked as a request of Converse is.

Knows nothing of HTTP or of any body but JSON. What cannot be is a ValidationException in Bedrock's words.
"""

from __future__ import annotations

from typing import Any

import orjson

from .dialects.body import malformed
from .turn import Turn
from .wire import spec, validate
from .wire.errors import SerializationException
from .wire.restjson import is_deeper, reader


def checked(json: dict[str, Any]) -> Turn:
    """A turn from its JSON, parsed and validated as a Converse request is. Raises ValidationException."""
    members = spec.load("bedrock-runtime").shape("ConverseRequest").members
    turn: dict[str, Any] = {}
    for name, value in json.items():
        shape = members[name].shape
        try:
            turn[name] = reader(shape)(value)
        except SerializationException as error:
            raise malformed(str(error.inside(name))) from error
        if found := validate.faults(shape, turn[name]):
            raise malformed(validate.message([fault.under(name) for fault in found]))
    return turn  # type: ignore[return-value]


def object_of(text: bytes | str, what: str, depth: int = 64) -> dict[str, Any]:
    """The JSON object that `text` is, at most `depth` levels deep. Raises ValidationException."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed(f"the {what} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise malformed(f"#: expected type: JSONObject, found: {type(value).__name__}")
    if is_deeper(value, depth):
        raise malformed(f"the {what} is nested deeper than {depth} levels")
    return value
