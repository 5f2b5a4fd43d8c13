"""A log on a home of its own, with a bucket `logs`, and calls that end."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from outcrop.call import Call, Identity
from outcrop.config import Settings
from outcrop.invocation_log import InvocationLog
from outcrop.store.objects import Objects
from outcrop.store.records import Records

S3 = {"s3Config": {"bucketName": "logs", "keyPrefix": "p/"}}
GROUP = {"cloudWatchConfig": {"logGroupName": "/aws/bedrock/x", "roleArn": "arn:aws:iam::000000000000:role/x"}}
LOGS = "s3://logs/p/AWSLogs/000000000000/BedrockModelInvocationLogs"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, drain_s=5.0)


@pytest.fixture
def objects(settings: Settings) -> Objects:
    made = Objects(settings)
    made.create_bucket("logs")
    return made


@pytest.fixture
async def records(settings: Settings) -> AsyncIterator[Records]:
    made = await Records.open(settings.database)
    yield made
    await made.close()


@pytest.fixture
async def log(settings: Settings, records: Records, objects: Objects) -> AsyncIterator[InvocationLog]:
    made = await InvocationLog.open(settings, records, objects, flush_s=3600)
    yield made
    await made.close()


def call(number: int = 1, operation: str = "Converse", log: Any = None, **note: Any) -> Call:
    services: Any = SimpleNamespace(invocation_log=log)
    identity = Identity("AKIA1", "arn:aws:iam::000000000000:user/ada")
    return Call(operation, "bedrock-runtime", f"id-{number}", services, identity, note={"modelId": "m", **note})


async def delivered(objects: Objects) -> list[dict[str, Any]]:
    """All records in the bucket, in order of their request ids."""
    found: list[dict[str, Any]] = []
    for info in await objects.list(f"{LOGS}/"):
        if info.url.endswith(".json.gz") and "/data/" not in info.url:
            found += map(orjson.loads, gzip.decompress(await objects.get(info.url)).splitlines())
    return sorted(found, key=lambda record: int(record["requestId"].removeprefix("id-")))


def counted(log: InvocationLog, name: str) -> dict[tuple[str, ...], float]:
    counts = {
        "dropped": log.counts.dropped,
        "s3": log.counts.delivered["s3Config"],
        "failed": log.counts.failed["s3Config"],
    }
    return counts[name]._values
