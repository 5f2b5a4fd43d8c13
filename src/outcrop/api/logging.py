"""Put, Get and DeleteModelInvocationLoggingConfiguration.

Knows what a configuration may say and whether its destinations can be written; `invocation_log` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..call import Call
from ..errors import ServiceError, ValidationException
from ..invocation_log import delivery
from ..wire.operation import operation

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        DeleteModelInvocationLoggingConfigurationRequest,
        DeleteModelInvocationLoggingConfigurationResponse,
        GetModelInvocationLoggingConfigurationRequest,
        GetModelInvocationLoggingConfigurationResponse,
        PutModelInvocationLoggingConfigurationRequest,
        PutModelInvocationLoggingConfigurationResponse,
    )


@operation
async def put_model_invocation_logging_configuration(
    call: Call, request: PutModelInvocationLoggingConfigurationRequest
) -> PutModelInvocationLoggingConfigurationResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_PutModelInvocationLoggingConfiguration.html"""
    config: dict[str, Any] = dict(request["loggingConfig"])
    cloud_watch, s3 = config.get("cloudWatchConfig"), config.get("s3Config")
    if not cloud_watch and not s3:
        raise ValidationException("At least one of cloudWatchConfig and s3Config must be specified.")
    if s3:
        await _check_bucket(call, s3)
    if cloud_watch:
        await _check_log_group(call, cloud_watch)
    await call.services.invocation_log.configure(config)
    return {}


@operation
async def get_model_invocation_logging_configuration(
    call: Call, request: GetModelInvocationLoggingConfigurationRequest
) -> GetModelInvocationLoggingConfigurationResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelInvocationLoggingConfiguration.html"""
    config: Any = call.services.invocation_log.config
    return {} if config is None else {"loggingConfig": config}


@operation
async def delete_model_invocation_logging_configuration(
    call: Call, request: DeleteModelInvocationLoggingConfigurationRequest
) -> DeleteModelInvocationLoggingConfigurationResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteModelInvocationLoggingConfiguration.html"""
    await call.services.invocation_log.configure(None)
    return {}


async def _check_bucket(call: Call, s3: Mapping[str, Any]) -> None:
    try:
        await delivery.probe_s3(call.services.settings, call.services.objects, s3)
    except ServiceError as error:
        raise ValidationException(
            f"Failed to validate permissions for bucket: {s3['bucketName']}. "
            f"Verify the S3 bucket policy is correct. ({error.message})"
        ) from error


async def _check_log_group(call: Call, cloud_watch: Mapping[str, Any]) -> None:
    name, role = cloud_watch["logGroupName"], cloud_watch["roleArn"]
    try:
        await delivery.probe_log_group(call.services.settings, name)
    except OSError as error:
        raise ValidationException(
            f"Failed to validate permissions for log group: {name}, with role: {role}. "
            f"Verify the IAM role permissions are correct. ({error.strerror})"
        ) from error
    if large := cloud_watch.get("largeDataDeliveryS3Config"):
        await _check_bucket(call, large)
