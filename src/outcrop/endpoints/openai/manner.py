"""How OpenAI's API says what went wrong.

Knows nothing of routes. Source: platform.openai.com/docs/guides/error-codes; the `openai` package tells its exceptions
apart by status: 400, 401, 403, 404, 409, 422, 429, and 500 and above.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from ...call import Call
from ...errors import (
    AccessDeniedException,
    ConflictException,
    ModelErrorException,
    ModelNotReadyException,
    ModelStreamErrorException,
    ModelTimeoutException,
    ResourceNotFoundException,
    ServiceError,
    ServiceUnavailableException,
    ThrottlingException,
    UnknownOperationException,
    ValidationException,
)
from ..door import Manner

INVALID, SERVER = "invalid_request_error", "server_error"

KINDS: tuple[tuple[type[ServiceError], int | None, str, str | None], ...] = (
    (AccessDeniedException, 401, INVALID, "invalid_api_key"),
    (ValidationException, None, INVALID, None),
    (ResourceNotFoundException, 404, INVALID, None),
    (UnknownOperationException, None, INVALID, "unknown_url"),
    (ConflictException, 409, INVALID, None),
    (ThrottlingException, 429, "requests", "rate_limit_exceeded"),
    (ModelNotReadyException, 503, SERVER, "model_not_ready"),
    (ModelTimeoutException, 504, SERVER, "timeout"),
    (ModelErrorException, 500, SERVER, None),
    (ModelStreamErrorException, 500, SERVER, None),
    (ServiceUnavailableException, 503, SERVER, None),
)
"""Error -> status (None: its own), type and code; what is not here is a server error with its own status."""

TOO_LONG = "Input is too long"

WORDS = (
    (re.compile(r"^Malformed input request: (.*), please reformat your input and try again\.$", re.DOTALL), r"\1"),
    (re.compile(r"#: extraneous key \[(.+?)\] is not permitted"), r"Unrecognized request argument supplied: \1"),
    (re.compile(r"#: required key \[(.+?)\] not found"), r"Missing required parameter: '\1'."),
    (re.compile(r"^#: "), ""),
)
"""Bedrock's words -> OpenAI's."""


def error_body(error: ServiceError, call: Call) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of an error."""
    status, kind, code = next((row[1:] for row in KINDS if isinstance(error, row[0])), (None, SERVER, None))
    if isinstance(error, ValidationException) and error.message.startswith(TOO_LONG):
        code = "context_length_exceeded"
    told = {
        "message": _worded(str(error)),
        "type": kind,
        "param": error.members.get("param"),
        "code": error.members.get("code") or code,
    }
    return status or error.status, {"error": told}


def error_frame(error: ServiceError, call: Call) -> bytes:
    """The event that ends a stream which broke: the `openai` package raises it as an APIError."""
    return b"data: " + orjson.dumps(error_body(error, call)[1]) + b"\n\n"


def _worded(message: str) -> str:
    for pattern, words in WORDS:
        message = pattern.sub(words, message)
    return message


MANNER = Manner("openai", error_body, error_frame)
