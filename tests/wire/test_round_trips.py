"""Every operation both ways, with botocore as the judge: what it serialises we parse, what we serialise it parses."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from outcrop.errors import InternalServerException, ServiceError
from outcrop.wire import eventstream, spec, validate
from outcrop.wire.restjson import Incoming, request_reader, response_writer
from outcrop.wire.router import Router
from outcrop.wire.spec import Operation, Shape, error_status
from outcrop.wire.values import error_body

from .generate import Generator
from .judge import read, sent, theirs

OPERATIONS = [operation for service in spec.services() for operation in service.operations()]
STREAMS = [operation for operation in OPERATIONS if operation.output_stream]
MODES = [pytest.param(Generator(False), id="least")]
MODES += [pytest.param(Generator(True, turn), id=f"full{turn}") for turn in range(3)]
ROUTER = Router()


def label(operation: Operation) -> str:
    return f"{operation.service}.{operation.name}"


each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=label)
each_stream = pytest.mark.parametrize("operation", STREAMS, ids=label)
each_mode = pytest.mark.parametrize("generator", MODES)


def test_all_operations_of_the_four_services_are_there() -> None:
    assert len(OPERATIONS) >= 240
    assert {operation.service for operation in OPERATIONS} == set(spec.SERVICES)


@each_operation
@each_mode
def test_a_request_that_botocore_writes_is_routed_parsed_and_valid(operation: Operation, generator: Generator) -> None:
    params = generator.value(operation.input)
    events = object()
    if operation.input_stream:
        params[operation.input_stream.name] = events
    method, path, query, headers, body = sent(operation, {k: v for k, v in params.items() if v is not events})
    match = ROUTER.match(method, path, query)
    assert match is not None
    assert match.operation is operation
    parsed = request_reader(operation)(Incoming(match.labels, query, headers, body, events))
    assert parsed == params
    assert not validate.faults(operation.input, parsed)


@each_operation
@each_mode
def test_a_response_that_we_write_is_what_botocore_reads(operation: Operation, generator: Generator) -> None:
    result = generator.value(operation.output)
    body = b""
    if operation.output_stream:
        events = _events(operation.output_stream.shape, generator)
        result[operation.output_stream.name] = events
        body = b"".join(map(eventstream.encoder(operation.output_stream.shape), events))
    answer = response_writer(operation)(result)
    got = read(operation, answer.status, answer.headers, body or answer.body)
    if theirs(operation).has_streaming_output and not operation.output_stream:
        payload = operation.output.payload
        assert payload is not None
        got[payload.name] = got[payload.name].read()
    assert got == result


def _events(stream: Shape, generator: Generator) -> list[dict[str, Any]]:
    """One event of each kind that is not an exception."""
    kinds = [member for member in stream.members.values() if not member.shape.traits.get("exception")]
    return [{member.name: generator.value(member.shape)} for member in kinds]


@each_operation
def test_every_modelled_error_reaches_boto3_under_its_name_and_status(operation: Operation) -> None:
    for shape in operation.errors.values():
        error = _raised(shape)
        status = error_status(shape, error.status)
        body = error_body(error, shape)
        got = read(operation, status, {"x-amzn-errortype": error.code, "content-type": "application/json"}, body)
        assert got["Error"] == {"Code": shape.name, "Message": "told"}
        assert status == shape.traits["error"]["httpStatusCode"]
        assert {name: got[name] for name in error.members} == error.members


@each_stream
def test_every_modelled_error_in_a_stream_is_raised_by_boto3(operation: Operation) -> None:
    stream = operation.output_stream
    assert stream is not None
    kinds = [member for member in stream.shape.members.values() if member.shape.traits.get("exception")]
    assert kinds
    for member in kinds:
        frame = eventstream.encode_exception(stream.shape, _raised(member.shape))
        with pytest.raises(EventStreamError) as caught:
            read(operation, 200, {}, frame)
        assert caught.value.response["Error"] == {"Code": member.name, "Message": "told"}


@each_stream
def test_an_unmodelled_error_in_a_stream_is_an_internal_error(operation: Operation) -> None:
    assert operation.output_stream is not None
    frame = eventstream.encode_exception(operation.output_stream.shape, InternalServerException("told"))
    with pytest.raises(EventStreamError) as caught:
        read(operation, 200, {}, frame)
    assert caught.value.response["Error"]["Code"] == "internalServerException"


def _raised(shape: Shape) -> ServiceError:
    """An error of a modelled shape with all its members filled in."""
    members = Generator(True).value(shape)
    members = {name: value for name, value in members.items() if name.lower() != "message"}
    return type(shape.name, (ServiceError,), {})("told", **members)
