"""Responses in the background: they outlive their requests, their callers and, as failures, their server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outcrop.endpoints.openai import runs
from tests.endpoints.openai.conftest import House, events, refused
from tests.stub_engine import DONE, DROP, HANG, finish, text, usage
from tests.wire.asgi import Answer, Client


async def started(house: House, **body: Any) -> str:
    answer = (await house.respond(background=True, **body)).json()
    assert (answer["status"], answer["output"]) == ("queued", [])
    return answer["id"]


async def ended(house: House, id: str, status: str = "completed") -> dict[str, Any]:
    for _ in range(1500):
        answer = (await house.get(f"/responses/{id}")).json()
        if answer["status"] not in runs.RUNNING:
            break
        await asyncio.sleep(0.02)
    assert answer["status"] == status
    return answer


async def under_way(client: Client, id: str) -> None:
    """Ask until a response is seen to be in progress."""
    async with asyncio.timeout(20):
        while (await client("GET", f"/v1/responses/{id}")).json()["status"] != "in_progress":  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_one_is_answered_after_its_request(house: House) -> None:
    id = await started(house)
    answer = await ended(house, id)
    assert answer["output"][0]["content"][0]["text"] == "Hello"
    for _ in range(1500):
        if len(house.telemetry.begun) == len(house.telemetry.finished):
            break
        await asyncio.sleep(0.01)  # it is kept a moment before it is counted
    posted, *others = house.telemetry.finished
    assert "invoked" not in posted[0].note, "the request itself asked no model"
    [(call, status, error)] = [one for one in others if "invoked" in one[0].note]
    assert (call.operation, status, error) == ("CreateResponse", 200, None)
    assert call.note["usage"]["outputTokens"] == 2


async def test_the_invocation_log_gets_the_answer_too(house: House) -> None:
    house.log.enabled = True
    await ended(house, await started(house))
    for _ in range(1500):
        if len(house.log.records) == 2:
            break
        await asyncio.sleep(0.01)
    [_, (note, error)] = house.log.records
    assert (error, note["outputBody"]["status"]) == (None, "completed")
    assert b'"hi"' in note["inputBody"]


async def test_it_is_seen_while_it_runs(house: House) -> None:
    house.stub.say(text("Hel"), HANG)
    id = await started(house)
    await under_way(house.client, id)
    await house.client("POST", f"/v1/responses/{id}/cancel", b"")
    await asyncio.wait_for(house.stub.gone.wait(), 20)


async def test_its_events_are_the_same_whenever_they_are_read(house: House) -> None:
    house.stub.say(text("Hel"), 0.2, text("lo"), finish(), usage(7, 2), DONE)
    live = events(await house.respond(background=True, stream=True))
    kinds = [event["type"] for event in live]
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert [event["sequence_number"] for event in live] == list(range(len(live)))
    id = live[0]["response"]["id"]
    assert events(await house.get(f"/responses/{id}?stream=true")) == live
    assert events(await house.get(f"/responses/{id}?stream=true&starting_after=4")) == live[5:]


async def test_a_caller_that_leaves_finds_it_again(house: House) -> None:
    house.stub.say(text("Hel"), 5.0, text("lo"), finish(), usage(7, 2), DONE)
    hang_up, left = asyncio.Event(), Answer()
    body = b'{"model": "test.tiny-v1", "input": "hi", "background": true, "stream": true}'
    task = asyncio.create_task(house.client("POST", "/v1/responses", body, hang_up=hang_up, answer=left))
    async with asyncio.timeout(20):
        while b"Hel" not in left.body:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    hang_up.set()
    await task
    seen = events(left)
    id, last = seen[0]["response"]["id"], seen[-1]["sequence_number"]
    rest = events(await house.get(f"/responses/{id}?stream=true&starting_after={last}"))
    assert rest[0]["sequence_number"] == last + 1
    assert rest[-1]["type"] == "response.completed"
    assert not house.stub.gone.is_set()


async def test_a_cancelled_one_stops_its_engine(house: House) -> None:
    house.stub.say(text("Hel"), HANG)
    id = await started(house)
    await asyncio.wait_for(house.stub.asked.wait(), 20)
    answer = await house.client("POST", f"/v1/responses/{id}/cancel", b"")
    assert answer.json()["status"] == "cancelled"
    await asyncio.wait_for(house.stub.gone.wait(), 20)
    await ended(house, id, "cancelled")
    again = await house.client("POST", f"/v1/responses/{id}/cancel", b"")
    assert (again.status, again.json()["status"]) == (200, "cancelled")


async def test_only_those_of_the_background_are_cancelled_or_streamed(house: House) -> None:
    id = (await house.respond()).json()["id"]
    refused(await house.client("POST", f"/v1/responses/{id}/cancel", b""), 400, "synchronous")
    refused(await house.get(f"/responses/{id}?stream=true"), 400, "background=true")
    refused(await house.client("POST", "/v1/responses/resp_no/cancel", b""), 404, "not found")


async def test_a_deleted_one_stops_its_engine_and_stays_deleted(house: House) -> None:
    house.stub.say(text("Hel"), HANG)
    id = await started(house)
    await asyncio.wait_for(house.stub.asked.wait(), 20)
    await house.delete(f"/responses/{id}")
    await asyncio.wait_for(house.stub.gone.wait(), 20)
    refused(await house.get(f"/responses/{id}"), 404)


@pytest.mark.parametrize("steps", [(DROP,), (text("Hel"), DROP)])
async def test_an_engine_that_dies_is_a_failed_response(house: House, steps: Any) -> None:
    house.stub.say(*steps)
    answer = await ended(house, await started(house), "failed")
    assert answer["error"]["code"] == "server_error"


async def test_what_can_never_be_answered_is_refused_at_once(house: House) -> None:
    refused(await house.respond(background=True, input=[]), 400, "something to answer")


async def crashed(house: House, monkeypatch: pytest.MonkeyPatch, **runner: Any) -> tuple[str, Client]:
    """A run as a process that is gone left it, and the door of another one."""
    house.stub.say(text("Hel"), HANG)
    id = await started(house)
    await asyncio.wait_for(house.stub.asked.wait(), 20)
    kept = (await house.resources.get("openai.response", id)).body
    await house.client("POST", f"/v1/responses/{id}/cancel", b"")
    await asyncio.wait_for(house.stub.gone.wait(), 20)
    kept["runner"] = {**kept["runner"], **runner}
    await house.resources.change("openai.response", id, lambda _: kept)
    return id, house.opened()


async def test_a_server_that_died_leaves_failures_and_no_riddles(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    id, other = await crashed(house, monkeypatch, started=1.0)
    answer = (await other("GET", f"/v1/responses/{id}")).json()
    assert answer["status"] == "failed"
    assert "stopped before" in answer["error"]["message"]


async def test_a_run_of_another_machine_counts_until_its_signs_of_life_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, other = await crashed(house, monkeypatch, host="elsewhere")
    assert (await other("GET", f"/v1/responses/{id}")).json()["status"] == "queued"
    monkeypatch.setattr(runs, "DEAD_S", -1.0)
    assert (await other("GET", f"/v1/responses/{id}")).json()["status"] == "failed"


async def test_another_process_can_cancel_and_delete(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BEAT_S", 0.05)
    for method, target in (("POST", "/cancel"), ("DELETE", "")):
        house.stub.gone.clear()
        house.stub.say(text("Hel"), HANG)
        house.stub.asked.clear()
        id = await started(house)
        await asyncio.wait_for(house.stub.asked.wait(), 20)
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(runs.socket, "gethostname", lambda: "elsewhere")
            other = house.opened()
        await under_way(other, id)  # a sign of life tells how far it is
        assert (await other(method, f"/v1/responses/{id}{target}", b"")).status == 200
        await asyncio.wait_for(house.stub.gone.wait(), 20)
