"""Scalars in transit: timestamps in their three formats, numbers and blobs, from JSON and from text.

Knows nothing of shapes' members or of HTTP. Raises SerializationException for what cannot be read.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from .errors import SerializationException

TOKENS = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    dict: "START_OBJECT",
    list: "START_ARRAY",
    type(None): "NULL_VALUE",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}


def mismatch(value: Any, wanted: str) -> SerializationException:
    """The error for a JSON value of another type than the model's, in AWS's words."""
    return SerializationException(f"{TOKENS[type(value)]} can not be converted to {wanted}")


def read_string(value: Any) -> str:
    if type(value) is not str:
        raise mismatch(value, "a String")
    return value


def read_json_string(value: Any, dump: Callable[[Any], bytes]) -> str:
    """A string that holds JSON; SDKs also send the JSON itself in its place."""
    return value if type(value) is str else dump(value).decode()


def read_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise mismatch(value, "a Boolean")
    return value


def integer_reader(kind: str) -> Callable[[Any], int]:
    """Reads `byte`, `short`, `integer` or `long`: whole numbers within its bits."""
    name, bound = kind.capitalize(), 1 << (BITS[kind] - 1)

    def read(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise mismatch(value, f"a{'n' if name == 'Integer' else ''} {name}")
        if not -bound <= value < bound:
            raise SerializationException(f"Numeric value out of range of {name}")
        return value

    return read


def read_float(value: Any) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    if type(value) is str and value in NOT_FINITE:
        return NOT_FINITE[value]
    raise mismatch(value, "a Float")


def read_blob(value: Any) -> bytes:
    if type(value) is not str:
        raise mismatch(value, "a Blob")
    try:
        return binascii.a2b_base64(value, strict_mode=True) if value else b""
    except ValueError:
        raise SerializationException("Invalid base64 content") from None


def read_timestamp(value: Any) -> datetime:
    """Seconds since 1970 as a number, or text in any of the formats."""
    if type(value) is int or type(value) is float:
        return _from_epoch(value)
    return parse_timestamp(read_string(value))


def parse_timestamp(text: str) -> datetime:
    """ISO 8601, an HTTP date or seconds since 1970; without a zone it is UTC."""
    try:
        return _from_epoch(float(text)) if re.fullmatch(r"-?[0-9.eE+]+", text) else _from_text(text)
    except (ValueError, TypeError):
        raise SerializationException("Timestamp could not be parsed") from None


def parse_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise SerializationException("STRING_VALUE can not be converted to a Boolean")
    return text.lower() == "true"


def parse_number(text: str) -> int | float | str:
    """The number in a text; what is none is left for the reader to refuse."""
    if re.fullmatch(r"[+-]?[0-9]{1,40}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?", text) else text


def write_timestamp(value: datetime | float, form: str) -> str | float:
    """A time as `iso8601`, `rfc822` or `unixTimestamp`. A naive datetime is UTC; a number is seconds since 1970."""
    moment = value if isinstance(value, datetime) else _from_epoch(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if form == "iso8601":
        return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
    if form == "rfc822":
        return format_datetime(moment, usegmt=True)
    seconds = (moment - EPOCH) / timedelta(seconds=1)
    return int(seconds) if seconds.is_integer() else seconds


def write_float(value: float) -> float | str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def write_blob(value: bytes | str) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def _from_epoch(seconds: float) -> datetime:
    try:
        return EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise SerializationException("Timestamp out of range") from None


def _from_text(text: str) -> datetime:
    moment = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
