"""Prompts for a distillation out of the invocation log: records that the filters let through, as lines of data.

Knows nothing of training. Source: API_InvocationLogsConfig, API_RequestMetadataFilters of the Bedrock reference.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import ResourceNotFoundException
from ..store.files import write_whole
from ..store.objects import Objects
from . import data
from .data import DataError, Fault

OPERATIONS = ("Converse", "ConverseStream")
"""Records whose bodies are in the house language; InvokeModel's are in each family's own."""
MEMBERS = ("system", "messages", "toolConfig")

Record = dict[str, Any]
Test = Callable[[dict[str, str]], bool]


async def collect(objects: Objects, config: dict[str, Any], teacher: str, out: Path) -> None:
    """Write the prompts of all records under the config's s3Uri; with usePromptResponse also the teacher's answers in
    them, and no records of other models. What cannot be trained on is left out; DataError when nothing is left."""
    keep, lines, seen = wanted(config.get("requestMetadataFilters")), [], 0
    answered = config.get("usePromptResponse", False)
    for info in await objects.list(config["invocationLogSource"]["s3Uri"]):
        if "/data/" in info.url or not info.url.endswith((".json.gz", ".json", ".jsonl")):
            continue
        for record in _records(info.url, await objects.get(info.url)):
            seen += 1
            if keep(record.get("requestMetadata", {})) and (not answered or record.get("modelId") == teacher):
                lines += await _line(objects, record, answered)
    if not lines:
        raise DataError(f"None of the {seen} records in the invocation log can be trained on.")
    write_whole(out, "".join(json.dumps(line) + "\n" for line in lines[: data.MOST_RECORDS["train"]]).encode())


def _records(url: str, content: bytes) -> Iterator[Record]:
    """The invocations in a log object; lines that are none are passed over."""
    for line in _unpacked(url, content).splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("operation") in OPERATIONS and "errorCode" not in record:
            yield record


def _unpacked(url: str, content: bytes) -> bytes:
    return gzip.decompress(content) if url.endswith(".gz") else content


async def _line(objects: Objects, record: Record, answered: bool) -> list[Record]:
    """The record as a line of data; none when it is not one, or when its body is gone."""
    try:
        asked = await _body(objects, record, "input")
        known = {name: asked[name] for name in MEMBERS if name in asked}
        line: Record = {"schemaVersion": "bedrock-conversation-2024", **known}
        if answered:
            message = (await _body(objects, record, "output")).get("output", {}).get("message")
            line["messages"] = [*line.get("messages", []), message]
        data.check(line, "prompts")
    except (Fault, ResourceNotFoundException, ValueError, gzip.BadGzipFile):
        return []
    return [line]


async def _body(objects: Objects, record: Record, side: str) -> Record:
    """A body that stands in the record, or in an object of its own because it is large."""
    part = record.get(side, {})
    body = part.get(f"{side}BodyJson", {})
    if place := part.get(f"{side}BodyS3Path"):
        body = json.loads(_unpacked(place, await objects.get(place)))
    return body if isinstance(body, dict) else {}


# requestMetadataFilters ------------------------------------------------------------------------------------------


def wanted(filters: dict[str, Any] | None) -> Test:
    """What the union of equals, notEquals, andAll and orAll asks of a record's requestMetadata."""
    if not filters:
        return lambda metadata: True
    ((kind, value),) = filters.items()
    return TESTS[kind](value)


def _equals(pairs: dict[str, str]) -> Test:
    return lambda metadata: all(metadata.get(key) == value for key, value in pairs.items())


def _not_equals(pairs: dict[str, str]) -> Test:
    return lambda metadata: all(metadata.get(key) != value for key, value in pairs.items())


def _and_all(filters: list[dict[str, Any]]) -> Test:
    tests = [wanted(one) for one in filters]
    return lambda metadata: all(test(metadata) for test in tests)


def _or_all(filters: list[dict[str, Any]]) -> Test:
    tests = [wanted(one) for one in filters]
    return lambda metadata: any(test(metadata) for test in tests)


TESTS: dict[str, Callable[[Any], Test]] = {
    "equals": _equals, "notEquals": _not_equals, "andAll": _and_all, "orAll": _or_all,
}  # fmt: skip
