"""A teacher that is killed, busy, refuses or says nothing whole; prompts out of the invocation log; plain lessons."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.config import Settings
from outcrop.errors import ModelErrorException, ThrottlingException
from outcrop.jobs import JOB, data, distillation, logged_prompts, state
from outcrop.jobs.data import DataError
from outcrop.jobs.supervisor import Jobs
from outcrop.store.objects import Objects
from outcrop.store.records import Records
from outcrop.store.resources import Resources
from tests.jobs.test_supervisor import COMMAND

TEACHER = "outcrop.teacher-v1"


def asked(text: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"text": text}]}]
    return {"schemaVersion": "bedrock-conversation-2024", "messages": messages}


def reply(text: str, stop: str = "end_turn") -> Any:
    message = {"role": "assistant", "content": [{"reasoningContent": {}}, {"text": text}]}
    return {"message": message, "stopReason": stop, "usage": {}, "metrics": {}, "fields": {}}


class Teacher:
    """Says the question in capitals; counts who asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.turns: list[Any] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, model: str, turn: Any) -> Any:
        assert model == TEACHER
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.001)
        self.at_once -= 1
        text = turn["messages"][-1]["content"][0]["text"]
        self.asked.append(text)
        self.turns.append(turn)
        return reply(text.upper())


def write(folder: Path, *lines: Any) -> None:
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def lessons(folder: Path) -> list[tuple[str, str]]:
    """(question, answer) of each line that was made, read as the worker will."""
    _, rows = data.read(folder / "train.jsonl", "DISTILLATION")
    return [(row["messages"][-2]["content"], row["messages"][-1]["content"]) for row in rows]


async def test_what_a_kill_cut_short_is_asked_again_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, *(asked(f"q{n}") for n in range(4)))
    whole = {"number": 2, "stopReason": "end_turn", "content": [{"text": "kept"}]}
    (tmp_path / "answers.jsonl").write_text(json.dumps(whole) + '\n{"number": 3, "stopReas')
    await distillation.teach(tmp_path, TEACHER, {}, teacher := Teacher())
    assert sorted(teacher.asked) == ["q0", "q1", "q3"]
    assert lessons(tmp_path) == [("q0", "Q0"), ("q1", "Q1"), ("q2", "kept"), ("q3", "Q3")]


async def test_a_teacher_that_is_stopped_leaves_its_answers_for_the_next(tmp_path: Path) -> None:
    write(tmp_path, *(asked(f"q{n}") for n in range(200)))
    first = Teacher()
    task = asyncio.create_task(distillation.teach(tmp_path, TEACHER, {}, first))
    while len(first.asked) < 30:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (tmp_path / "train.jsonl").exists()
    kept = len((tmp_path / "answers.jsonl").read_text().splitlines())
    await distillation.teach(tmp_path, TEACHER, {}, second := Teacher())
    assert (kept >= 20, len(second.asked)) == (True, 200 - kept)
    assert len(lessons(tmp_path)) == 200


async def test_a_busy_teacher_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "PAUSE_S", 0.001)
    write(tmp_path, asked("q"))
    refusals = [ThrottlingException("busy"), ThrottlingException("busy")]
    teacher = Teacher()

    async def busy(model: str, turn: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await teacher(model, turn)

    await distillation.teach(tmp_path, TEACHER, {}, busy)
    assert lessons(tmp_path) == [("q", "Q")]


async def test_a_teacher_that_refuses_fails_with_the_prompts_number(tmp_path: Path) -> None:
    write(tmp_path, asked("q"), asked("bad"))

    async def picky(model: str, turn: Any) -> Any:
        if turn["messages"][0]["content"][0]["text"] == "bad":
            raise ModelErrorException("too long", originalStatusCode=400)
        return reply("fine")

    with pytest.raises(DataError, match=r"outcrop.teacher-v1 refused prompt 2: too long"):
        await distillation.teach(tmp_path, TEACHER, {}, picky)


async def test_answers_that_were_cut_off_are_not_learnt(tmp_path: Path) -> None:
    write(tmp_path, asked("q"), asked("long"))

    async def wordy(model: str, turn: Any) -> Any:
        long = turn["messages"][0]["content"][0]["text"] == "long"
        return reply("words", "max_tokens" if long else "end_turn")

    await distillation.teach(tmp_path, TEACHER, {}, wordy)
    assert lessons(tmp_path) == [("q", "words")]
    write(tmp_path, asked("long"))
    (tmp_path / "answers.jsonl").unlink()
    with pytest.raises(DataError, match="no whole answer to any of 1 prompts"):
        await distillation.teach(tmp_path, TEACHER, {}, wordy)


async def test_bad_prompts_are_refused_by_line(tmp_path: Path) -> None:
    write(tmp_path, asked("q"), {"prompt": ""})
    with pytest.raises(DataError, match=r"prompts.jsonl: line 2: prompt is empty"):
        await distillation.teach(tmp_path, TEACHER, {}, Teacher())


async def test_a_prompt_that_has_its_answer_keeps_it(tmp_path: Path) -> None:
    write(tmp_path, {"prompt": "a", "completion": "own", "system": "s"}, {"prompt": "b"})
    await distillation.teach(tmp_path, TEACHER, {"temperature": 0, "maxTokens": 9}, teacher := Teacher())
    assert lessons(tmp_path) == [("a", "own"), ("b", "B")]
    assert teacher.turns[0]["inferenceConfig"] == {"temperature": 0, "maxTokens": 9}


async def test_only_so_many_are_asked_at_once(tmp_path: Path) -> None:
    write(tmp_path, *(asked(f"q{n}") for n in range(50)))
    await distillation.teach(tmp_path, TEACHER, {}, teacher := Teacher())
    assert 2 <= teacher.most_at_once <= distillation.AT_ONCE


# out of the invocation log ---------------------------------------------------------------------------------------


def record(text: str, model: str = TEACHER, **members: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    said = {"output": {"message": {"role": "assistant", "content": [{"text": f"logged {text}"}]}}}
    return {
        "operation": "Converse", "modelId": model, "input": {"inputBodyJson": body}, "output": {"outputBodyJson": said},
        **members,
    }  # fmt: skip


@pytest.fixture
async def objects(tmp_path: Path) -> Objects:
    objects = Objects(dataclasses.replace(Settings(), home=tmp_path))
    objects.create_bucket("logs")
    return objects


async def log(objects: Objects, *records: Any, name: str = "one.json.gz") -> None:
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in records)
    await objects.put(f"s3://logs/a/{name}", gzip.compress(lines) if name.endswith(".gz") else lines)


async def prompts(objects: Objects, tmp_path: Path, **config: Any) -> list[str]:
    config = {"invocationLogSource": {"s3Uri": "s3://logs/a/"}, **config}
    await logged_prompts.collect(objects, config, TEACHER, tmp_path / "prompts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    return [line["messages"][-1]["content"][0]["text"] for line in lines]


async def test_records_that_cannot_be_trained_on_are_left_out(objects: Objects, tmp_path: Path) -> None:
    image = {"messages": [{"role": "user", "content": [{"image": {"format": "png"}}]}]}
    await log(
        objects, record("good"), record("failed", errorCode="Any"), record("x", operation="InvokeModel"),
        record("y", input={"inputBodyJson": image}), record("z", input={}), ["no record"],
    )  # fmt: skip
    await log(objects, record("other file"), name="two.jsonl")
    assert await prompts(objects, tmp_path) == ["good", "other file"]


async def test_a_log_without_a_usable_record_is_refused(objects: Objects, tmp_path: Path) -> None:
    await log(objects, record("x", operation="InvokeModel"), record("y", input={}))
    with pytest.raises(DataError, match="None of the 1 records"):
        await prompts(objects, tmp_path)


async def test_logged_answers_are_the_teachers_own(objects: Objects, tmp_path: Path) -> None:
    await log(objects, record("mine"), record("another's", "outcrop.other-v1"))
    assert await prompts(objects, tmp_path, usePromptResponse=True) == ["logged mine"]
    assert await prompts(objects, tmp_path) == ["mine", "another's"]


async def test_a_large_body_is_fetched_from_its_own_object(objects: Objects, tmp_path: Path) -> None:
    body = record("large")["input"]["inputBodyJson"]
    await objects.put("s3://logs/a/data/r_input.json.gz", gzip.compress(json.dumps(body).encode()))
    await objects.put("s3://logs/a/data/t_input.json.gz", b"torn")
    await objects.put("s3://logs/a/data/l_input.json.gz", gzip.compress(b"[]"))
    places = [f"s3://logs/a/data/{name}_input.json.gz" for name in ("r", "deleted", "t", "l")]
    await log(objects, *(record("", input={"inputBodyS3Path": place}) for place in places))
    assert await prompts(objects, tmp_path) == ["large"]


A, B = {"equals": {"team": "a"}}, {"equals": {"tier": "1"}}
FILTERS: list[tuple[Any, list[str]]] = [
    (None, ["a1", "a2", "b1", "none"]),
    (A, ["a1", "a2"]),
    ({"notEquals": {"team": "a"}}, ["b1", "none"]),
    ({"andAll": [A, B]}, ["a1"]),
    ({"orAll": [A, B]}, ["a1", "a2", "b1"]),
    ({"andAll": [A, {"notEquals": {"tier": "1"}}]}, ["a2"]),
]


@pytest.mark.parametrize(("filters", "kept"), FILTERS)
async def test_filters_go_by_request_metadata(objects: Objects, tmp_path: Path, filters: Any, kept: list[str]) -> None:
    labels = {"a1": ("a", "1"), "a2": ("a", "2"), "b1": ("b", "1")}
    tagged = [record(name, requestMetadata={"team": team, "tier": tier}) for name, (team, tier) in labels.items()]
    await log(objects, *tagged, record("none"))
    assert await prompts(objects, tmp_path, **({"requestMetadataFilters": filters} if filters else {})) == kept


# in a job --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def jobs(tmp_path: Path, objects: Objects) -> AsyncIterator[Jobs]:
    settings = dataclasses.replace(Settings(), home=tmp_path)
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path / 'outcrop.db'}")
    jobs = Jobs(settings, Resources(records), objects, COMMAND)
    yield jobs
    await jobs.close()
    await records.close()


async def job(jobs: Jobs, objects: Objects, ask: Any, source: dict[str, Any]) -> dict[str, Any]:
    """A distillation's record once it has ended."""
    await jobs.begin(ask)
    teacher = {"teacherModelIdentifier": TEACHER, "maxResponseLengthForInference": 50}
    request = {
        "jobName": "j", "customModelName": "m", "customizationType": "DISTILLATION", "trainingDataConfig": source,
        "outputDataConfig": {"s3Uri": "s3://logs/out/"}, "hyperParameters": {},
        "customizationConfig": {"distillationConfig": {"teacherModelConfig": teacher}},
    }  # fmt: skip
    body = state.fresh(request, jobArn="arn/j", base={"id": "outcrop.pebble-v1"}, teacher=TEACHER)
    await jobs._resources.create(JOB, "job1", body, name="j")
    jobs.submit("job1")
    async with asyncio.timeout(60):
        while (body := (await jobs._resources.get(JOB, "job1")).body)["status"] == "InProgress":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return body


async def test_a_job_teaches_before_it_trains(jobs: Jobs, objects: Objects) -> None:
    await objects.put("s3://logs/p.jsonl", b'{"prompt": "q"}\n')
    teacher = Teacher()
    await job(jobs, objects, teacher, {"s3Uri": "s3://logs/p.jsonl"})  # the fake worker knows no act, and fails
    folder = jobs.folder("job1").path
    assert teacher.turns[0]["inferenceConfig"] == {"temperature": 0, "maxTokens": 50}
    assert lessons(folder) == [("q", "Q")]
    order = json.loads((folder / "job.json").read_text())
    assert (order["method"], order["train"]) == ("DISTILLATION", "train.jsonl")


async def test_a_job_whose_prompts_are_bad_fails_by_line_before_a_worker_starts(jobs: Jobs, objects: Objects) -> None:
    await objects.put("s3://logs/p.jsonl", b'{"prompt": "q"}\n{"promt": "q"}\n')
    body = await job(jobs, objects, Teacher(), {"s3Uri": "s3://logs/p.jsonl"})
    assert body["status"] == "Failed"
    assert "prompts.jsonl: line 2: its keys (promt) are of no known format" in body["failureMessage"]
    assert body["statusDetails"]["dataProcessingDetails"]["status"] == "Failed"
    assert not (jobs.folder("job1").path / "job.json").exists()


async def test_a_job_learns_from_the_invocation_log(jobs: Jobs, objects: Objects) -> None:
    await log(objects, record("one"), record("two"))
    config = {"usePromptResponse": True, "invocationLogSource": {"s3Uri": "s3://logs/a/"}}
    await job(jobs, objects, teacher := Teacher(), {"invocationLogsConfig": config})
    assert lessons(jobs.folder("job1").path) == [("one", "logged one"), ("two", "logged two")]
    assert teacher.asked == []
