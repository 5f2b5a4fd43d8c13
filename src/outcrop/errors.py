"""The errors Outcrop raises: one tree, named as the AWS API names them.

Knows nothing of HTTP framing or JSON; the gateway turns a raised error into the modelled error of the operation.

    ServiceError                          500  anything we raise on purpose
    |- ValidationException                400  the request cannot be served as it is written
    |- AccessDeniedException              403  known caller, not allowed
    |  |- UnknownApiKeyException          403  a bearer key that is revoked or nobody's; shown as AccessDeniedException
    |  |- UnrecognizedClientException     403  unknown access key
    |  |- InvalidSignatureException       403  the signature, its date or its scope does not match
    |  |- MissingAuthenticationTokenException 403  no credentials at all
    |  |- IncompleteSignatureException    400  an Authorization header that cannot be read
    |  `- ExpiredTokenException           403  a short-term key past its time
    |- ResourceNotFoundException          404
    |- ConflictException                  409  (400 in bedrock: the service model decides)
    |- ResourceInUseException             400
    |- ServiceQuotaExceededException      400
    |- TooManyTagsException               400
    |- ThrottlingException                429  the model's queue is full
    |- ModelNotReadyException             429  still loading; try again
    |- ModelTimeoutException              408  the engine took too long
    |- ModelErrorException                424  the engine failed before its first token
    |- ModelStreamErrorException          424  the engine failed in mid-stream
    |- DependencyFailedException          424  the model that an operation of another service leans on failed
    |- ServiceUnavailableException        503  no memory, draining, store unreachable
    |- InternalServerException            500  a fault of ours; the cause is in the log
    `- UnknownOperationException          404  no such route
       `- OperationNotImplementedException 501  a real operation that Outcrop has not built yet
"""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An error with a modelled name, an HTTP status and a message a caller may read.

    `members` are further members of the modelled error shape (resourceName, originalStatusCode, ...).
    `status` is the default; the service model's own status wins where the operation models the error.
    """

    status = 500

    def __init__(self, message: str, **members: Any) -> None:
        super().__init__(message)
        self.message = message
        self.members = members

    @property
    def code(self) -> str:
        return type(self).__name__


class ValidationException(ServiceError):
    status = 400


class AccessDeniedException(ServiceError):
    status = 403


class UnknownApiKeyException(AccessDeniedException):
    """AWS has no name of its own for it."""

    def __init__(self) -> None:
        super().__init__("Authentication failed: Please make sure your API Key is valid.")

    @property
    def code(self) -> str:
        return AccessDeniedException.__name__


class UnrecognizedClientException(AccessDeniedException):
    status = 403


class InvalidSignatureException(AccessDeniedException):
    status = 403


class MissingAuthenticationTokenException(AccessDeniedException):
    status = 403


class IncompleteSignatureException(AccessDeniedException):
    status = 400


class ExpiredTokenException(AccessDeniedException):
    status = 403


class ResourceNotFoundException(ServiceError):
    status = 404


class ConflictException(ServiceError):
    status = 409


class ResourceInUseException(ServiceError):
    status = 400


class ServiceQuotaExceededException(ServiceError):
    status = 400


class TooManyTagsException(ServiceError):
    status = 400


class ThrottlingException(ServiceError):
    status = 429


class ModelNotReadyException(ServiceError):
    status = 429


class ModelTimeoutException(ServiceError):
    status = 408


class ModelErrorException(ServiceError):
    status = 424


class ModelStreamErrorException(ServiceError):
    status = 424


class DependencyFailedException(ServiceError):
    status = 424


class ServiceUnavailableException(ServiceError):
    status = 503


class InternalServerException(ServiceError):
    status = 500


class UnknownOperationException(ServiceError):
    status = 404


class OperationNotImplementedException(UnknownOperationException):
    status = 501
