"""botocore as the judge: its serialiser sends requests, its parsers read responses and event streams."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from outcrop.wire import spec
from outcrop.wire.spec import Operation

MODELS = {name: ServiceModel(Loader().load_service_model(name, "service-2"), name) for name in spec.SERVICES}


def theirs(operation: Operation) -> OperationModel:
    return MODELS[operation.service].operation_model(operation.name)


def sent(operation: Operation, params: dict[str, Any]) -> tuple[str, str, str, dict[str, str], bytes]:
    """Method, raw path, query, headers (lower-case) and body of the request that botocore makes."""
    request = create_serializer("rest-json", not operation.input_stream).serialize_to_request(params, theirs(operation))
    prepare_request_dict(request, "http://localhost")
    url, body = urlsplit(request["url"]), request["body"]
    raw = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b""
    headers = {name.lower(): str(value) for name, value in request["headers"].items()}
    return request["method"], url.path, url.query, headers, raw


def read(operation: Operation, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """What a boto3 caller gets from a response; events of a stream as a list, an error as ["Error"]."""
    model = theirs(operation)
    streams = status < 300 and (model.has_event_stream_output or model.has_streaming_output)
    given = {
        "status_code": status,
        "headers": HeadersDict(headers),
        "body": Raw(body) if streams else body,
        "context": {"operation_name": operation.name},
    }
    parsed = create_parser("rest-json").parse(given, model.output_shape)
    if status >= 300 and (shape := model.service_model.shape_for_error_code(parsed["Error"]["Code"])):
        parsed.update(create_parser("rest-json").parse(given, shape))
    parsed.pop("ResponseMetadata")
    if streams and operation.output_stream:
        parsed[operation.output_stream.name] = list(parsed[operation.output_stream.name])
    return parsed


class Raw:
    """A response body as urllib3 would offer it to botocore's event stream."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield from (self.body[at : at + 7] for at in range(0, len(self.body), 7))

    def read(self, *_: Any) -> bytes:
        return self.body

    def close(self) -> None:
        pass
