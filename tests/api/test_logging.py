"""Put, Get and Delete of the logging configuration: refusals first, then what is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from outcrop.api import logging
from outcrop.call import Call
from outcrop.config import Settings
from outcrop.errors import ServiceUnavailableException, ValidationException
from outcrop.invocation_log import InvocationLog
from outcrop.store.objects import Objects
from outcrop.store.records import Records
from outcrop.wire.operation import HANDLERS

S3 = {"bucketName": "logs", "keyPrefix": "p"}
ROLE = "arn:aws:iam::000000000000:role/x"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Any]:
    settings = Settings(home=tmp_path, drain_s=5.0)
    records, objects = await Records.open(settings.database), Objects(settings)
    log = await InvocationLog.open(settings, records, objects)
    objects.create_bucket("logs")
    yield SimpleNamespace(settings=settings, records=records, objects=objects, invocation_log=log)
    await log.close()
    await records.close()


async def put(services: Any, **config: Any) -> Any:
    call = Call("PutModelInvocationLoggingConfiguration", "bedrock", "id", services)
    return await logging.put_model_invocation_logging_configuration(call, {"loggingConfig": config})  # type: ignore[typeddict-item]


async def get(services: Any) -> Any:
    call = Call("GetModelInvocationLoggingConfiguration", "bedrock", "id", services)
    return await logging.get_model_invocation_logging_configuration(call, {})


async def remove(services: Any) -> Any:
    call = Call("DeleteModelInvocationLoggingConfiguration", "bedrock", "id", services)
    return await logging.delete_model_invocation_logging_configuration(call, {})


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "At least one"),
        ({"textDataDeliveryEnabled": True}, "At least one"),
        ({"s3Config": {"bucketName": "absent"}}, "Failed to validate permissions for bucket: absent"),
        ({"s3Config": {"bucketName": "../logs"}}, "Failed to validate permissions for bucket"),
        ({"s3Config": {"bucketName": "logs", "keyPrefix": "a/../../b"}}, "Failed to validate permissions for bucket"),
        ({"cloudWatchConfig": {"logGroupName": "../x", "roleArn": ROLE}}, "Invalid log group name"),
        (
            {
                "cloudWatchConfig": {
                    "logGroupName": "g",
                    "roleArn": ROLE,
                    "largeDataDeliveryS3Config": {"bucketName": "absent"},
                }
            },
            "Failed to validate permissions for bucket: absent",
        ),
    ],
)
async def test_a_configuration_that_cannot_work_is_refused(services: Any, config: Any, says: str) -> None:
    await put(services, s3Config=S3)
    with pytest.raises(ValidationException, match=says):
        await put(services, **config)
    assert await get(services) == {"loggingConfig": {"s3Config": S3}}


async def test_an_unwritable_log_group_is_refused(services: Any) -> None:
    (services.settings.home / "logs").write_bytes(b"in the way")
    with pytest.raises(ValidationException, match="permissions for log group: /a/b, with role: arn:aws:iam"):
        await put(services, cloudWatchConfig={"logGroupName": "/a/b", "roleArn": ROLE})


async def test_a_database_that_fails_changes_nothing(services: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ServiceUnavailableException("full")

    monkeypatch.setattr(services.records, "write", broken)
    with pytest.raises(ServiceUnavailableException):
        await put(services, s3Config=S3)
    assert await get(services) == {}


async def test_put_get_delete(services: Any) -> None:
    assert await get(services) == {}
    config = {"s3Config": S3, "textDataDeliveryEnabled": True, "imageDataDeliveryEnabled": False}
    assert await put(services, **config) == {}
    assert await get(services) == {"loggingConfig": config}
    assert services.invocation_log.enabled
    assert await remove(services) == {}
    assert await remove(services) == {}
    assert await get(services) == {}


async def test_aws_s_empty_object_is_left_behind(services: Any) -> None:
    await put(services, s3Config=S3)
    (info,) = await services.objects.list("s3://logs/")
    assert (
        info.url == "s3://logs/p/AWSLogs/000000000000/BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check"
    )
    assert info.size == 0


async def test_a_log_group_is_made_and_written(services: Any) -> None:
    await put(services, cloudWatchConfig={"logGroupName": "/a/b", "roleArn": ROLE})
    call = Call("Converse", "bedrock-runtime", "id-9", services, note={"modelId": "m"})
    services.invocation_log.record(call)
    await services.invocation_log.flush()
    (line,) = (services.settings.home / "logs/a/b.jsonl").read_bytes().splitlines()
    assert orjson.loads(line)["requestId"] == "id-9"


def test_the_operations_are_registered() -> None:
    for verb in ("Put", "Get", "Delete"):
        assert ("bedrock", f"{verb}ModelInvocationLoggingConfiguration") in HANDLERS
