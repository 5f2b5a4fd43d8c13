"""Errors in OpenAI's words; most are met in the operations' own tests."""

from __future__ import annotations

from typing import Any

import pytest

from outcrop import errors
from outcrop.endpoints.openai import openai_door
from outcrop.endpoints.openai.manner import error_body, error_frame
from outcrop.wire.sigv4 import SignedRequest
from tests.endpoints.openai.conftest import House, refused
from tests.wire.asgi import Client


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (errors.UnrecognizedClientException("no"), 401, "invalid_request_error", "invalid_api_key"),
        (errors.ValidationException("no"), 400, "invalid_request_error", None),
        (errors.ResourceNotFoundException("no"), 404, "invalid_request_error", None),
        (errors.OperationNotImplementedException("no"), 501, "invalid_request_error", "unknown_url"),
        (errors.ConflictException("no"), 409, "invalid_request_error", None),
        (errors.ThrottlingException("no"), 429, "requests", "rate_limit_exceeded"),
        (errors.ModelNotReadyException("no"), 503, "server_error", "model_not_ready"),
        (errors.ModelTimeoutException("no"), 504, "server_error", "timeout"),
        (errors.ModelErrorException("no"), 500, "server_error", None),
        (errors.ServiceUnavailableException("no"), 503, "server_error", None),
        (errors.InternalServerException("no"), 500, "server_error", None),
    ],
)
def test_what_each_error_is(error: errors.ServiceError, status: int, kind: str, code: str | None) -> None:
    told = {"error": {"message": "no", "type": kind, "param": None, "code": code}}
    call: Any = None
    assert error_body(error, call) == (status, told)
    assert error_frame(error, call).startswith(b'data: {"error":{')


@pytest.mark.parametrize(
    ("bedrocks", "openais"),
    [
        ("#: extraneous key [a] is not permitted", "Unrecognized request argument supplied: a"),
        ("#: required key [a] not found", "Missing required parameter: 'a'."),
        ("#: anything\nelse", "anything\nelse"),
    ],
)
def test_words(bedrocks: str, openais: str) -> None:
    told = f"Malformed input request: {bedrocks}, please reformat your input and try again."
    call: Any = None
    assert error_body(errors.ValidationException(told), call)[1]["error"]["message"] == openais


async def test_a_caller_without_a_good_key(house: House) -> None:
    async def nobody(request: SignedRequest) -> Any:
        raise errors.AccessDeniedException("Incorrect API key provided.")

    answer = await Client(openai_door(house.services, nobody))("GET", "/v1/models")
    refused(answer, 401, "Incorrect API key", code="invalid_api_key")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nope"), ("PUT", "/v1/models"), ("POST", "/openai/v1/chat"), ("GET", "/v1/")]
)
async def test_a_place_that_is_not(house: House, method: str, path: str) -> None:
    refused(await house.client(method, path, b""), 404, method, code="unknown_url")
