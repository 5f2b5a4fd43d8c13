"""The end of a response in the background: kept first, then told; and runs that never began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from outcrop.dialects.openai_events import Events
from outcrop.dialects.openai_responses import begun
from outcrop.endpoints.openai import runs, stored
from outcrop.errors import ServiceUnavailableException
from tests.endpoints.openai.conftest import House, events, refused
from tests.stub_engine import DONE, finish, text, usage
from tests.wire.asgi import Answer

BODY = b'{"model": "test.tiny-v1", "input": "hi", "background": true, "stream": true}'


class Gate:
    """Holds whoever keeps the end of a run until it is opened; what `fails` is raised there instead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.opened, self.fails = asyncio.Event(), asyncio.Event(), False
        self.change = stored.change
        monkeypatch.setattr(runs, "BEAT_S", 3600)
        monkeypatch.setattr(stored, "change", self)

    async def __call__(self, call: Any, id: str, edit: Callable[[Any], Any]) -> stored.Record:
        if edit.__name__ == "edit":
            self.asked.set()
            await self.opened.wait()
            if self.fails:
                raise ServiceUnavailableException("The database is away.")
        return await self.change(call, id, edit)


async def held(house: House, gate: Gate) -> tuple[str, Answer, asyncio.Task[Answer]]:
    """A run that is about to be kept: its id, what its caller was told, and the caller."""
    left = Answer()
    task = asyncio.create_task(house.client("POST", "/v1/responses", BODY, answer=left))
    await asyncio.wait_for(gate.asked.wait(), 20)
    [kept] = await house.resources.list(stored.KIND)
    return kept.id, left, task


async def test_an_end_is_kept_before_it_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    id, left, task = await held(house, gate)
    assert (await house.get(f"/responses/{id}")).json()["status"] == "in_progress"
    assert b"response.completed" not in left.body
    gate.opened.set()
    await task
    told = events(left)
    assert told[-1]["type"] == "response.completed"
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert (await house.respond(previous_response_id=id)).status == 200


async def test_one_that_is_cancelled_before_it_is_kept_is_not_told_as_complete(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    id, left, task = await held(house, gate)
    answer = await house.client("POST", f"/v1/responses/{id}/cancel", b"")
    assert answer.json()["status"] == "cancelled"
    gate.opened.set()
    await task
    assert b"response.completed" not in left.body
    assert (await house.get(f"/responses/{id}")).json()["status"] == "cancelled"


async def test_one_that_cannot_be_kept_has_failed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    id, left, task = await held(house, gate)
    gate.fails = True
    gate.opened.set()
    await task
    told = events(left)
    assert (told[-1]["type"], told[-1]["response"]["status"]) == ("response.failed", "failed")
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert (await house.get(f"/responses/{id}")).json()["status"] == "failed"


async def test_one_that_cannot_be_begun_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any) -> None:
        raise ServiceUnavailableException("The disk is full.")

    async def nothing() -> AsyncGenerator[Any, None]:
        return
        yield

    monkeypatch.setattr(stored, "keep", full)
    ours, call = runs.Runs(), Any
    with pytest.raises(ServiceUnavailableException):
        await ours.start(call, [], nothing(), Events(begun({"model": "m"}, "resp_1", 0, "queued")))  # type: ignore[arg-type]
    assert not ours.has("resp_1")


async def test_one_whose_caller_left_while_it_was_kept_is_lost_and_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, hang_up = stored.keep, asyncio.Event()

    async def kept_too_late(*args: Any) -> None:
        await keep(*args)
        hang_up.set()
        await asyncio.sleep(3600)

    monkeypatch.setattr(stored, "keep", kept_too_late)
    await asyncio.wait_for(house.client("POST", "/v1/responses", BODY, hang_up=hang_up), 20)
    [kept] = await house.resources.list(stored.KIND)
    refused(await asyncio.wait_for(house.get(f"/responses/{kept.id}?stream=true"), 20), 400, "background=true")
    assert (await house.get(f"/responses/{kept.id}")).json()["status"] == "failed"


async def test_one_that_ends_while_it_is_looked_up_is_read_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = runs.Runs.found

    async def late(self: runs.Runs, call: Any, id: str) -> stored.Record:
        kept = await found(self, call, id)
        while self.has(id):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return kept

    house.stub.say(text("Hel"), 0.5, text("lo"), finish(), usage(7, 2), DONE)
    id = (await house.respond(background=True)).json()["id"]
    monkeypatch.setattr(runs.Runs, "found", late)
    assert events(await house.get(f"/responses/{id}?stream=true"))[-1]["type"] == "response.completed"


async def test_a_streamed_one_that_cannot_be_kept_has_failed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any) -> None:
        raise ServiceUnavailableException("The disk is full.")

    monkeypatch.setattr(stored, "keep", full)
    told = events(await house.respond(stream=True))
    assert told[-1]["type"] == "response.failed"
    assert told[-1]["response"]["error"] == {"code": "server_error", "message": "The disk is full."}
    assert "completed_at" not in told[-1]["response"]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert "response.completed" not in [event["type"] for event in told]
