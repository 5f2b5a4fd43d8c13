"""A handler under `@logged`: every way it can end is recorded once, and nothing is kept while logging is off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from outcrop.call import Call
from outcrop.errors import ModelErrorException, ModelStreamErrorException
from outcrop.invocation_log import logged

from .conftest import call

EVENTS = [{"contentBlockDelta": {"delta": {"text": t}, "contentBlockIndex": 0}} for t in "ab"]


class Log:
    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.taken: list[tuple[Any, BaseException | None]] = []

    def record(self, call: Call, error: BaseException | None = None) -> None:
        self.taken.append((call.note.get("outputBody"), error))


@logged
async def converse(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("fail"):
        raise request["fail"]
    return {"output": "x"}


@logged
async def converse_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"stream": events(request.get("fail"), request.get("closed", []))}


async def events(error: BaseException | None, closed: list[bool]) -> AsyncIterator[dict[str, Any]]:
    try:
        for event in EVENTS:
            yield event
        if error:
            raise error
    finally:
        closed.append(True)


def text(body: Any) -> str:
    return body["output"]["message"]["content"][0]["text"]


async def test_off_keeps_no_body() -> None:
    one = call(log=Log(enabled=False))
    assert await converse(one, {"modelId": "m"}) == {"output": "x"}
    assert one.note == {"modelId": "m"}
    assert one.services.invocation_log.taken == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [ModelErrorException("no"), KeyError("bug"), asyncio.CancelledError()])
async def test_a_failure_is_recorded_and_passes(error: BaseException) -> None:
    log = Log()
    with pytest.raises(type(error)):
        await converse(call(log=log), {"fail": error})
    assert log.taken == [(None, error)]


async def test_a_stream_that_fails_is_recorded_with_what_there_was() -> None:
    log, error = Log(), ModelStreamErrorException("engine died")
    answer = await converse_stream(call(log=log), {"fail": error})
    with pytest.raises(ModelStreamErrorException):
        [event async for event in answer["stream"]]
    ((body, raised),) = log.taken
    assert text(body) == "ab"
    assert raised is error


async def test_a_client_that_leaves_closes_the_engine_and_is_recorded() -> None:
    log, closed = Log(), []
    answer = await converse_stream(call(log=log), {"closed": closed})
    assert await anext(answer["stream"]) == EVENTS[0]
    await answer["stream"].aclose()
    assert closed == [True]
    assert text(log.taken[0][0]) == "a"


async def test_whole_answers_and_streams_are_recorded_once() -> None:
    log = Log()
    one = call(log=log)
    assert await converse(one, {"modelId": "m", "messages": [], "requestMetadata": {}}) == {"output": "x"}
    assert one.note["inputBody"] == {"messages": []}
    answer = await converse_stream(call(log=log), {})
    assert [event async for event in answer["stream"]] == EVENTS
    assert [error for _, error in log.taken] == [None, None]
    assert log.taken[0][0] == {"output": "x"}
    assert text(log.taken[1][0]) == "ab"


async def test_the_model_s_own_body_is_recorded_as_it_came() -> None:
    @logged
    async def invoke_model(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return {"body": b'{"out":1}', "contentType": "application/json"}

    log = Log()
    one = call(log=log)
    await invoke_model(one, {"modelId": "m", "body": b'{"in":1}', "contentType": "application/json"})
    assert one.note["inputBody"] == b'{"in":1}'
    assert log.taken == [(b'{"out":1}', None)]
