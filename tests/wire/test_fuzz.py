"""Anything at all thrown at the gateway: never a 500 that is not logged, never a traceback to the client."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.wire import eventstream, spec
from outcrop.wire.gateway import Gateway
from outcrop.wire.operation import Call, Handler, Identity

from .asgi import Answer, Client, fake_services
from .generate import Generator
from .judge import sent

FUZZ = settings(max_examples=120, deadline=None)
OPERATIONS = [operation for service in spec.services() for operation in service.operations()]


async def anybody(request: Any) -> Identity:
    return Identity()


async def nothing(call: Call, request: Any) -> Any:
    if call.operation == "InvokeModelWithBidirectionalStream":
        return {"body": request["body"]}
    operation = spec.load(call.service).operation(call.operation)
    return {operation.output_stream.name: _none()} if operation.output_stream else {}


async def _none() -> Any:
    for event in ():
        yield event


HANDLERS = {(operation.service, operation.name): Handler(nothing) for operation in OPERATIONS}
SERVICES = fake_services(body_timeout_s=0.05)
CLIENT = Client(Gateway(SERVICES, anybody, HANDLERS))


class Logged(logging.Handler):
    """Keeps the messages that were logged as errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def throw(method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
    """One request; asserts what must hold for any."""
    logged = Logged()
    SERVICES.telemetry.finished.clear()
    logger = logging.getLogger("outcrop.gateway")
    logger.addHandler(logged)
    try:
        answer = asyncio.run(asyncio.wait_for(CLIENT(method, target, [body], headers), 5))
    finally:
        logger.removeHandler(logged)
    assert answer.complete
    assert b"Traceback" not in answer.body
    assert answer.headers["x-amzn-requestid"]
    if answer.status == 500:
        assert any(answer.headers["x-amzn-requestid"] in message for message in logged.messages)
    if answer.status >= 400:
        assert json.loads(answer.body)["message"]
        assert answer.code
    assert len(SERVICES.telemetry.finished) == 1
    return answer


TARGETS = st.sampled_from([operation.uri for operation in OPERATIONS])
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "\x00"])
LATIN = st.text(st.characters(max_codepoint=255), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-length", "accept", "x-amzn-bedrock-trace", "x-amz-client-token", "host"])
    | LATIN,
    LATIN | st.sampled_from(["application/json", "-1", "1e9", "\r\nx: y"]),
    max_size=4,
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10)
)
NAMES = st.sampled_from(["messages", "role", "content", "text", "modelId", "tags", "name", "filter", "andAll", "json"])
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


@given(METHODS, LATIN, st.binary(max_size=200), HEADERS)
@FUZZ
def test_any_target(method: str, target: str, body: bytes, headers: dict[str, str]) -> None:
    assert throw(method, target, body, headers).status != 500


@given(TARGETS, METHODS, st.lists(LATIN.filter(lambda text: "/" not in text), min_size=5, max_size=5), JSON, LATIN)
@FUZZ
def test_any_labels_queries_and_json(uri: str, method: str, labels: list[str], body: Any, query: str) -> None:
    segments = [labels[at % 5] if part.startswith("{") else part for at, part in enumerate(uri.split("/"))]
    target = f"{'/'.join(segments)}?{query}"
    answer = throw(method, target, json.dumps(body).encode(), {"content-type": "application/json"})
    assert answer.status != 500


@given(st.sampled_from(OPERATIONS), st.binary(max_size=300), HEADERS)
@FUZZ
def test_any_body_and_headers_of_any_operation(operation: Any, body: bytes, headers: dict[str, str]) -> None:
    path = "/".join("ABCDEFGHIJ" if part.startswith("{") else part for part in operation.uri.split("/"))
    assert throw(operation.method, path, body, headers).status != 500


@given(st.sampled_from(OPERATIONS), st.data())
@FUZZ
def test_a_good_request_with_a_piece_of_it_broken(operation: Any, data: st.DataObject) -> None:
    params = Generator(True, data.draw(st.integers(0, 3))).value(operation.input)
    if operation.input_stream:
        params.pop(operation.input_stream.name)
    method, path, query, headers, body = sent(operation, params)
    raw = bytearray(body or b"{}")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        raw = raw or bytearray(b"x")
    headers.pop("content-length", None)
    assert throw(method, f"{path}?{query}", bytes(raw), headers).status != 500


@given(st.lists(st.binary(max_size=60) | st.just(b"\x00\x00\x00\x10\x00\x00\x00\x00"), max_size=4), st.booleans())
@FUZZ
def test_any_event_stream_in(pieces: list[bytes], sound: bool) -> None:
    body = b"".join(eventstream.encode(piece[:20], piece[20:]) if sound else piece for piece in pieces)
    target = "/model/m/invoke-with-bidirectional-stream"
    assert throw("POST", target, body, {}).status == 200
