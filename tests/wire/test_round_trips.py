"""Every operation both ways, with botocore as the judge: what it serialises we parse, what we serialise it parses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import parsers, serialize
from botocore.loaders import Loader
from botocore.model import ServiceModel

from outcrop.wire import eventstream, spec, validate
from outcrop.wire.restjson import Incoming, request_reader, response_writer
from outcrop.wire.router import Router
from outcrop.wire.spec import Operation

from .generate import Generator

OPERATIONS = [operation for service in spec.services() for operation in service.operations()]
MODES = [pytest.param(Generator(False), id="least"), *(pytest.param(Generator(True, n), id=f"full{n}") for n in range(3))]
MODELS = {name: ServiceModel(Loader().load_service_model(name, "service-2"), name) for name in spec.SERVICES}
ROUTER = Router()

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda it: f"{it.service}.{it.name}")
each_mode = pytest.mark.parametrize("generator", MODES)


def theirs(operation: Operation) -> Any:
    return MODELS[operation.service].operation_model(operation.name)


def sent(operation: Operation, params: dict[str, Any]) -> tuple[str, str, str, dict[str, str], bytes]:
    """Method, raw path, query, headers and body as botocore sends them."""
    from botocore.awsrequest import prepare_request_dict

    request = serialize.create_serializer("rest-json").serialize_to_request(params, theirs(operation))
    prepare_request_dict(request, "http://localhost")
    url = urlsplit(request["url"])
    body = request["body"]
    raw = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b""
    return request["method"], url.path, url.query, {k.lower(): str(v) for k, v in request["headers"].items()}, raw


@each_operation
@each_mode
def test_a_request_that_botocore_writes_is_routed_parsed_and_valid(operation: Operation, generator: Generator) -> None:
    params = generator.value(operation.input)
    for name in [operation.input_stream.name] if operation.input_stream else []:
        params.pop(name)
    method, path, query, headers, body = sent(operation, params)
    match = ROUTER.match(method, path, query)
    assert match is not None
    assert match.operation is operation
    parsed = request_reader(operation)(Incoming(match.labels, query, headers, body))
    if operation.input_stream:
        assert parsed.pop(operation.input_stream.name) is None
    assert parsed == params
    assert not [fault for fault in validate.faults(operation.input, parsed) or [] if operation.input_stream is None]


@each_operation
@each_mode
def test_a_response_that_we_write_is_what_botocore_reads(operation: Operation, generator: Generator) -> None:
    result = generator.value(operation.output)
    if operation.output_stream:
        result.pop(operation.output_stream.name, None)
    answer = response_writer(operation)(result)
    given = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    model = theirs(operation)
    shape = model.output_shape
    if operation.output_stream:
        given["body"] = None
    if operation.output.payload and operation.output.payload.shape.type == "blob":
        from io import BytesIO

        given["body"] = answer.body
        del BytesIO
    read = parsers.create_parser("rest-json").parse(given, shape)
    read.pop("ResponseMetadata")
    if operation.output_stream:
        read.pop(operation.output_stream.name, None)
    assert read == result
