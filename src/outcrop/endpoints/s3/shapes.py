"""Requests and answers of S3 by botocore's service model: what travels in the path, query, headers and XML.

Knows nothing of what operations do. Source: the `s3` model (rest-xml) inside botocore.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ...wire.errors import SerializationException
from ...wire.scalar import parse_timestamp, write_timestamp
from ...wire.spec import Member, Operation, Shape
from . import xml
from .errors import S3Error

ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListParts": "ListPartsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetObjectTagging": "Tagging",
}
"""Names of answers' outermost elements, which the model leaves out."""

BARE = {"GetBucketLocation": "LocationConstraint"}
"""Answers that are one member alone."""


# In


def read(operation: Operation, labels: Mapping[str, str], query: Mapping[str, str], headers: Mapping[str, str]) -> dict:
    """The members of a request but its body. InvalidArgument for a value of the wrong type."""
    places: dict[str | None, Mapping[str, str]] = {
        "uri": labels,
        "querystring": query,
        "header": headers,
    }
    found: dict[str, Any] = {}
    for member in operation.input.members.values():
        if member.location == "headers":
            found[member.name] = _prefixed(headers, member.wire.lower())
        elif (given := places.get(member.location, {}).get(_name(member))) is not None:
            found[member.name] = _scalar(member, given)
    return found


def read_body(operation: Operation, body: bytes) -> dict[str, Any]:
    """The members of the XML body, {} for none. MalformedXML."""
    payload = operation.input.payload
    if payload is None or not body:
        return {}
    root = xml.parse(body)
    if root.name != payload.wire:
        raise S3Error("MalformedXML")
    return _structure(payload.shape, root)


def _name(member: Member) -> str:
    return member.wire.lower() if member.location == "header" else member.wire


def _prefixed(headers: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)}


def _scalar(member: Member, given: str) -> Any:
    try:
        return SCALARS.get(member.shape.type, str)(given)
    except (ValueError, SerializationException):
        raise S3Error(
            "InvalidArgument", f"Provided {member.wire} is not valid.", ArgumentName=member.wire, ArgumentValue=given
        ) from None


def _whole(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or len(given) > 18:
        raise ValueError(given)
    return int(given)


def _truth(given: str) -> bool:
    return {"true": True, "false": False}[given.lower()] if given.lower() in ("true", "false") else _refuse(given)


def _refuse(given: str) -> bool:
    raise ValueError(given)


SCALARS: dict[str, Callable[[str], Any]] = {
    "integer": _whole,
    "long": _whole,
    "boolean": _truth,
    "timestamp": parse_timestamp,
}
"""Anything else is text."""


def _structure(shape: Shape, element: xml.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for member in shape.members.values():
        given = [inner for inner in element.inside if inner.name == member.wire]
        if given:
            found[member.name] = _value(member, given)
    if any(name not in found for name in shape.required):
        raise S3Error("MalformedXML")
    return found


def _value(member: Member, given: list[xml.Element]) -> Any:
    shape = member.shape
    if shape.type == "list":
        items = given if shape.traits.get("flattened") else given[0].inside
        return [_value(shape.item, [item]) for item in items]
    if len(given) != 1 or shape.type not in (*SCALARS, "string", "structure"):
        raise S3Error("MalformedXML")
    if shape.type == "structure":
        return _structure(shape, given[0])
    try:
        return SCALARS.get(shape.type, str)(given[0].text.strip() if shape.type in SCALARS else given[0].text)
    except (ValueError, SerializationException):
        raise S3Error("MalformedXML") from None


# Out


def write(operation: Operation, answer: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and XML body of an answer. Members that are None are left out."""
    shape = operation.output
    given = {name: value for name, value in answer.items() if value is not None}
    headers: dict[str, str] = {}
    for name, value in given.items():
        member = shape.members[name]
        if member.location == "headers":
            headers |= {f"{member.wire}{key}": text for key, text in value.items()}
        elif member.location == "header":
            headers[member.wire.lower()] = _text(member, value, "rfc822")
    return headers, _body(operation, given)


def _body(operation: Operation, given: Mapping[str, Any]) -> bytes:
    shape, payload = operation.output, operation.output.payload
    if payload is not None and payload.shape.type == "structure":
        return xml.document(payload.wire, _inside(payload.shape, given[payload.name]))
    if bare := BARE.get(operation.name):
        return xml.document(bare, xml.text(given[bare]))
    if operation.name not in ROOTS:
        return b""
    return xml.document(ROOTS[operation.name], _inside(shape, given))


def _inside(shape: Shape, given: Mapping[str, Any]) -> str:
    pairs = [(member, given.get(name)) for name, member in shape.members.items() if member.location is None]
    return "".join(_element(member, value) for member, value in pairs if value is not None)


def _element(member: Member, value: Any) -> str:
    shape = member.shape
    if shape.type == "list" and shape.traits.get("flattened"):
        return "".join(_one(member.wire, shape.item, item) for item in value)
    if shape.type == "list":
        return xml.element(member.wire, "".join(_one(shape.item.wire, shape.item, item) for item in value))
    return _one(member.wire, member, value)


def _one(name: str, member: Member, value: Any) -> str:
    if member.shape.type == "structure":
        return xml.element(name, _inside(member.shape, value))
    return xml.element(name, xml.text(_text(member, value, "iso8601")))


def _text(member: Member, value: Any, time_format: str) -> str:
    if member.shape.type == "timestamp" and not isinstance(value, str):
        return str(write_timestamp(_moment(value, time_format), member.timestamp_format or time_format))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(seconds: float, form: str) -> datetime:
    """S3 writes milliseconds in XML and whole seconds in headers, always rounded down."""
    kept = int(seconds) if form == "rfc822" else int(seconds * 1000) / 1000
    return datetime.fromtimestamp(kept, UTC)
