"""A door that is not AWS's: callers without a key, bodies that cannot be read and clients that leave first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from outcrop.call import Call, Identity
from outcrop.endpoints.door import Answer, Door, Events, Manner, Request, Route
from outcrop.errors import AccessDeniedException, ResourceNotFoundException, ServiceError, ThrottlingException
from outcrop.wire.sigv4 import SignedRequest
from tests.wire.asgi import Answer as Seen
from tests.wire.asgi import Client, fake_services

JSON = {"content-type": "application/json"}


async def known(request: SignedRequest) -> Identity:
    if request.headers.get("x-api-key") == "bad":
        raise AccessDeniedException("no such key")
    return Identity("me")


def error(raised: ServiceError, call: Call) -> tuple[int, dict[str, Any]]:
    return raised.status, {"oops": raised.message}


def fail(raised: ServiceError, call: Call) -> bytes:
    return f"data: {raised.code}\n\n".encode()


MANNER = Manner("test", error, fail, "x-request-id")


async def echo(call: Call, request: Request) -> Answer:
    return Answer({"said": request.json(), "by": call.identity.key_id, **request.params, **request.query})


async def lost(call: Call, request: Request) -> Answer:
    raise ResourceNotFoundException("not here")


async def broken(call: Call, request: Request) -> Answer:
    raise RuntimeError("a secret of ours")


async def sleeping(call: Call, request: Request) -> Answer:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits so long")


async def counting(call: Call, request: Request) -> Events:
    return Events(frames(int(request.query.get("of", "3")), request.query.get("then")))


async def frames(of: int, then: str | None) -> AsyncGenerator[bytes, None]:
    for number in range(of):
        yield f"data: {number}\n\n".encode()
    if then:
        raise {"throttled": ThrottlingException("slow down"), "bug": RuntimeError("a secret of ours")}[then]


async def measuring(call: Call, request: Request) -> Answer:
    assert request.chunks is not None
    return Answer({"bytes": sum([len(chunk) async for chunk in request.chunks])})


ROUTES = [
    Route("POST", "/things", echo, "MakeThing"),
    Route("POST", "/things/{id}/parts/{part}", echo, "MakePart"),
    Route("GET", "/lost", lost, "GetLost"),
    Route("GET", "/broken", broken, "GetBroken"),
    Route("GET", "/sleep", sleeping, "Sleep"),
    Route("GET", "/count", counting, "Count"),
    Route("PUT", "/measure", measuring, "Measure", streams=True),
]


class Setting:
    def __init__(self) -> None:
        self.services = fake_services(max_body_mib=1, body_timeout_s=0.2)
        self.door = Door(self.services, known, ["/v1", "/other/v1"], ROUTES, MANNER)
        self.client = Client(self.door)

    @property
    def finished(self) -> list[tuple[str, int]]:
        return [(call.operation, status) for call, status, _ in self.services.telemetry.finished]


@pytest.fixture
def at() -> Setting:
    return Setting()


async def test_a_caller_without_a_good_key_is_refused_before_its_handler(at: Setting) -> None:
    answer = await at.client("POST", "/v1/things", b"{}", {**JSON, "x-api-key": "bad"})
    assert (answer.status, answer.json()) == (403, {"oops": "no such key"})
    assert at.finished == [("MakeThing", 403)]


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (b"{", JSON, "not valid JSON"),
        (b"[1]", JSON, "must be a JSON object, not list"),
        (b"{}", {"content-type": "text/plain"}, "must be JSON"),
        (b'{"a":' * 80 + b"1" + b"}" * 80, JSON, "deeper than 64"),
        (b"\xff", JSON, "not valid JSON"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_400(at: Setting, body: bytes, headers: Any, says: str) -> None:
    answer = await at.client("POST", "/v1/things", body, headers)
    assert answer.status == 400
    assert says in answer.json()["oops"]


async def test_a_body_past_the_limit_is_a_413(at: Setting) -> None:
    assert (await at.client("POST", "/v1/things", b" " * (1 << 20) + b"{}", JSON)).status == 413


async def test_a_body_that_never_ends_is_a_408(at: Setting) -> None:
    assert (await at.client("POST", "/v1/things", [b"{", None], JSON)).status == 408


@pytest.mark.parametrize("target", ["/v1/nothing", "/v1/things/a/parts/", "/v1/", "/v1/things/a", "/v2/things"])
async def test_an_unknown_path_is_a_404_in_the_doors_manner(at: Setting, target: str) -> None:
    answer = await at.client("POST", target, b"{}", JSON)
    assert answer.status == 404
    assert "Nothing answers POST" in answer.json()["oops"]


async def test_a_fault_of_ours_keeps_its_secret(at: Setting) -> None:
    answer = await at.client("GET", "/v1/broken")
    assert answer.status == 500
    assert b"secret" not in answer.body


async def test_a_client_that_leaves_cancels_its_handler(at: Setting) -> None:
    hang_up = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, hang_up.set)
    await asyncio.wait_for(at.client("GET", "/v1/sleep", hang_up=hang_up), 10)
    assert at.finished == [("Sleep", 499)]


@pytest.mark.parametrize(("then", "last"), [("throttled", "ThrottlingException"), ("bug", "InternalServerException")])
async def test_a_stream_that_breaks_ends_with_the_doors_own_frame(at: Setting, then: str, last: str) -> None:
    answer = await at.client("GET", f"/v1/count?of=2&then={then}")
    assert answer.status == 200
    assert answer.body.decode().split("\n\n") == ["data: 0", "data: 1", f"data: {last}", ""]
    assert answer.complete


async def test_a_stream_that_breaks_before_its_first_event_is_a_real_error(at: Setting) -> None:
    answer = await at.client("GET", "/v1/count?of=0&then=throttled")
    assert (answer.status, answer.json()) == (429, {"oops": "slow down"})


async def test_a_stream_arrives_whole_and_says_what_it_is(at: Setting) -> None:
    answer = await at.client("GET", "/v1/count?of=3")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


async def test_parameters_are_decoded_after_the_path_is_split(at: Setting) -> None:
    answer = await at.client("POST", "/other/v1/things/a%2Fb/parts/x%3A0?q=1", b'{"n": 1}', JSON)
    assert answer.json() == {"said": {"n": 1}, "by": "me", "id": "a/b", "part": "x:0", "q": "1"}
    assert answer.headers["x-request-id"]


async def test_a_route_may_read_its_body_as_it_comes(at: Setting) -> None:
    answer: Seen = await at.client("PUT", "/v1/measure", [b"x" * (1 << 20)] * 3, {})
    assert answer.json() == {"bytes": 3 << 20}


async def test_what_a_handler_raises_keeps_its_status(at: Setting) -> None:
    answer = await at.client("GET", "/v1/lost")
    assert (answer.status, answer.json()) == (404, {"oops": "not here"})
