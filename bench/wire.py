"""How fast the wire is, beside botocore's own parser and serialiser in the same run: `python bench/wire.py [seconds]`.

Knows nothing of servers. Prints one line a measure: operations per second here, there, and the ratio.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from botocore.eventstream import EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from outcrop.wire import eventstream, spec, validate
from outcrop.wire.restjson import Incoming, request_reader, response_writer
from outcrop.wire.router import Router

REQUEST = {
    "system": [{"text": "You are a terse assistant."}],
    "messages": [
        {"role": "user", "content": [{"text": "Hello, my name is Ada."}]},
        {"role": "assistant", "content": [{"text": "Hello Ada."}]},
        {"role": "user", "content": [{"text": "What is my name?"}]},
    ],
    "inferenceConfig": {"maxTokens": 64, "temperature": 0.5, "topP": 0.9},
}
REPLY = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Your name is Ada."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 31, "outputTokens": 6, "totalTokens": 37},
    "metrics": {"latencyMs": 12},
}
EVENT = {"contentBlockDelta": {"delta": {"text": "Ada"}, "contentBlockIndex": 0}}
HEADERS = {"content-type": "application/json", "host": "localhost"}

Work = Callable[[], Any]


def rate(work: Work, seconds: float) -> float:
    """Calls per second of processor time (other work may share the machine), the best of three runs."""
    return max(_rate(work, seconds / 3) for _ in range(3))


def _rate(work: Work, seconds: float) -> float:
    done, started = 0, time.process_time()
    while (elapsed := time.process_time() - started) < seconds:
        for _ in range(100):
            work()
        done += 100
    return done / elapsed


def ours() -> dict[str, Work]:
    operation = spec.load("bedrock-runtime").operation("Converse")
    stream = spec.load("bedrock-runtime").operation("ConverseStream").output_stream
    assert stream is not None
    router, body = Router(), json.dumps(REQUEST).encode()
    read, write = request_reader(operation), response_writer(operation)
    encode = eventstream.encoder(stream.shape)
    frames = encode(EVENT) * 100

    def converse() -> None:
        match = router.match("POST", "/model/outcrop.pebble-v1/converse")
        assert match is not None
        validate.require(operation.input, read(Incoming(match.labels, "", HEADERS, body)))
        write(REPLY)

    return {
        "route + parse + validate + serialise Converse": converse,
        "encode one stream event": lambda: encode(EVENT),
        "decode 100 frames": lambda: list(eventstream.Reader().feed(frames)),
    }


def theirs() -> dict[str, Work]:
    """The same work the other way round: a client serialises the request and parses the response."""
    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
    operation, params = model.operation_model("Converse"), {**REQUEST, "modelId": "outcrop.pebble-v1"}
    serializer, parser = create_serializer("rest-json"), create_parser("rest-json")
    response = {"status_code": 200, "headers": HEADERS, "body": json.dumps(REPLY).encode()}
    stream = spec.load("bedrock-runtime").operation("ConverseStream").output_stream
    assert stream is not None
    frames = eventstream.encoder(stream.shape)(EVENT) * 100

    def converse() -> None:
        serializer.serialize_to_request(params, operation)
        parser.parse(response, operation.output_shape)

    def decode() -> None:
        buffer = EventStreamBuffer()
        buffer.add_data(frames)
        list(buffer)

    return {"route + parse + validate + serialise Converse": converse, "decode 100 frames": decode}


def main(seconds: float = 1.5) -> None:
    judge = theirs()
    for name, work in ours().items():
        here, there = rate(work, seconds), rate(judge[name], seconds) if name in judge else None
        beside = f"botocore {there:>9,.0f}/s   {here / there:5.1f} times" if there else ""
        print(f"{name:48} {here:>10,.0f}/s   {beside}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
