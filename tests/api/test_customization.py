"""Customization jobs through the API: what is refused, what is the same request again, and what is shown of a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outcrop.custom import CustomModels
from outcrop.jobs import CUSTOM_MODEL, JOB
from tests.api.customs import add_base, add_custom
from tests.api.service import Api, served

ROLE = "arn:aws:iam::000000000000:role/any"
PEBBLE = "outcrop.pebble-v1"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path) as api:
        api.services.objects.create_bucket("data")
        await api.services.objects.put("s3://data/train.jsonl", b'{"prompt": "a", "completion": "b"}\n')
        yield api


def job(name: str, **members: Any) -> dict[str, Any]:
    return {
        "jobName": name,
        "customModelName": f"{name}-model",
        "roleArn": ROLE,
        "baseModelIdentifier": PEBBLE,
        "trainingDataConfig": {"s3Uri": "s3://data/train.jsonl"},
        "outputDataConfig": {"s3Uri": "s3://data/out/"},
        "hyperParameters": {"epochCount": "2"},
        **members,
    }


async def create(api: Api, name: str = "j1", **members: Any) -> dict[str, Any]:
    return await api("CreateModelCustomizationJob", **job(name, **members))


async def ended(api: Api, name: str) -> dict[str, Any]:
    async with asyncio.timeout(100):
        while True:
            found = await api("GetModelCustomizationJob", jobIdentifier=name)
            if found["status"] not in ("InProgress", "Stopping"):
                return found
            await asyncio.sleep(0.02)


LOGS = {"invocationLogsConfig": {"invocationLogSource": {"s3Uri": "s3://nowhere/"}}}


def distillation(teacher: str | None) -> dict[str, Any]:
    config = {"distillationConfig": {"teacherModelConfig": {"teacherModelIdentifier": teacher}}} if teacher else {}
    return {"customizationType": "DISTILLATION", "hyperParameters": {}, "customizationConfig": config or RFT_EMPTY}


RFT_EMPTY: dict[str, Any] = {"rftConfig": {}}


def reinforcement(function: str | None, **typed: Any) -> dict[str, Any]:
    grader = {"lambdaGrader": {"lambdaArn": f"arn:aws:lambda:us-east-1:123456789012:function:{function}"}}
    config: dict[str, Any] = {"graderConfig": grader} if function else {}
    config |= {"hyperParameters": typed} if typed else {}
    method = {"customizationType": "REINFORCEMENT_FINE_TUNING", "hyperParameters": {}}
    return {**method, "customizationConfig": {"rftConfig": config}}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"hyperParameters": {"epochCount": "0"}}, "ValidationException", "epochCount must be between 1 and 100, not 0"),
    ({"hyperParameters": {"epochCount": "two"}}, "ValidationException", "epochCount must be an integer, not 'two'"),
    ({"hyperParameters": {"learningRate": "nan"}}, "ValidationException", "learningRate must be between"),
    ({"hyperParameters": {"epochs": "2"}}, "ValidationException", "hyperparameter epochs is unknown for FINE_TUNING"),
    ({"hyperParameters": {"tuning": "half"}}, "ValidationException", "must be one of lora, full"),
    ({"customizationType": "IMPORTED"}, "ValidationException", "cannot have the customizationType IMPORTED"),
    ({"baseModelIdentifier": "outcrop.nothing"}, "ValidationException", "model identifier is invalid"),
    ({"trainingDataConfig": {"s3Uri": "s3://data/gone"}}, "ValidationException", "s3://data/gone is not accessible"),
    ({"trainingDataConfig": {}}, "ValidationException", "trainingDataConfig.s3Uri is missing"),
    ({"trainingDataConfig": {"s3Uri": "s3://data/../x"}}, "ValidationException", "Invalid key"),
    ({"outputDataConfig": {"s3Uri": "s3://nowhere/"}}, "ValidationException", "s3://nowhere/ is not accessible"),
    ({"outputDataConfig": {"s3Uri": "s3://data/train.jsonl"}}, "ValidationException", "it is an object, or lies below"),
    (
        {"outputDataConfig": {"s3Uri": "s3://data/train.jsonl/out/"}},
        "ValidationException",
        "train.jsonl/out/ is not accessible",
    ),
    ({"jobName": "no spaces"}, "ValidationException", "jobName"),
    ({"jobTags": [{"key": f"k{n}", "value": "v"} for n in range(51)]}, "TooManyTagsException", ""),
    ({"customModelTags": [{"key": "k", "value": v} for v in "ab"]}, "ValidationException", "given more than once"),
    ({"trainingDataConfig": LOGS}, "ValidationException", "Only a DISTILLATION takes its data from invocation logs"),
    (distillation(None), "ValidationException", "customizationConfig.distillationConfig is missing"),
    (distillation("outcrop.nothing"), "ValidationException", "model identifier is invalid"),
    ({**distillation(PEBBLE), "trainingDataConfig": LOGS}, "ValidationException", "s3://nowhere/ is not accessible"),
    (reinforcement(None), "ValidationException", "graderConfig.lambdaGrader is missing"),
    (reinforcement("grade"), "ValidationException", "put grade.py with lambda_handler(event, context), or grade.toml"),
    (reinforcement(None, learningRate=0.0009, batchSize=16), "ValidationException", "lambdaGrader is missing"),
    (
        {"validationDataConfig": {"validators": [{"s3Uri": "s3://data/v.jsonl"}]}},
        "ValidationException",
        "s3://data/v.jsonl is not accessible",
    ),
]


@pytest.mark.parametrize(("members", "code", "says"), REFUSED)
async def test_a_job_that_cannot_be_is_refused_before_it_is_made(
    api: Api, members: dict[str, Any], code: str, says: str
) -> None:
    error = (await create(api, **members))["Error"]
    assert (error["Code"], says in error["Message"]) == (code, True), error
    assert (await api("ListModelCustomizationJobs"))["modelCustomizationJobSummaries"] == []


async def test_names_are_taken_once(api: Api) -> None:
    await create(api)
    assert (await create(api))["Error"]["Code"] == "ConflictException"
    again = await create(api, "j2", customModelName="j1-model")
    assert again["Error"]["Code"] == "ConflictException"


async def test_of_two_jobs_at_once_for_one_model_name_one_is_made(api: Api) -> None:
    answers = await asyncio.gather(*(create(api, name, customModelName="same") for name in ("a", "b", "c")))
    assert sorted("jobArn" in answer for answer in answers) == [False, False, True]


async def test_one_token_makes_one_job(api: Api) -> None:
    answers = await asyncio.gather(*(create(api, clientRequestToken="t") for _ in range(4)))
    assert len({answer["jobArn"] for answer in answers}) == 1
    other = await create(api, "other", clientRequestToken="t")
    assert other["Error"]["Code"] == "ConflictException"


async def test_a_job_is_found_by_name_id_and_arn_alone(api: Api) -> None:
    made = (await create(api))["jobArn"]
    for identifier in (made, "j1"):
        assert (await api("GetModelCustomizationJob", jobIdentifier=identifier))["jobArn"] == made
    lost = await api("GetModelCustomizationJob", jobIdentifier="j2")
    assert lost["Error"]["Code"] == "ResourceNotFoundException"


async def test_a_job_shows_what_was_asked_and_how_it_ended(api: Api) -> None:
    await create(api)
    found = await ended(api, "j1")
    assert found["status"] == "Failed"  # the fake worker knows no such act: a real failure of a real process
    assert "died 3 times" in found["failureMessage"]
    assert found["hyperParameters"] == {"epochCount": "2"}
    assert found["outputModelName"] == "j1-model"
    assert found["baseModelArn"].endswith(f"foundation-model/{PEBBLE}")
    assert found["creationTime"] <= found["lastModifiedTime"] <= found["endTime"] + timedelta(seconds=1)
    assert set(found["statusDetails"]) == {"validationDetails", "dataProcessingDetails", "trainingDetails"}


async def test_a_stopped_job_is_stopped(api: Api) -> None:
    await create(api)
    await api("StopModelCustomizationJob", jobIdentifier="j1")
    assert (await ended(api, "j1"))["status"] in ("Stopped", "Failed")
    lost = await api("StopModelCustomizationJob", jobIdentifier="j9")
    assert lost["Error"]["Code"] == "ResourceNotFoundException"


async def test_a_list_is_filtered_ordered_and_paged(api: Api) -> None:
    for name in ("one", "two", "three"):
        await create(api, name)
        await asyncio.sleep(0.005)

    async def names(**request: Any) -> list[str]:
        page = await api("ListModelCustomizationJobs", **request)
        return [summary["jobName"] for summary in page["modelCustomizationJobSummaries"]]

    assert await names() == ["three", "two", "one"]
    assert await names(sortOrder="Ascending") == ["one", "two", "three"]
    assert await names(nameContains="t") == ["three", "two"]
    assert await names(statusEquals="Completed") == []
    assert await names(creationTimeAfter=datetime.now(UTC)) == []
    first = await api("ListModelCustomizationJobs", maxResults=2)
    assert await names(maxResults=2, nextToken=first["nextToken"]) == ["one"]


async def test_a_job_goes_on_from_a_custom_model(api: Api) -> None:
    """Its adapter is trained further over the same base; whole weights are a base of their own."""
    arns = [await add_custom(api, form, form=form) for form in ("adapter", "full")]
    for number, base in enumerate(arns):
        await create(api, f"on{number}", baseModelIdentifier=base)
    folder = api.services.settings.home / "custom-models"
    bases = [(await api.services.resources.named(JOB, f"on{number}")).body["base"] for number in (0, 1)]  # type: ignore[union-attr]
    assert bases[0]["adapter"] == str(folder / arns[0][-12:] / "adapter")
    assert "whole" not in bases[0]
    assert (bases[1]["folder"], bases[1]["whole"]) == (str(folder / arns[1][-12:] / "hf"), arns[1][-12:])
    assert [base["arn"] for base in bases] == arns


async def model_of(api: Api, name: str, base: str, form: str) -> str:
    """A custom model as a job on `base` would leave it; its ARN."""
    await create(api, f"{name}-job", baseModelIdentifier=base)
    job = await api.services.resources.named(JOB, f"{name}-job")
    assert job is not None
    made = await add_custom(api, name, form=form)
    members = {"base": job.body["base"], "baseModelArn": job.body["baseModelArn"]}
    await api.services.resources.change(CUSTOM_MODEL, made[-12:], lambda body: {**body, **members})
    await ended(api, f"{name}-job")
    return made


async def test_what_was_trained_in_full_has_its_adapter_inside(api: Api) -> None:
    """An adapter, trained on in full, trained on again: the first adapter is in the weights, and is not needed."""
    adapter = await model_of(api, "one", PEBBLE, "adapter")
    whole = await model_of(api, "two", adapter, "full")
    other = await model_of(api, "three", whole, "full")
    await create(api, "on", baseModelIdentifier=whole)
    job = await api.services.resources.named(JOB, "on")
    assert job is not None and "adapter" not in job.body["base"]
    assert (job.body["base"]["whole"], job.body["base"]["id"]) == (whole[-12:], PEBBLE)
    await ended(api, "on")
    for name in ("two", "one"):
        assert "Error" not in await api("DeleteCustomModel", modelIdentifier=name), name
    listed = await api(
        "ListCustomModels", foundationModelArnEquals=f"arn:aws:bedrock:us-east-1::foundation-model/{PEBBLE}"
    )
    assert [model["modelArn"] for model in listed["modelSummaries"]] == [other]


async def test_what_was_trained_on_imported_weights_is_served_as_they_are(api: Api) -> None:
    known = {"context_length": 512, "input_modalities": ["TEXT"]}
    own = await add_custom(api, "own", form="full")
    members = {"base": {"id": "imported.model", "arn": own}, "serving": known}
    await api.services.resources.change(CUSTOM_MODEL, own[-12:], lambda body: {**body, **members})
    models = api.services.deployments.models
    for name, form in (("further", "full"), ("over", "adapter")):
        made = await model_of(api, name, own, form)
        assert (await models.of_custom(made[-12:], "any")).context_length == 512, name


async def test_a_base_is_not_deleted_while_a_job_for_it_is_made(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    base = await add_custom(api, "base")
    make, deleting = api.services.jobs.create, []

    async def slowly(*given: Any) -> Any:
        deleting.append(asyncio.create_task(api("DeleteCustomModel", modelIdentifier="base")))
        await asyncio.sleep(0.1)
        return await make(*given)

    monkeypatch.setattr(api.services.jobs, "create", slowly)
    assert "jobArn" in await create(api, baseModelIdentifier=base)
    assert (await deleting[0])["Error"]["Code"] == "ConflictException"


async def test_an_adapter_over_whole_weights_is_served_over_them(api: Api, tmp_path: Path) -> None:
    await add_base(api, tmp_path)
    whole = await add_custom(api, "whole", form="full")
    await add_custom(api, "over")
    over = await api.services.resources.named(CUSTOM_MODEL, "over")
    assert over is not None
    body = {**over.body, "base": {**over.body["base"], "whole": whole[-12:]}}
    await api.services.resources.change(CUSTOM_MODEL, over.id, lambda _: body)
    services = api.services
    model = await CustomModels(services.settings, services.resources, services.catalog).of_custom(over.id, "any")
    assert model.source == str(api.services.settings.home / "custom-models" / whole[-12:] / "model.gguf")
    assert (model.adapter or "").endswith(f"{over.id}/adapter.gguf")
    assert model.engine == whole


async def test_a_judge_that_is_not_there_is_refused(api: Api) -> None:
    graders = api.services.settings.home / "graders"
    await asyncio.to_thread(graders.mkdir)
    for model, says in (("outcrop.nothing", "model identifier is invalid"), ("outcrop.minilm-l6-v2", "cannot judge")):
        entry = f'model = "{model}"\ncriteria = "x"\n'
        await asyncio.to_thread((graders / "grade.toml").write_text, entry)
        error = (await create(api, **reinforcement("grade")))["Error"]
        assert (error["Code"], says in error["Message"]) == ("ValidationException", True), error
