"""Errors of the transport itself, which no operation models; AWS's names for them.

Knows nothing of what was asked. The errors of operations are in outcrop/errors.py.
"""

from __future__ import annotations

from ..errors import ServiceError, ValidationException


class SerializationException(ValidationException):
    """A request that cannot be read: not JSON, or a value of the wrong type. `path` grows on the way out."""

    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[str] = []

    def inside(self, name: str) -> SerializationException:
        """Note that the value lies in the member of this name."""
        self.path.append(name)
        return self

    def __str__(self) -> str:
        where = ".".join(reversed(self.path))
        return f"{self.message} at '{where}'" if where else self.message


class RequestEntityTooLargeException(ValidationException):
    status = 413


class UnsupportedMediaTypeException(ValidationException):
    status = 415


class RequestTimeoutException(ServiceError):
    """The client paused for too long while it sent its body."""

    status = 408


class ClientDisconnected(Exception):
    """The client hung up before its answer was complete. Nothing can be said to it any more."""
