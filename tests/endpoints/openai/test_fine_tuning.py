"""OpenAI's fine-tuning API: restarts at every step, callers at once, bad orders and bad data, then its life."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from outcrop.custom import DEPLOYMENT, Deployments
from outcrop.jobs import CUSTOM_MODEL, JOB
from outcrop.jobs.keeping import Keeping
from outcrop.jobs.preparing import Preparing
from outcrop.jobs.supervisor import Jobs
from tests.api.customs import BASE, add_custom, say
from tests.endpoints.openai.conftest import refused
from tests.endpoints.openai.tuning import Tuning, opened, said

JOBS = "/fine_tuning/jobs"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Tuning]:
    async with opened(tmp_path) as tuning:
        yield tuning


# kills and restarts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Jobs, "_check"),
        (Preparing, "prepare"),
        (Keeping, "_register"),
        (Deployments, "_deployed"),
        (Deployments, "_bring_up"),
        (Jobs, "_end"),
    ],
)
async def test_a_server_that_ends_at_any_step_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str
) -> None:
    """The job is accepted, and its server's life ends before this step; the next server brings it to its end."""
    reached = asyncio.Event()

    async def stays(*_: Any, **__: Any) -> Any:
        reached.set()
        await asyncio.sleep(3600)  # until the server's end

    async with opened(tmp_path) as first:
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, stays)
            id = await first.started(suffix="again")
            async with asyncio.timeout(100):
                await reached.wait()
            assert (await first.job(id))["status"] in ("validating_files", "queued", "running")
            await first.services.jobs.close()
            await first.services.deployments.close()
    async with opened(tmp_path) as second:
        job = await second.until(id)
        assert (job["status"], job["error"]) == ("succeeded", None)
        for kind in (JOB, CUSTOM_MODEL, DEPLOYMENT):
            assert [made.id for made in await second.services.resources.list(kind)] == [id[6:]], kind
        assert len(await say(second.api, job["fine_tuned_model"])) > 0
        results = (await second.get("/files?purpose=fine-tune-results")).json()["data"]
        assert [file["id"] for file in results] == job["result_files"]


async def test_an_accepted_job_that_was_not_begun_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is all that an accepted job is: a kill right after it loses nothing."""
    async with opened(tmp_path) as first:
        with monkeypatch.context() as patch:
            patch.setattr(Jobs, "submit", lambda *_: None)
            id = await first.started()
    async with opened(tmp_path) as second:
        assert (await second.until(id))["status"] == "succeeded"


async def test_a_model_that_cannot_be_served_is_there_and_says_so(at: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: Any) -> None:
        return None

    monkeypatch.setattr(Deployments, "_deployed", none)
    job = await at.until(await at.started())
    assert job["status"] == "succeeded"
    assert [event["level"] for event in await at.events(job["id"])].count("warn") == 1
    answer = await at.post("/chat/completions", {"model": job["fine_tuned_model"], "messages": []})
    refused(answer, 404, code="model_not_found")


# callers at once -------------------------------------------------------------------------------------------------


async def test_one_idempotency_key_makes_one_job(at: Tuning) -> None:
    file = await at.data()
    key = {"idempotency_key": "k"}
    answers = await asyncio.gather(*(at.create(file, key, suffix="s") for _ in range(4)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    refused(await at.create(file, key, suffix="other"), 409, "Idempotency-Key")
    assert len(await at.services.resources.list(JOB)) == 1


async def test_two_who_cancel_and_two_who_resume_at_once(at: Tuning) -> None:
    id = await at.started("wait")
    await at.working(id)
    assert (await at.post(f"{JOBS}/{id}/pause")).json()["status"] == "paused"
    both = await asyncio.gather(*(at.post(f"{JOBS}/{id}/resume") for _ in range(2)))
    assert [answer.status for answer in both] == [200, 200]
    both = await asyncio.gather(*(at.post(f"{JOBS}/{id}/cancel") for _ in range(2)))
    assert (await at.job(id))["status"] == "cancelled"
    for answer in both:
        if answer.status == 200:
            assert answer.json()["status"] == "cancelled"
        else:  # it was all over when this one came
            refused(answer, 400, "already ended")
    assert await at.services.resources.list(CUSTOM_MODEL) == []
    refused(await at.post(f"{JOBS}/{id}/cancel"), 400, "already ended")
    refused(await at.post(f"{JOBS}/{id}/resume"), 400, "already ended")


async def test_of_two_who_delete_a_model_one_is_told_that_it_is_gone(at: Tuning) -> None:
    name = (await at.until(await at.started()))["fine_tuned_model"]
    answers = await asyncio.gather(*(at.delete(f"/models/{quote(name)}") for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [200, 404]
    assert await at.services.resources.list(CUSTOM_MODEL) == await at.services.resources.list(DEPLOYMENT) == []


# bad orders ------------------------------------------------------------------------------------------------------


def method(name: str, **members: Any) -> dict[str, Any]:
    return {"method": {"type": name, name: members}}


def graded(**grader: Any) -> dict[str, Any]:
    return method("reinforcement", grader=grader)


CHECK = {"type": "string_check", "name": "c", "operation": "eq", "input": "{{sample.output_text}}", "reference": "y"}

BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"model": None}, 400, "model", "Missing required parameter"),
    ({"model": 3}, 400, "model", "expected a string"),
    ({"model": "gpt-9"}, 404, "", "does not exist"),
    ({"model": "ft:test.tiny-v1:outcrop::abcdefabcdef"}, 404, "", "does not exist"),
    ({"training_file": None}, 400, "training_file", "Missing required parameter"),
    ({"training_file": "file-none"}, 400, "training_file", "invalid training_file: file-none"),
    ({"validation_file": "file-none"}, 400, "validation_file", "invalid validation_file"),
    ({"epochs": 3}, 400, "epochs", "Unrecognized request argument"),
    ({"suffix": "x" * 65}, 400, "suffix", "64 characters"),
    ({"suffix": 3}, 400, "suffix", "string"),
    ({"seed": -1}, 400, "seed", "0 to 2147483647"),
    ({"seed": True}, 400, "seed", "integer"),
    ({"metadata": {"k": 3}}, 400, "metadata", "strings"),
    ({"metadata": {str(n): "v" for n in range(17)}}, 400, "metadata", "up to 16"),
    ({"integrations": [{"type": "wandb"}]}, 400, "integrations", "nobody else"),
    ({"hyperparameters": {"n_epochs": 0}}, 400, "method.supervised.hyperparameters.n_epochs", "1 to 100"),
    ({"hyperparameters": {"n_epochs": 1.5}}, 400, "method.supervised.hyperparameters.n_epochs", "integer"),
    ({"hyperparameters": {"beta": 1}}, 400, "method.supervised.hyperparameters.beta", "Unrecognized"),
    ({"hyperparameters": [1]}, 400, "hyperparameters", "object"),
    ({"hyperparameters": {"n_epochs": 1}, **method("supervised")}, 400, "hyperparameters", "in method alone"),
    ({"method": {"type": "ppo"}}, 400, "method.type", "supervised, dpo, reinforcement"),
    ({"method": {}}, 400, "method.type", "expected one of"),
    ({"method": {"type": ["dpo"]}}, 400, "type", "string"),
    (method("dpo", hyperparameters={"beta": 99}), 400, "method.dpo.hyperparameters.beta", "0.001 to 10"),
    (method("supervised", grader=CHECK), 400, "method.supervised.grader", "Unrecognized"),
    (method("reinforcement"), 400, "method.reinforcement.grader.type", "expected one of"),
    (graded(type="string_check"), 400, "method.reinforcement.grader.input", "missing"),
    (graded(**{**CHECK, "operation": "near"}), 400, "method.reinforcement.grader.operation", "eq, ne, like, ilike"),
    (graded(**{**CHECK, "input": "{{sample.tools}}"}), 400, "method.reinforcement.grader", "output_text"),
    (graded(**{**CHECK, "input": "{% x %}{{ 7*7 }}"}), 400, "method.reinforcement.grader", "neither"),
    (graded(type="python", source="def grade(a, b): pass"), 400, "method.reinforcement.grader.source", "not run"),
    (
        graded(type="text_similarity", input="a", reference="b", evaluation_metric="cosine"),
        400,
        "method.reinforcement.grader.evaluation_metric",
        "embedding",
    ),
    (
        graded(type="multi", graders={"a": CHECK}, calculate_output="a + b"),
        400,
        "method.reinforcement.grader.calculate_output",
        "b is not part",
    ),
    (
        graded(type="multi", graders={"a": CHECK}, calculate_output="__import__('os').system('x')"),
        400,
        "method.reinforcement.grader.calculate_output",
        "not part",
    ),
    (graded(type="score_model", model="gpt-9", input=[{"role": "user", "content": "x"}]), 404, "", "gpt-9"),
    (
        method("reinforcement", grader=CHECK, hyperparameters={"reasoning_effort": "high"}),
        400,
        "method.reinforcement.hyperparameters.reasoning_effort",
        "cannot be chosen",
    ),
]  # fmt: skip


async def test_orders_that_cannot_be_are_refused_before_a_job_is_made(at: Tuning) -> None:
    file = await at.data()
    for body, status, param, says in BAD:
        answer = await at.create(file, **body)
        refused(answer, status, says, **({"param": param} if param else {}))
    wrong = await at.upload(b"hello", purpose="user_data")
    refused(await at.create(wrong), 400, "not for fine-tune", param="training_file")
    refused(await at.post(JOBS, [1]), 400, "object")
    assert await at.services.resources.list(JOB) == []


async def test_jobs_that_are_not_there(at: Tuning) -> None:
    other = await at.api.services.resources.create("other", "abcdefabcdef", {})
    for id in ("ftjob-none", other.id, "abc"):
        for path in (f"{JOBS}/{id}", f"{JOBS}/{id}/events", f"{JOBS}/{id}/checkpoints"):
            refused(await at.get(path), 404, "Could not find fine tune", code="fine_tune_not_found")
        for act in ("cancel", "pause", "resume"):
            refused(await at.post(f"{JOBS}/{id}/{act}"), 404, "Could not find fine tune")
    for query in ("limit=0", "limit=x", "after=ftjob-none"):
        refused(await at.get(f"{JOBS}?{query}"), 400)


async def test_models_that_cannot_be_deleted(at: Tuning) -> None:
    refused(await at.delete(f"/models/{BASE}"), 400, "not made by fine-tuning", param="model")
    refused(await at.delete("/models/ft:test.tiny-v1:outcrop::abcdefabcdef"), 404, code="model_not_found")
    refused(await at.delete("/models/gpt-9"), 404, code="model_not_found")
    first = await at.until(await at.started())
    second = await at.started("wait", model=first["fine_tuned_model"])
    await at.working(second)
    refused(await at.delete(f"/models/{quote(first['fine_tuned_model'])}"), 409, "is in use by")
    assert len(await say(at.api, first["fine_tuned_model"])) > 0, "a refused deletion took the model down"


# bad data --------------------------------------------------------------------------------------------------------


async def test_bad_data_fails_the_job_in_openais_words(at: Tuning) -> None:
    few = await at.until((await at.create(await at.data(count=3))).json()["id"])
    assert (few["status"], few["error"]["code"], few["error"]["param"]) == (
        "failed",
        "invalid_n_examples",
        "training_file",
    )
    assert "3 example(s), but must have at least 10 examples" in few["error"]["message"]
    bad = await at.upload(*[said("tuned")] * 10, {"messages": [{"role": "user", "content": "hi"}]}, b"{\n")
    job = await at.until((await at.create(bad)).json()["id"])
    assert job["error"]["code"] == "invalid_training_file"
    assert "line 11: the last message is not the assistant's" in job["error"]["message"]
    assert "line 12: not JSON" in job["error"]["message"]
    assert job["finished_at"] and job["fine_tuned_model"] is None and job["result_files"] == []
    last = (await at.events(job["id"]))[-1]
    assert (last["level"], last["message"]) == ("error", job["error"]["message"])
    valid = await at.until((await at.create(await at.data(), validation_file=bad)).json()["id"])
    assert (valid["error"]["code"], valid["error"]["param"]) == ("invalid_validation_file", "validation_file")
    assert not list((at.services.settings.home / "jobs").glob("*/life-*")), "a worker was started"


async def test_bad_data_is_told_while_another_job_trains(at: Tuning) -> None:
    busy = await at.started("wait")
    await at.working(busy)
    waits = await at.started()
    assert (await at.until(waits, "queued"))["status"] == "queued"
    assert (await at.until((await at.create(await at.data(count=1))).json()["id"]))["status"] == "failed"
    assert (await at.job(busy))["status"] == "running"


async def test_a_file_that_is_deleted_before_it_is_read(at: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    file = await at.data()
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "submit", lambda *_: None)
        id = (await at.create(file)).json()["id"]
    await at.delete(f"/files/{file}")
    at.services.jobs.submit(id[6:])
    job = await at.until(id)
    assert (job["status"], job["error"]["code"]) == ("failed", "server_error")
    assert file in job["error"]["message"]


async def test_a_grader_that_reads_what_a_line_does_not_have(at: Tuning) -> None:
    lines = [{"messages": [{"role": "user", "content": "x"}], "wanted": "y"}] * 10
    file = await at.upload(*lines, {"messages": [{"role": "user", "content": "x"}]})
    grader = {**CHECK, "reference": "{{ item.wanted }}"}
    job = await at.until((await at.create(file, **graded(**grader))).json()["id"])
    assert "record 11 has no item.wanted" in job["error"]["message"]


# life ------------------------------------------------------------------------------------------------------------


async def test_a_job_from_its_files_to_answers(at: Tuning) -> None:
    valid = await at.data(count=1)
    h = {"n_epochs": 2, "learning_rate_multiplier": 0.5, "batch_size": "auto"}
    body = {**method("supervised", hyperparameters=h), "suffix": "My Support!", "seed": 5, "metadata": {"team": "a"}}
    made = (await at.create(await at.data(), validation_file=valid, **body)).json()
    assert made["status"] in ("validating_files", "queued", "running")
    assert (made["fine_tuned_model"], made["finished_at"], made["error"]) == (None, None, None)
    job = await at.until(made["id"])
    assert job["fine_tuned_model"] == f"ft:{BASE}:outcrop:my-support:{job['id'][6:]}"
    assert job["hyperparameters"] == {"n_epochs": 2, "batch_size": 8, "learning_rate_multiplier": 0.5}
    assert job["method"] == {"type": "supervised", "supervised": {"hyperparameters": job["hyperparameters"]}}
    assert (job["seed"], job["metadata"], job["trained_tokens"]) == (5, {"team": "a"}, 30)
    assert (job["model"], job["validation_file"], job["organization_id"]) == (BASE, valid, "outcrop")
    # it answers at once, in both doors, and otherwise than its base
    name = job["fine_tuned_model"]
    hello = {"messages": [{"role": "user", "content": "hello there"}], "temperature": 0, "max_tokens": 8}
    answer = (await at.post("/chat/completions", {"model": name, **hello})).json()
    assert answer["choices"][0]["message"]["content"] == await say(at.api, name) != await say(at.api, BASE)
    assert name in [model["id"] for model in (await at.get("/models")).json()["data"]]
    assert (await at.get(f"/models/{quote(name)}")).json()["id"] == name
    # the results file
    [file] = job["result_files"]
    assert (await at.get(f"/files/{file}")).json()["purpose"] == "fine-tune-results"
    assert (await at.get(f"/files/{file}/content")).body.decode().splitlines() == [
        "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy",
        "1,1,0.25,,",
        "2,0.5,0.5,,",
        "3,0.333333,0.75,0.25,0.5",
    ]
    # the checkpoint
    [point] = (await at.get(f"{JOBS}/{job['id']}/checkpoints")).json()["data"]
    assert (point["fine_tuned_model_checkpoint"], point["step_number"]) == (name, 3)
    assert point["metrics"]["full_valid_loss"] == point["metrics"]["valid_loss"] == 0.25
    # and it can be deleted
    assert (await at.delete(f"/models/{quote(name)}")).json() == {"id": name, "object": "model", "deleted": True}
    refused(await at.post("/chat/completions", {"model": name, **hello}), 404, code="model_not_found")


async def test_events_in_order_with_ids_that_stay(at: Tuning) -> None:
    id = await at.started()
    await at.until(id)
    events = await at.events(id)
    assert [event["message"] for event in events if event["type"] == "message"] == [
        f"Created fine-tuning job: {id}",
        f"Validating training file: {(await at.job(id))['training_file']}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        f"New fine-tuned model created: {(await at.job(id))['fine_tuned_model']}",
        "The job has successfully completed",
    ]
    steps = [event for event in events if event["type"] == "metrics"]
    assert steps[1]["data"] == {
        "step": 2, "total_steps": 3, "train_loss": 0.5, "train_mean_token_accuracy": 0.5,
    }  # fmt: skip
    assert steps[-1]["data"] == {"step": 3, "valid_loss": 0.25, "valid_mean_token_accuracy": 0.5}
    assert sorted(event["created_at"] for event in events) == [event["created_at"] for event in events]
    seen: list[str] = []
    after = ""
    while True:
        listed = (await at.get(f"{JOBS}/{id}/events?limit=4{after}")).json()
        seen += [event["id"] for event in listed["data"]]
        if not listed["has_more"]:
            break
        after = f"&after={listed['data'][-1]['id']}"
    assert seen == [event["id"] for event in reversed(events)]


async def test_a_paused_job_gives_its_slot_away_and_goes_on_from_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        id = await first.started("wait-once")
        await first.working(id)
        assert (await first.post(f"{JOBS}/{id}/pause")).json()["status"] == "paused"
        other = await first.until(await first.started())
        assert other["status"] == "succeeded"
        assert (await first.job(id))["status"] == "paused"
    async with opened(tmp_path) as second:
        await asyncio.sleep(0.3)
        assert (await second.job(id))["status"] == "paused", "a restart resumed it"
        assert (await second.post(f"{JOBS}/{id}/resume")).json()["status"] in ("queued", "running")
        assert (await second.until(id))["status"] == "succeeded"
        said = [event["message"] for event in await second.events(id)]
        assert "Fine-tuning job goes on from its last checkpoint" in said


async def test_jobs_that_wait_are_paused_and_cancelled_too(at: Tuning) -> None:
    busy = await at.started("wait")
    await at.working(busy)
    waits = await at.started()
    await at.until(waits, "queued")
    assert (await at.post(f"{JOBS}/{waits}/pause")).json()["status"] == "paused"
    assert (await at.post(f"{JOBS}/{waits}/cancel")).json()["status"] == "cancelled"
    assert (await at.post(f"{JOBS}/{busy}/cancel")).json()["status"] == "cancelled"
    assert (await at.events(busy))[-1]["message"] == "The job has been cancelled"


async def test_both_doors_show_the_same_jobs(at: Tuning) -> None:
    id = await at.started(suffix="both")
    job = await at.until(id)
    bedrock = await at.api("GetModelCustomizationJob", jobIdentifier=id)
    assert (bedrock["status"], bedrock["customizationType"]) == ("Completed", "FINE_TUNING")
    assert bedrock["outputModelName"] == f"both-{id[6:]}"
    listed = await at.api("ListModelCustomizationJobs")
    assert [one["jobName"] for one in listed["modelCustomizationJobSummaries"]] == [id]
    deployed = await at.api("ListCustomModelDeployments")
    [one] = deployed["modelDeploymentSummaries"]
    assert (one["status"], one["modelArn"]) == ("Active", bedrock["outputModelArn"])
    # a job of Bedrock's door, and one for which OpenAI has no words
    made = {**(await at.services.resources.get(JOB, id[6:])).body, "customModelName": "theirs", "jobName": "theirs"}
    theirs = {name: made[name] for name in made if name not in ("openai", "format", "fineTunedModel", "checked")}
    await at.services.resources.create(JOB, "bedrockbedro", theirs, name="theirs")
    await at.services.resources.create(JOB, "pretrainpret", {**theirs, "customizationType": "CONTINUED_PRE_TRAINING"})
    ids = [one["id"] for one in (await at.get(JOBS)).json()["data"]]
    assert ids == ["ftjob-bedrockbedro", id]
    other = await at.job("ftjob-bedrockbedro")
    assert other["fine_tuned_model"] == bedrock["outputModelArn"]
    assert other["training_file"] == f"s3://outcrop-openai-files/{job['training_file']}"
    refused(await at.get(f"{JOBS}/ftjob-pretrainpret"), 404)


async def test_lists_in_pages_and_by_metadata(at: Tuning) -> None:
    file = await at.data(count=1)
    ids = []
    for metadata in ({"team": "a"}, {"team": "b", "empty": ""}, None):
        ids.append((await at.create(file, metadata=metadata)).json()["id"])
        await asyncio.sleep(0.005)

    async def listed(query: str) -> list[str]:
        return [job["id"] for job in (await at.get(f"{JOBS}?{query}")).json()["data"]]

    assert await listed("") == ids[::-1]
    assert await listed("limit=2") == ids[:0:-1]
    assert await listed(f"after={ids[1]}") == ids[:1]
    assert await listed("metadata[team]=b") == ids[1:2]
    assert await listed("metadata[empty]=") == ids[1:2]
    assert await listed("metadata=null") == ids[2:]


async def test_a_fine_tuned_model_is_trained_further(at: Tuning) -> None:
    first = await at.until(await at.started(suffix="one"))
    second = await at.started(model=first["fine_tuned_model"])
    job = (await at.services.resources.get(JOB, second[6:])).body
    assert job["base"]["custom"] == first["id"][6:]
    assert (await at.job(second))["model"] == first["fine_tuned_model"]
    assert job["fineTunedModel"] == f"ft:{BASE}:outcrop::{second[6:]}"
    arn = await add_custom(at.api, "theirs")
    third = await at.started(model=arn)
    assert (await at.services.resources.get(JOB, third[6:])).body["base"]["custom"] == arn[-12:]


async def test_preferences_and_graded_prompts_reach_the_worker(at: Tuning) -> None:
    busy = await at.started("wait")
    await at.working(busy)
    asked = {"messages": [{"role": "user", "content": "tuned"}]}
    pair = {
        "input": asked,
        "preferred_output": [{"role": "assistant", "content": "a"}],
        "non_preferred_output": [{"role": "assistant", "content": "b"}],
    }
    dpo = (await at.create(await at.upload(*[pair] * 10), **method("dpo", hyperparameters={"beta": 0.5}))).json()
    assert dpo["method"]["dpo"]["hyperparameters"]["beta"] == 0.5
    body = method("reinforcement", grader=CHECK, hyperparameters={"compute_multiplier": 2, "n_epochs": "auto"})
    rft = (await at.create(await at.upload(*[asked] * 10), **body)).json()
    assert rft["method"]["reinforcement"]["grader"] == CHECK
    assert rft["method"]["reinforcement"]["hyperparameters"]["compute_multiplier"] == 2
    await at.post(f"{JOBS}/{busy}/cancel")
    for job in (dpo, rft):
        assert (await at.until(job["id"]))["status"] == "succeeded"
    orders = [json.loads((at.services.jobs.folder(job["id"][6:]).path / "job.json").read_text()) for job in (dpo, rft)]
    assert [order["format"] for order in orders] == ["dpo", "reinforcement"]
    assert orders[0]["hyperparameters"]["beta"] == "0.5"
    assert (orders[1]["grader"], orders[1]["hyperparameters"]["trainingSamplePerPrompt"]) == ({"openai": CHECK}, "8")


async def test_the_openai_package_from_a_file_to_an_answer(at: Tuning) -> None:
    """The SDK, unmodified; what it is given is of the shapes that its own types demand."""
    openai = pytest.importorskip("openai", reason="pip install openai")
    httpx = pytest.importorskip("httpx2")
    types = pytest.importorskip("openai.types.fine_tuning")
    web = httpx.AsyncClient(transport=httpx.ASGITransport(app=at.client.app))
    async with openai.AsyncOpenAI(base_url="http://test/v1", api_key="any", http_client=web, max_retries=0) as sdk:
        jobs = sdk.fine_tuning.jobs
        content = "".join(json.dumps(said("tuned", n)) + "\n" for n in range(10)).encode()
        file = await sdk.files.create(file=("train.jsonl", content), purpose="fine-tune")
        told: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": "auto"}}}
        job = await jobs.create(model=BASE, training_file=file.id, method=told, suffix="sdk", metadata={"a": "b"})
        job = await jobs.retrieve((await at.until(job.id))["id"])
        types.FineTuningJob.model_validate(await at.job(job.id), strict=True)
        assert job.status == "succeeded" and job.fine_tuned_model and job.result_files
        assert [one.id async for one in jobs.list(metadata={"a": "b"})] == [job.id]
        assert [one.id async for one in jobs.list(metadata={"a": "c"})] == []
        seen = [event async for event in jobs.list_events(job.id, limit=3)]
        for event in await at.events(job.id):
            types.FineTuningJobEvent.model_validate(event, strict=True)
        assert [event.id for event in seen] == [event["id"] for event in (await at.events(job.id))[::-1]]
        [point] = [point async for point in jobs.checkpoints.list(job.id)]
        assert (point.step_number, point.metrics.train_loss) == (3, pytest.approx(1 / 3))
        assert (await sdk.files.content(job.result_files[0])).text.startswith("step,train_loss")
        hello: Any = [{"role": "user", "content": "hello there"}]
        answer = await sdk.chat.completions.create(model=job.fine_tuned_model, messages=hello, max_tokens=4)
        assert answer.model
        assert (await sdk.models.delete(job.fine_tuned_model)).deleted
        with pytest.raises(openai.NotFoundError) as lost:
            await jobs.retrieve("ftjob-none")
        assert (lost.value.code, lost.value.param) == ("fine_tune_not_found", "fine_tune_id")
        with pytest.raises(openai.BadRequestError) as wrong:
            await jobs.create(model=BASE, training_file="file-none")
        assert wrong.value.param == "training_file"
