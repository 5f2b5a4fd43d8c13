"""A batch of lines to its destinations: objects under AWS's key layout, and log groups as local files.

Knows nothing of configuration or retries: a failure is raised. Delivering a batch again overwrites the same objects.
"""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from ..config import Settings
from ..errors import ValidationException
from ..store.objects import Objects
from .record import dump
from .spool import Batch, append_whole

BODY_LIMIT = 100 * 1024
"""Bytes of a body that stays inside its record; a larger one becomes an object of its own."""

LOG_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
"""CloudWatch's rule for the name of a log group."""

BODIES = {("input", "inputBodyJson"): "inputBodyS3Path", ("output", "outputBodyJson"): "outputBodyS3Path"}


def logs_prefix(settings: Settings, s3: Mapping[str, Any]) -> str:
    """`s3://bucket[/prefix]/AWSLogs/<account>/BedrockModelInvocationLogs`"""
    prefix = s3.get("keyPrefix", "").strip("/")
    place = f"s3://{s3['bucketName']}/{prefix}".rstrip("/")
    return f"{place}/AWSLogs/{settings.account_id}/BedrockModelInvocationLogs"


def hour_prefix(settings: Settings, s3: Mapping[str, Any], name: str) -> str:
    """The folder of the hour in which the batch `name` was begun."""
    hour = f"{name[0:4]}/{name[4:6]}/{name[6:8]}/{name[9:11]}"
    return f"{logs_prefix(settings, s3)}/{settings.region}/{hour}"


async def to_s3(settings: Settings, objects: Objects, s3: Mapping[str, Any], batch: Batch) -> int:
    """Write `<hour>/<name>.json.gz`, and before it the large bodies to `<hour>/data/`; answers how many those were."""
    folder = hour_prefix(settings, s3, batch.name)
    lines, bodies = await asyncio.to_thread(_split, batch.lines, folder)
    await _put_all(objects, bodies)
    packed = await asyncio.to_thread(gzip.compress, b"".join(lines), 6, mtime=0)
    await objects.put(f"{folder}/{batch.name}.json.gz", packed)
    return len(bodies)


async def to_log_group(settings: Settings, objects: Objects, cloud_watch: Mapping[str, Any], batch: Batch) -> int:
    """Append to the group's file. Large bodies go to largeDataDeliveryS3Config where there is one, else stay inline."""
    lines, bodies = [line + b"\n" for line in batch.lines], {}
    if large := cloud_watch.get("largeDataDeliveryS3Config"):
        lines, bodies = await asyncio.to_thread(_split, batch.lines, hour_prefix(settings, large, batch.name))
        await _put_all(objects, bodies)
    await asyncio.to_thread(append, group_path(settings, cloud_watch["logGroupName"]), b"".join(lines))
    return len(bodies)


async def probe_s3(settings: Settings, objects: Objects, s3: Mapping[str, Any]) -> None:
    """Leave the empty object that AWS leaves to see whether it may write."""
    await objects.put(f"{logs_prefix(settings, s3)}/amazon-bedrock-logs-permission-check", b"")


async def probe_log_group(settings: Settings, name: str) -> None:
    await asyncio.to_thread(append, group_path(settings, name), b"")


def group_path(settings: Settings, name: str) -> Path:
    """home/logs/<name>.jsonl. ValidationException for a name that CloudWatch, or a folder, would not take."""
    parts = name.strip("/").split("/")
    if not LOG_GROUP.fullmatch(name) or {"", ".", ".."} & set(parts):
        raise ValidationException(f"Invalid log group name: {name[:200]!a}")
    return (settings.home / "logs").joinpath(*parts[:-1], f"{parts[-1]}.jsonl")


def append(path: Path, data: bytes) -> None:
    """Add whole lines to a file that others may append to, too. OSError leaves it as it was."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"  # by a crash: it must not take our first line with it
        append_whole(file, b"\n" + data if torn and data else data, size)
    finally:
        os.close(file)


async def _put_all(objects: Objects, bodies: Mapping[str, bytes]) -> None:
    for url, body in bodies.items():
        await objects.put(url, body)


def _split(lines: Sequence[bytes], folder: str) -> tuple[list[bytes], dict[str, bytes]]:
    """The lines without their large bodies, and those bodies, packed, by URL."""
    bodies: dict[str, bytes] = {}
    return [line + b"\n" if len(line) <= BODY_LIMIT else _slim(line, folder, bodies) for line in lines], bodies


def _slim(line: bytes, folder: str, bodies: dict[str, bytes]) -> bytes:
    record = orjson.loads(line)
    for (side, member), pointer in BODIES.items():
        body = dump(record[side].get(member))
        if len(body) > BODY_LIMIT:
            url = f"{folder}/data/{record['requestId']}_{side}.json.gz"
            bodies[url] = gzip.compress(body, 6, mtime=0)
            del record[side][member]
            record[side][pointer] = url
    return dump(record) + b"\n"
