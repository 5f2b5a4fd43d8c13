"""Asynchronous invocations: what is refused, two at once, servers that stop in the middle, and what is shown."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from outcrop import asynchronous
from outcrop.asynchronous import INPUT, INVOCATION, AsyncInvokes
from outcrop.catalog import Model
from outcrop.errors import ServiceUnavailableException
from tests.api.service import Api, served
from tests.live import Live, running
from tests.stub_engine import DONE, HANG, StubEngine, finish, progress, text, usage

MODEL = "meta.llama-stub"
OUT = {"s3OutputDataConfig": {"s3Uri": "s3://results/runs/"}}


@pytest.fixture
async def api(tmp_path: Path, stub: StubEngine) -> AsyncIterator[Api]:
    async with served(tmp_path) as api:
        await prepare(api, stub)
        yield api


async def prepare(api: Api, stub: StubEngine) -> None:
    source = stub.endpoint.url
    await api.services.catalog.add(Model(id=MODEL, name="Stub", provider="Meta", source=source, kind="openai"))
    api.services.objects.create_bucket("results")


async def start(api: Api, **members: Any) -> dict[str, Any]:
    asked = {"modelId": MODEL, "modelInput": {"prompt": "hi"}, "outputDataConfig": OUT, **members}
    return await api("StartAsyncInvoke", "bedrock-runtime", **asked)


async def get(api: Api, arn: str) -> dict[str, Any]:
    return await api("GetAsyncInvoke", "bedrock-runtime", invocationArn=arn)


async def ended(api: Api, arn: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found = await get(api, arn)
            if found["status"] != "InProgress":
                return found
            await asyncio.sleep(0.01)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)


def place(arn: str) -> str:
    return f"s3://results/runs/{arn.rpartition('/')[2]}/output.json"


async def output(api: Api, arn: str) -> dict[str, Any]:
    return json.loads(await api.services.objects.get(place(arn)))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"modelId": "no.such-model"}, "The provided model identifier is invalid."),
        ({"modelInput": {"messages": []}}, "Malformed input request: #: required key [prompt] not found"),
        ({"modelInput": [1]}, "Malformed input request: #: expected type: JSONObject, found: list"),
        ({"modelInput": {"prompt": "hi", "temperature": 2}}, "Malformed input request: #/temperature: 2 is not less"),
        ({"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://nowhere/x"}}}, "Invalid S3 output location: "),
        ({"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://results/../x"}}}, "Invalid key in S3 URI"),
        ({"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://results/" + "a/" * 502}}}, "The key is too long"),
        ({"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "file:///tmp"}}}, "1 validation error detected"),
        ({"clientRequestToken": "with space"}, "1 validation error detected"),
    ],
)
async def test_what_cannot_run_is_refused_before_it_begins(api, stub, members, message):
    answer = await start(api, **members)
    assert (answer["Error"]["Code"], answer["Error"]["Message"][: len(message)]) == ("ValidationException", message)
    assert await api.services.resources.list(INVOCATION) == await api.services.resources.list(INPUT) == []
    assert stub.bodies == []


async def test_an_answer_is_the_body_of_invoke_model(api, stub):
    arn = (await start(api, tags=[{"key": "team", "value": "a"}]))["invocationArn"]
    found = await ended(api, arn)
    assert (found["status"], found["modelArn"].rpartition("/")[2], found["outputDataConfig"]) == (
        "Completed",
        MODEL,
        OUT,
    )
    assert found["submitTime"] <= found["endTime"] == found["lastModifiedTime"]
    assert await output(api, arn) == {
        "generation": "Hello",
        "prompt_token_count": 7,
        "generation_token_count": 2,
        "stop_reason": "stop",
    }
    assert await api.services.resources.list(INPUT) == []


async def test_a_token_names_one_invocation(api, stub):
    first = await start(api, clientRequestToken="once")
    assert await start(api, clientRequestToken="once") == first
    other = await start(api, clientRequestToken="once", modelInput={"prompt": "another"})
    assert other["Error"]["Code"] == "ConflictException"
    found = await ended(api, first["invocationArn"])
    assert (found["clientRequestToken"], len(stub.bodies)) == ("once", 1)


async def test_two_starts_at_once_with_one_token_run_once(api, stub):
    stub.say(0.05, progress(7), text("a"), finish(), usage(7, 1), DONE)
    answers = await asyncio.gather(*(start(api, clientRequestToken="same") for _ in range(8)))
    assert len({answer["invocationArn"] for answer in answers}) == 1
    await ended(api, answers[0]["invocationArn"])
    assert len(stub.bodies) == 1
    assert await api.services.resources.list(INPUT) == []


async def test_two_starts_at_once_with_one_token_and_two_inputs_conflict(api):
    inputs = ({"prompt": "a"}, {"prompt": "b"})
    answers = await asyncio.gather(*(start(api, clientRequestToken="same", modelInput=each) for each in inputs))
    codes = sorted(answer.get("Error", {}).get("Code", "") for answer in answers)
    assert codes == ["", "ConflictException"]


async def test_a_model_that_fails_says_why(api, stub):
    stub.refuse(400, {"error": {"message": "the prompt is too long"}})
    arn = (await start(api))["invocationArn"]
    found = await ended(api, arn)
    assert found["status"] == "Failed"
    assert "the prompt is too long" in found["failureMessage"]
    assert await api.services.objects.list("s3://results/") == []
    assert await api.services.resources.list(INPUT) == []


async def test_a_busy_model_is_tried_again(api, stub, monkeypatch):
    monkeypatch.setattr(asynchronous, "PAUSES_S", (0.05,) * 200)
    stub.refuse(429, {"error": {"message": "busy"}})
    arn = (await start(api))["invocationArn"]
    await until(lambda: len(stub.bodies) > 1)
    assert (await get(api, arn))["status"] == "InProgress"
    stub.say(progress(7), text("a"), finish(), usage(7, 1), DONE)
    assert (await ended(api, arn))["status"] == "Completed"


async def test_a_bucket_that_goes_away_is_a_failure(api, stub):
    stub.say(5.0, progress(7), text("a"), finish(), usage(7, 1), DONE)  # the bucket goes before the answer comes
    arn = (await start(api))["invocationArn"]
    (api.services.objects.root / "results").rmdir()
    found = await ended(api, arn)
    assert (found["status"], "bucket" in found["failureMessage"]) == ("Failed", True)


async def test_only_so_many_run_at_a_time(api, stub):
    stub.say(HANG)
    arns = [(await start(api))["invocationArn"] for _ in range(7)]
    await until(lambda: stub.running == asynchronous.AT_ONCE)
    await asyncio.sleep(0.1)
    assert stub.running == asynchronous.AT_ONCE, "no more come"
    assert {(await get(api, arn))["status"] for arn in arns} == {"InProgress"}


async def test_what_a_server_leaves_unfinished_the_next_one_does(tmp_path, stub):
    stub.say(progress(7), text("Hel"), HANG)
    async with served(tmp_path) as api:
        await prepare(api, stub)
        arn = (await start(api))["invocationArn"]
        await asyncio.wait_for(stub.asked.wait(), 20)
    stub.say(progress(7), text("whole"), finish(), usage(7, 1), DONE)
    async with served(tmp_path) as api:
        assert (await ended(api, arn))["status"] == "Completed"
        assert (await output(api, arn))["generation"] == "whole"
    async with served(tmp_path) as api:
        assert (await get(api, arn))["status"] == "Completed"
    assert len(stub.bodies) == 2


async def test_a_server_killed_between_the_answer_and_its_record_does_it_again(tmp_path, stub):
    async with served(tmp_path) as api:
        await prepare(api, stub)
        arn = (await start(api))["invocationArn"]
        await ended(api, arn)
        id = arn.rpartition("/")[2]
        await api.services.resources.change(INVOCATION, id, lambda body: {**body, "status": "InProgress"})
        await api.services.resources.create(INPUT, id, {"modelInput": {"prompt": "hi"}})
    async with served(tmp_path) as api:
        assert (await ended(api, arn))["status"] == "Completed"
        assert (await output(api, arn))["generation"] == "Hello"
        assert [info.url for info in await api.services.objects.list("s3://results/")] == [place(arn)]


async def test_a_caller_who_leaves_while_it_is_kept_loses_nothing(api, monkeypatch):
    keep, kept = api.services.resources.create, asyncio.Event()

    async def slow(kind: str, *args: Any, **members: Any) -> Any:
        made = await keep(kind, *args, **members)
        if kind == INVOCATION:
            kept.set()
            await asyncio.sleep(0.05)
        return made

    monkeypatch.setattr(api.services.resources, "create", slow)
    caller = asyncio.create_task(start(api))
    await asyncio.wait_for(kept.wait(), 20)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    (invocation,) = await api.services.resources.list(INVOCATION)
    assert (await ended(api, invocation.body["invocationArn"]))["status"] == "Completed"


async def test_records_out_of_reach_leave_it_for_the_next_start(api, stub, monkeypatch):
    async def broken(*args: Any) -> None:
        raise ServiceUnavailableException("no database")

    with monkeypatch.context() as patch:
        patch.setattr(api.services.resources, "change", broken)  # a start makes records and changes none
        arn = (await start(api))["invocationArn"]
        await until(lambda: not api.services.async_invokes._tasks)
    assert len(stub.bodies) == 1
    assert (await get(api, arn))["status"] == "InProgress"


async def test_inputs_of_nobody_are_swept_when_they_are_old(api, monkeypatch):
    await api.services.resources.create(INPUT, "stray", {"modelInput": {}})
    again = AsyncInvokes(api.services.resources, api.services.objects)
    await again.begin(lambda invocation, body: asyncio.sleep(0, b""))
    assert len(await api.services.resources.list(INPUT)) == 1
    monkeypatch.setattr(asynchronous, "STRAY_S", -1)
    await again.begin(lambda invocation, body: asyncio.sleep(0, b""))
    assert await api.services.resources.list(INPUT) == []


async def test_a_fault_of_ours_is_a_failure_without_its_inside(api, caplog):
    invokes = AsyncInvokes(api.services.resources, api.services.objects)

    async def broken(invocation: Any, body: bytes) -> bytes:
        raise RuntimeError("secret inside")

    await invokes.begin(broken)
    await invokes.start("aaaaaaaaaaaa", {"output": "s3://results/x"}, {}, None)
    await asyncio.gather(*invokes._tasks.values())
    kept = (await api.services.resources.get(INVOCATION, "aaaaaaaaaaaa")).body
    assert (kept["status"], kept["failureMessage"]) == ("Failed", "An internal error occurred.")
    assert "secret inside" in caplog.text


async def test_an_unknown_arn(api):
    for arn in ("arn:aws:bedrock:us-east-1:000000000000:async-invoke/zzzzzzzzzzzz", "nothing"):
        assert (await get(api, arn))["Error"]["Code"] == "ValidationException"


async def listed(api: Api, **asked: Any) -> tuple[list[str], str | None]:
    answer = await api("ListAsyncInvokes", "bedrock-runtime", **asked)
    return [one["invocationArn"] for one in answer["asyncInvokeSummaries"]], answer.get("nextToken")


async def test_the_list_is_filtered_sorted_and_paged(api, stub):
    arns = []
    for number in range(3):
        if number == 2:
            stub.refuse(400, {"error": {"message": "no"}})
        arns.append((await start(api))["invocationArn"])
        await ended(api, arns[-1])
        await asyncio.sleep(0.002)  # created in milliseconds of their own
    times = [(await get(api, arn))["submitTime"] for arn in arns]
    assert await listed(api) == (arns[::-1], None)
    assert await listed(api, sortBy="SubmissionTime", sortOrder="Ascending") == (arns, None)
    assert await listed(api, statusEquals="Failed") == (arns[2:], None)
    assert await listed(api, submitTimeAfter=times[2] + timedelta(seconds=1)) == ([], None)
    assert await listed(api, submitTimeBefore=times[0] - timedelta(seconds=1)) == ([], None)
    first, token = await listed(api, maxResults=2)
    assert first == arns[:0:-1] and token
    assert await listed(api, maxResults=2, nextToken=token) == (arns[:1], None)
    wrong = await api("ListAsyncInvokes", "bedrock-runtime", nextToken="nonsense")
    assert wrong["Error"]["Code"] == "ValidationException"


async def test_tokens_are_counted_as_an_invocation_of_the_model(api):
    await ended(api, (await start(api))["invocationArn"])
    told = api.services.telemetry.metrics().decode()
    assert 'outcrop_requests_total{operation="AsyncInvoke",status="200"} 1.0' in told
    counted = [line for line in told.splitlines() if MODEL in line and "output_token" in line.lower()]
    assert any(line.endswith(" 2.0") for line in counted), told


@pytest.mark.timeout(400)  # two servers start, on a machine that may be busy
def test_a_killed_server_loses_nothing_and_leaves_no_half_answer(tmp_path):
    arns: list[str] = []
    results = tmp_path / "objects" / "results"
    with running(tmp_path) as server:
        results.mkdir(parents=True)
        for number in range(12):
            message = {"role": "user", "content": f"Tell me a long story about {number} stones."}
            asked = {"messages": [message], "max_tokens": 400}
            made = bedrock(server).start_async_invoke(
                modelId="outcrop.pebble-v1", modelInput=asked, outputDataConfig=OUT, clientRequestToken=str(number)
            )
            arns.append(made["invocationArn"])
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    assert {path.name for path in results.rglob("*") if path.is_file()} <= {"output.json"}
    assert all(json.loads(path.read_text())["content"] for path in results.rglob("output.json"))
    with running(tmp_path) as server:
        client = bedrock(server)
        deadline = time.monotonic() + 240
        while client.list_async_invokes(statusEquals="InProgress")["asyncInvokeSummaries"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert {client.get_async_invoke(invocationArn=arn)["status"] for arn in arns} == {"Completed"}
    written = {path.parent.name for path in results.rglob("output.json")}
    assert written == {arn.rpartition("/")[2] for arn in arns}


def bedrock(server: Live) -> Any:
    keys = {
        "aws_access_key_id": server.env["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": server.env["AWS_SECRET_ACCESS_KEY"],
    }
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=server.url, **keys)
