"""What an S3 handler sees of a request, what it works on, and what it may answer.

Knows nothing of single operations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ...config import Settings
from ...store.folder import Folder
from ...store.uploads import Uploads
from .body import Body


@dataclass(slots=True)
class Request:
    """`given` are the members of the path, query and headers by the service model's names, then those of the XML."""

    operation: str
    bucket: str
    key: str
    headers: Mapping[str, str]
    given: dict[str, Any]
    body: Body


@dataclass(slots=True)
class S3:
    """What all handlers share."""

    settings: Settings
    folder: Folder
    uploads: Uploads


@dataclass(slots=True)
class Download:
    """An answer whose body is a piece of a file. Who sends it closes the file."""

    answer: dict[str, Any]
    file: BinaryIO
    start: int
    length: int
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[S3, Request], Awaitable["dict[str, Any] | Download"]]


def quoted(etag: str) -> str:
    return f'"{etag}"'


def owner(s3: S3) -> dict[str, str]:
    return {"ID": s3.settings.account_id, "DisplayName": "outcrop"}
