"""The gateway in process: what clients see in good times and in bad, and that telemetry sees each request once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import pytest

from outcrop.errors import (
    AccessDeniedException,
    ConflictException,
    ModelErrorException,
    ModelStreamErrorException,
    ThrottlingException,
)
from outcrop.wire import eventstream, exchange, spec
from outcrop.wire.gateway import HUNG_UP, Gateway
from outcrop.wire.operation import Call, Handler, Handlers, Identity
from outcrop.wire.sigv4 import EventVerifier
from tests.engines.test_process import eventually

from .asgi import Answer, Client, fake_services
from .judge import read
from .test_sigv4 import NOON_MS
from .test_sigv4 import events as signing

CONVERSE = ("bedrock-runtime", "Converse")
STREAM = ("bedrock-runtime", "ConverseStream")
BOTH_WAYS = ("bedrock-runtime", "InvokeModelWithBidirectionalStream")
HELLO = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
BODY = json.dumps(HELLO).encode()
REPLY = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    "metrics": {"latencyMs": 3},
}
EVENT = {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 0}}


async def anybody(request: Any) -> Identity:
    return Identity()


class Door:
    """A gateway with one handler, its client, and what telemetry saw."""

    def __init__(self, key: tuple[str, str], function: Any, authenticate: Any = anybody, **settings: Any) -> None:
        self.services = fake_services(**settings)
        handlers: Handlers = {key: Handler(function)}
        self.client = Client(Gateway(self.services, authenticate, handlers))

    @property
    def finished(self) -> list[Any]:
        telemetry = self.services.telemetry
        assert len(telemetry.begun) == len(telemetry.finished)
        return telemetry.finished


async def reply(call: Call, request: Any) -> Any:
    return REPLY


def converse_door(function: Any = reply, **settings: Any) -> Door:
    return Door(CONVERSE, function, **settings)


def stream_door(events: Any, **settings: Any) -> Door:
    async def converse_stream(call: Call, request: Any) -> Any:
        return {"stream": events()}

    return Door(STREAM, converse_stream, **settings)


def frames(answer: Answer) -> list[eventstream.Frame]:
    reader = eventstream.Reader()
    found = list(reader.feed(answer.body))
    reader.finish()
    return found


# ------------------------------------------------------------------ when things go wrong


async def test_a_client_that_hangs_up_cancels_the_handler_at_once() -> None:
    started, cancelled, hang_up = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(call: Call, request: Any) -> Any:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    door = converse_door(slow)
    task = asyncio.create_task(door.client("POST", "/model/m/converse", BODY, hang_up=hang_up))
    await started.wait()
    hang_up.set()
    answer = await asyncio.wait_for(task, 20)
    assert cancelled.is_set()
    assert answer.status == 0
    ((_, status, error),) = door.finished
    assert status == HUNG_UP
    assert isinstance(error, asyncio.CancelledError)


async def test_a_client_that_hangs_up_in_mid_stream_closes_the_iterator() -> None:
    hang_up, closed, flowing, answer = asyncio.Event(), asyncio.Event(), asyncio.Event(), Answer()

    async def endless() -> AsyncIterator[Any]:
        try:
            while True:
                yield EVENT
                await asyncio.sleep(0.001)
                if answer.sends:
                    flowing.set()
        finally:
            closed.set()

    door = stream_door(endless)
    task = asyncio.create_task(door.client("POST", "/model/m/converse-stream", BODY, hang_up=hang_up, answer=answer))
    await flowing.wait()
    hang_up.set()
    await asyncio.wait_for(task, 20)
    assert closed.is_set()
    assert not answer.complete
    assert door.finished[0][1] == HUNG_UP


async def test_a_client_that_hangs_up_before_the_first_event_closes_the_iterator() -> None:
    hang_up, closed, started = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def silent() -> AsyncIterator[Any]:
        started.set()
        try:
            await asyncio.sleep(60)
            yield EVENT
        finally:
            closed.set()

    door = stream_door(silent)
    task = asyncio.create_task(door.client("POST", "/model/m/converse-stream", BODY, hang_up=hang_up))
    await started.wait()
    hang_up.set()
    assert (await asyncio.wait_for(task, 20)).status == 0
    assert closed.is_set()


async def test_a_client_that_hangs_up_while_it_sends_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    hang_up = asyncio.Event()
    hang_up.set()
    door = converse_door()
    answer = await door.client("POST", "/model/m/converse", [b"{", None], hang_up=hang_up)
    assert answer.status == 0
    assert door.finished[0][1] == HUNG_UP
    assert not caplog.records


async def test_a_server_that_stops_cancels_requests_as_usual() -> None:
    """Cancellation from outside is not taken for a client's."""
    started = asyncio.Event()

    async def slow(call: Call, request: Any) -> Any:
        started.set()
        await asyncio.sleep(60)

    door = converse_door(slow)
    task = asyncio.create_task(door.client("POST", "/model/m/converse", BODY))
    await asyncio.wait_for(started.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(door.finished) == 1


async def test_hanging_up_as_the_handler_ends_leaves_no_stray_cancellation() -> None:
    hang_up = asyncio.Event()

    async def ends(call: Call, request: Any) -> Any:
        hang_up.set()
        await asyncio.sleep(0)
        return REPLY

    door = converse_door(ends)
    await door.client("POST", "/model/m/converse", BODY, hang_up=hang_up)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)
    assert len(door.finished) == 1


async def test_a_body_that_stalls_is_refused() -> None:
    door = converse_door(body_timeout_s=0.02)
    answer = await door.client("POST", "/model/m/converse", [b'{"messages"', None])
    assert (answer.status, answer.code) == (408, "RequestTimeoutException")


async def test_a_slow_body_that_keeps_coming_is_taken() -> None:
    door = converse_door()
    answer = await door.client("POST", "/model/m/converse", [bytes([byte]) for byte in BODY])
    assert answer.status == 200


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_too_large_is_refused(declared: bool) -> None:
    door = converse_door(max_body_mib=1)
    size = 1 + (1 << 20)
    headers = {"content-type": "application/json"} | ({"content-length": str(size)} if declared else {})
    chunks = [None] if declared else [b" " * (1 << 19)] * 2 + [b" ", None]
    answer = await door.client("POST", "/model/m/converse", chunks, headers)
    assert (answer.status, answer.code) == (413, "RequestEntityTooLargeException")


async def test_a_body_shorter_than_it_claims_is_refused() -> None:
    headers = {"content-type": "application/json", "content-length": str(len(BODY) + 1)}
    answer = await converse_door().client("POST", "/model/m/converse", BODY, headers)
    assert (answer.status, answer.code) == (400, "SerializationException")


async def test_a_body_that_does_not_say_it_is_json_is_refused() -> None:
    """A web page may make a browser send text/plain to this machine; it may not make it send JSON."""
    door = converse_door()
    answer = await door.client("POST", "/model/m/converse", BODY, {"content-type": "text/plain"})
    assert (answer.status, answer.code) == (415, "UnsupportedMediaTypeException")


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"{}x", b'{"a":' * 3000, b'{"messages":1}', b"NaN"])
async def test_a_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    answer = await converse_door().client("POST", "/model/m/converse", body)
    assert (answer.status, answer.code) == (400, "SerializationException")
    assert answer.json()["message"]


async def test_a_body_nested_too_deep_is_refused() -> None:
    deep = b'{"additionalModelRequestFields":' + b'{"a":' * 80 + b"1" + b"}" * 81
    answer = await converse_door().client("POST", "/model/m/converse", deep)
    assert (answer.status, answer.code) == (400, "SerializationException")
    assert "64" in answer.json()["message"]


async def test_a_fault_of_ours_is_logged_under_its_id_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(call: Call, request: Any) -> Any:
        raise RuntimeError("secret detail")

    door = converse_door(broken)
    with caplog.at_level(logging.ERROR):
        answer = await door.client("POST", "/model/m/converse", BODY)
    assert (answer.status, answer.code) == (500, "InternalServerException")
    assert "secret" not in answer.body.decode()
    assert "Traceback" not in answer.body.decode()
    assert answer.headers["x-amzn-requestid"] in caplog.text
    assert "secret detail" in caplog.text
    assert isinstance(door.finished[0][2], RuntimeError)


async def test_a_reply_with_a_misspelt_key_is_a_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async def misspelt(call: Call, request: Any) -> Any:
        return {**REPLY, "stopReasn": "x"}

    answer = await converse_door(misspelt).client("POST", "/model/m/converse", BODY)
    assert answer.status == 500
    assert "stopReasn" in caplog.text


async def test_a_model_that_fails_before_its_first_event_is_an_http_error() -> None:
    async def fails() -> AsyncIterator[Any]:
        raise ModelErrorException("The engine is gone", originalStatusCode=502)
        yield EVENT

    answer = await stream_door(fails).client("POST", "/model/m/converse-stream", BODY)
    assert (answer.status, answer.code) == (424, "ModelErrorException")
    assert answer.json() == {"message": "The engine is gone", "originalStatusCode": 502}


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (ModelStreamErrorException("The engine is gone"), "modelStreamErrorException", "The engine is gone"),
        (ThrottlingException("Later"), "throttlingException", "Later"),
        (ConflictException("Told"), "internalServerException", "Told"),
        (RuntimeError("secret detail"), "internalServerException", None),
    ],
)
async def test_a_model_that_fails_in_mid_stream_ends_with_an_exception_frame(
    error: Exception, name: str, message: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> AsyncIterator[Any]:
        yield EVENT
        raise error

    door = stream_door(fails)
    answer = await door.client("POST", "/model/m/converse-stream", BODY)
    first, last = frames(answer)
    assert first.headers[":event-type"] == "contentBlockDelta"
    assert last.headers[":message-type"] == "exception"
    assert last.headers[":exception-type"] == name
    assert answer.complete
    assert b"secret" not in answer.body
    if message:
        assert json.loads(last.payload)["message"] == message
    assert door.finished[0][1:] == (200, error)


async def test_a_client_that_reads_slowly_holds_the_iterator_back() -> None:
    made, hold = 0, asyncio.Event()

    async def fast() -> AsyncIterator[Any]:
        nonlocal made
        for _ in range(5000):
            made += 1
            yield EVENT

    door = stream_door(fast)
    task = asyncio.create_task(door.client("POST", "/model/m/converse-stream", BODY, hold=hold))
    await asyncio.sleep(0.1)
    assert made < 1000
    hold.set()
    answer = await task
    assert len(frames(answer)) == 5000


async def test_a_client_that_reads_nothing_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SLOWEST_READER_S", 0.02)
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[Any]:
        try:
            while True:
                yield EVENT
        finally:
            closed.set()

    door = stream_door(endless)
    await asyncio.wait_for(door.client("POST", "/model/m/converse-stream", BODY, hold=asyncio.Event()), 20)
    assert closed.is_set()
    assert door.finished[0][1] == HUNG_UP


# ------------------------------------------------------------------ when things go right


async def test_converse_goes_in_and_comes_back() -> None:
    seen: list[Any] = []

    async def converse(call: Call, request: Any) -> Any:
        seen.append((call, request))
        call.response_headers["x-extra"] = "yes"
        return REPLY

    door = converse_door(converse)
    answer = await door.client(
        "POST", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fa.bc/converse", BODY
    )
    call, request = seen[0]
    assert request == {**HELLO, "modelId": "arn:aws:bedrock:us-east-1::foundation-model/a.bc"}
    assert answer.status == 200
    assert answer.json() == REPLY
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-extra"] == "yes"
    assert answer.headers["x-amzn-requestid"] == call.request_id
    assert door.finished == [(call, 200, None)]


async def test_events_that_are_ready_together_leave_together() -> None:
    async def burst() -> AsyncIterator[Any]:
        for _ in range(100):
            yield EVENT

    answer = await stream_door(burst).client("POST", "/model/m/converse-stream", BODY)
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert len(answer.sends) < 10
    operation = spec.load("bedrock-runtime").operation("ConverseStream")
    assert read(operation, 200, answer.headers, answer.body)["stream"] == [EVENT] * 100


async def test_an_event_leaves_when_it_is_made() -> None:
    next_one, answer = asyncio.Event(), Answer()

    async def paused() -> AsyncIterator[Any]:
        yield EVENT
        await next_one.wait()
        yield EVENT

    task = asyncio.create_task(stream_door(paused).client("POST", "/model/m/converse-stream", BODY, answer=answer))
    await eventually(lambda: frames(answer))
    assert len(frames(answer)) == 1
    next_one.set()
    await task
    assert len(frames(answer)) == 2


async def test_both_ways_events_come_in_while_events_go_out() -> None:
    seen: list[Any] = []

    async def echo(call: Call, request: Any) -> Any:
        async def events() -> AsyncIterator[Any]:
            async for event in request["body"]:
                seen.append(event)
                yield event

        return {"body": events()}

    chunks = [eventstream.encode(_event_headers(), b'{"bytes":"%s"}' % text) for text in (b"YWI=", b"Yw==")]
    door = Door(BOTH_WAYS, echo)
    answer = await door.client("POST", "/model/m/invoke-with-bidirectional-stream", chunks, {})
    assert seen == [{"chunk": {"bytes": b"ab"}}, {"chunk": {"bytes": b"c"}}]
    assert answer.sends[0] == b""
    assert [frame.payload for frame in frames(answer)] == [b'{"bytes":"YWI="}', b'{"bytes":"Yw=="}']


async def test_both_ways_a_damaged_frame_ends_the_stream_with_a_validation_exception() -> None:
    async def echo(call: Call, request: Any) -> Any:
        return {"body": request["body"]}

    good = eventstream.encode(_event_headers(), b'{"bytes":"YWI="}')
    door = Door(BOTH_WAYS, echo)
    answer = await door.client("POST", "/model/m/invoke-with-bidirectional-stream", [good, good[:-1] + b"x"], {})
    _, last = frames(answer)
    assert last.headers[":exception-type"] == "validationException"


SIGNED = "/model/m/invoke-with-bidirectional-stream"
NOON = datetime.fromtimestamp(NOON_MS / 1000, UTC)


def _signed(sign: Any, payload: bytes) -> bytes:
    """A frame around a frame, as SDKs send an event."""
    headers = {":date": NOON, ":chunk-signature": sign(NOON_MS, payload)}
    return eventstream.encode(eventstream.encode_headers(headers), payload)


async def _signed_answer(*frames_: bytes, verifier: EventVerifier) -> list[eventstream.Frame]:
    async def echo(call: Call, request: Any) -> Any:
        return {"body": request["body"]}

    async def verified(request: Any) -> EventVerifier:
        return verifier

    door = Door(BOTH_WAYS, echo)
    client = Client(Gateway(door.services, anybody, {BOTH_WAYS: Handler(echo)}, verifier=verified))
    return frames(await client("POST", SIGNED, list(frames_), {}))


async def test_signed_events_are_checked_and_unwrapped() -> None:
    verifier, sign = signing()
    good = eventstream.encode(_event_headers(), b'{"bytes":"YWI="}')
    heard = await _signed_answer(_signed(sign, good), _signed(sign, good), _signed(sign, b""), verifier=verifier)
    assert [frame.payload for frame in heard] == [b'{"bytes":"YWI="}'] * 2


@pytest.mark.parametrize("what", ["changed", "repeated", "bare", "text for a signature"])
async def test_an_event_that_is_not_as_it_was_signed_ends_the_stream_and_is_not_read(what: str) -> None:
    verifier, sign = signing()
    good = eventstream.encode(_event_headers(), b'{"bytes":"YWI="}')
    evil = eventstream.encode(_event_headers(), b'{"bytes":"Yw=="}')
    first, second = _signed(sign, good), _signed(sign, good)
    named = eventstream.encode_headers({":date": NOON, ":chunk-signature": "x" * 32})
    forged = {
        "changed": second.replace(good, evil)[:-4] + crc32(second.replace(good, evil)[:-4]).to_bytes(4, "big"),
        "repeated": first,
        "bare": evil,
        "text for a signature": eventstream.encode(named, evil),
    }[what]
    heard = await _signed_answer(first, forged, verifier=verifier)
    assert heard[0].payload == b'{"bytes":"YWI="}'
    assert len(heard) == 2
    assert heard[1].headers[":message-type"] == "error"
    assert heard[1].headers[":error-code"] == "InvalidSignatureException"


async def test_both_ways_what_is_no_json_is_a_validation_exception() -> None:
    async def echo(call: Call, request: Any) -> Any:
        return {"body": request["body"]}

    bad = eventstream.encode(_event_headers(), b'{"bytes":7}')
    (last,) = frames(await Door(BOTH_WAYS, echo).client("POST", SIGNED, [bad], {}))
    assert last.headers[":exception-type"] == "validationException"


def _event_headers() -> bytes:
    return eventstream.encode_headers({":event-type": "chunk", ":message-type": "event"})


# ------------------------------------------------------------------ order


async def test_no_route() -> None:
    door = converse_door()
    answer = await door.client("GET", "/nothing/here")
    assert (answer.status, answer.code) == (404, "UnknownOperationException")
    assert door.finished[0][0].operation == "UnknownOperation"


async def test_an_operation_without_a_handler_says_so_only_to_who_is_known() -> None:
    async def nobody(request: Any) -> Identity:
        raise AccessDeniedException("no")

    target = "/foundation-models"
    answer = await converse_door().client("GET", target)
    assert (answer.status, answer.code) == (501, "OperationNotImplementedException")
    assert "ListFoundationModels" in answer.json()["message"]
    answer = await converse_door(authenticate=nobody).client("GET", target)
    assert (answer.status, answer.code) == (403, "AccessDeniedException")


async def test_who_is_not_known_does_not_learn_what_is_wrong_with_the_body() -> None:
    async def nobody(request: Any) -> Identity:
        raise AccessDeniedException("no")

    answer = await converse_door(authenticate=nobody).client("POST", "/model/m/converse", b"{")
    assert answer.code == "AccessDeniedException"


async def test_authentication_gets_the_request_as_it_was_sent() -> None:
    seen: list[Any] = []

    async def look(request: Any) -> Identity:
        seen.append(request)
        return Identity("me")

    async def whoami(call: Call, request: Any) -> Any:
        return {**REPLY, "stopReason": call.identity.key_id}

    door = converse_door(whoami, authenticate=look)
    headers = {"Content-Type": "application/json", "X-Amz-Date": "now"}
    answer = await door.client("POST", "/model/a%2Db/converse?x=%20y", BODY, headers)
    assert (seen[0].method, seen[0].raw_path, seen[0].query) == ("POST", "/model/a%2Db/converse", "x=%20y")
    assert seen[0].headers["x-amz-date"] == "now"
    assert seen[0].body == BODY
    assert answer.json()["stopReason"] == "me"


async def test_what_breaks_a_constraint_is_refused_in_awss_words() -> None:
    body = json.dumps({**HELLO, "inferenceConfig": {"temperature": 1.5}}).encode()
    answer = await converse_door().client("POST", "/model/m/converse", body)
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert answer.json()["message"] == (
        "1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: "
        "Member must have value less than or equal to 1"
    )


async def test_an_error_takes_the_status_its_operation_models() -> None:
    async def conflict(call: Call, request: Any) -> Any:
        raise ConflictException("taken")

    bedrock = Door(("bedrock", "DeleteCustomModel"), conflict)
    assert (await bedrock.client("DELETE", "/custom-models/m")).status == 400
    agent = Door(("bedrock-agent", "DeleteAgent"), conflict)
    assert (await agent.client("DELETE", "/agents/ABCDEFGHIJ/")).status == 409


async def test_an_error_the_operation_does_not_model_keeps_its_name_and_status() -> None:
    async def conflict(call: Call, request: Any) -> Any:
        raise ConflictException("taken")

    answer = await converse_door(conflict).client("POST", "/model/m/converse", BODY)
    assert (answer.status, answer.code, answer.json()) == (409, "ConflictException", {"message": "taken"})


async def test_an_answer_without_content_has_no_body_and_no_length() -> None:
    async def delete(call: Call, request: Any) -> Any:
        return {}

    door = Door(("bedrock-agent", "DeleteAgentActionGroup"), delete)
    answer = await door.client("DELETE", "/agents/ABCDEFGHIJ/agentversions/DRAFT/actiongroups/ABCDEFGHIJ/")
    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers


async def test_two_requests_at_once_do_not_mix() -> None:
    async def echo(call: Call, request: Any) -> Any:
        await asyncio.sleep(0.001)
        return {**REPLY, "stopReason": request["modelId"]}

    door = converse_door(echo)
    answers = await asyncio.gather(*(door.client("POST", f"/model/m{n}/converse", BODY) for n in range(50)))
    assert [answer.json()["stopReason"] for answer in answers] == [f"m{n}" for n in range(50)]
    assert len({answer.headers["x-amzn-requestid"] for answer in answers}) == 50
