"""Deployments through the API: what is refused, what fails to come up, restarts and changes under way; then answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.custom import DEPLOYMENT
from tests.api.customs import BASE, add_base, add_custom, say, settled
from tests.api.service import Api, served

ONE_THREAD = {"engine": "wheel", "engine_threads": 1, "engine_slots": 4}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path, **ONE_THREAD) as api:
        await add_base(api, tmp_path)
        yield api


async def deploy(api: Api, name: str, model: str, **more: Any) -> dict[str, Any]:
    return await api("CreateCustomModelDeployment", modelDeploymentName=name, modelArn=model, **more)


async def code(answer: Any) -> str:
    return (await answer).get("Error", {}).get("Code", "")


async def names(api: Api, **request: Any) -> list[str]:
    page = await api("ListCustomModelDeployments", **request)
    return [summary["customModelDeploymentName"] for summary in page["modelDeploymentSummaries"]]


async def test_what_cannot_be_deployed_is_refused(api: Api) -> None:
    gone = "arn:aws:bedrock:us-east-1:000000000000:custom-model/test.tiny-v1/aaaaaaaaaaaa"
    assert await code(deploy(api, "d1", gone)) == "ResourceNotFoundException"
    base = "arn:aws:bedrock:us-east-1::foundation-model/test.tiny-v1"
    assert await code(deploy(api, "d1", base)) == "ValidationException"
    assert await code(deploy(api, "no spaces", gone)) == "ValidationException"
    half = await add_custom(api, "half", status="Creating")
    assert await code(deploy(api, "d1", half)) == "ValidationException"
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    assert await code(deploy(api, "d1", half, tags=twice)) == "ValidationException"
    for name in ("Get", "Delete"):
        lost = api(f"{name}CustomModelDeployment", customModelDeploymentIdentifier="d1")
        assert await code(lost) == "ResourceNotFoundException"
    assert await names(api) == []


async def test_names_are_taken_once_and_a_token_makes_one(api: Api) -> None:
    model = await add_custom(api, "m")
    made = await asyncio.gather(*(deploy(api, "d1", model, clientRequestToken="t") for _ in range(3)))
    assert len({answer["customModelDeploymentArn"] for answer in made}) == 1
    assert await code(deploy(api, "d1", model)) == "ValidationException"
    assert await code(deploy(api, "d2", model, clientRequestToken="t")) == "ConflictException"
    assert await names(api) == ["d1"]


async def test_a_deployment_that_cannot_be_loaded_fails_in_words(api: Api, tmp_path: Path) -> None:
    model = await add_custom(api, "m")
    next((tmp_path / "custom-models").glob("*/adapter.gguf")).unlink()
    made = (await deploy(api, "d1", model))["customModelDeploymentArn"]
    found = await settled(api, "d1")
    assert found["status"] == "Failed" and "its file is not there" in found["failureMessage"]
    assert (await say(api, made)).startswith("ValidationException") and not (await say(api, BASE)).startswith("Val")


async def test_a_custom_model_by_itself_answers_nobody(api: Api) -> None:
    model = await add_custom(api, "m")
    said = await say(api, model)
    assert said.startswith("ValidationException: Invocation of model ID arn:") and "deployment" in said
    never = model.replace("custom-model/test.tiny-v1", "custom-model-deployment")
    assert "identifier is invalid" in await say(api, never)


async def test_a_custom_model_is_not_deleted_while_it_is_deployed(api: Api, tmp_path: Path) -> None:
    model = await add_custom(api, "m")
    await deploy(api, "d1", model)
    assert await code(api("DeleteCustomModel", modelIdentifier="m")) == "ConflictException"
    await api("DeleteCustomModelDeployment", customModelDeploymentIdentifier="d1")
    assert "Error" not in await api("DeleteCustomModel", modelIdentifier="m")
    assert await code(api("GetCustomModel", modelIdentifier=model)) == "ResourceNotFoundException"
    assert not list((tmp_path / "custom-models").iterdir())


async def test_what_was_coming_up_comes_up_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path, **ONE_THREAD) as first:
        await add_base(first, tmp_path)
        model = await add_custom(first, "m")
        made = (await deploy(first, "d1", model))["customModelDeploymentArn"]
        assert (await first.services.resources.list(DEPLOYMENT))[0].body["status"] == "Creating"
    async with served(tmp_path, **ONE_THREAD) as second:
        assert (await settled(second, "d1"))["status"] == "Active"
        assert await say(second, made) != await say(second, BASE)


async def test_deployments_answer_each_for_its_model_and_stop_when_they_are_deleted(api: Api) -> None:
    models = [await add_custom(api, f"m{seed}", seed) for seed in range(2)]
    arns = [(await deploy(api, f"d{place}", model))["customModelDeploymentArn"] for place, model in enumerate(models)]
    assert [(await settled(api, arn))["status"] for arn in arns] == ["Active", "Active"]
    said = await asyncio.gather(*(say(api, name) for name in [BASE, *arns]))
    assert len(set(said)) == 3
    assert [engine.model for engine in api.services.engines.status() if engine.state == "ready"] == [BASE]
    await api("DeleteCustomModelDeployment", customModelDeploymentIdentifier=arns[0])
    assert "identifier is invalid" in await say(api, arns[0])
    assert await say(api, arns[1]) == said[2]
    asked = {"messages": [{"role": "user", "content": [{"text": "hello there"}]}]}
    counted = await api("CountTokens", service="bedrock-runtime", modelId=arns[1], input={"converse": asked})
    assert counted["inputTokens"] > 0


async def test_an_update_swaps_the_model_and_a_bad_one_leaves_the_old(api: Api, tmp_path: Path) -> None:
    old, new, bad = [await add_custom(api, f"m{seed}", seed) for seed in range(3)]
    made = (await deploy(api, "d1", old))["customModelDeploymentArn"]
    await settled(api, "d1")
    before = await say(api, made)
    (tmp_path / "custom-models" / bad.rpartition("/")[2] / "adapter.gguf").write_bytes(b"nothing")
    await api("UpdateCustomModelDeployment", customModelDeploymentIdentifier="d1", modelArn=bad)
    assert await say(api, made) == before, "the old model answers meanwhile"
    found = await settled(api, "d1")
    assert (found["status"], found["modelArn"], found["updateDetails"]["updateStatus"]) == (
        "Active",
        old,
        "UpdateFailed",
    )
    await api("UpdateCustomModelDeployment", customModelDeploymentIdentifier="d1", modelArn=new)
    found = await settled(api, "d1")
    assert (found["modelArn"], found["updateDetails"]["updateStatus"]) == (new, "UpdateCompleted")
    assert await say(api, made) != before


async def test_whole_weights_have_an_engine_of_their_own(api: Api) -> None:
    model = await add_custom(api, "whole", 5, form="full")
    arns = [(await deploy(api, name, model))["customModelDeploymentArn"] for name in ("d1", "d2")]
    for arn in arns:
        assert (await settled(api, arn))["status"] == "Active"
    assert await say(api, arns[0]) == await say(api, arns[1]) != await say(api, BASE)
    assert len(api.services.engines.status()) == 2, "two deployments of one model share its engine"


async def test_lists_are_filtered(api: Api) -> None:
    models = [await add_custom(api, f"m{seed}", seed) for seed in range(2)]
    for name, model in zip(("one", "two"), models, strict=True):
        await deploy(api, name, model)
        await asyncio.sleep(0.005)
    assert await names(api) == ["two", "one"]
    assert await names(api, modelArnEquals=models[0]) == ["one"]
    assert await names(api, nameContains="tw", sortOrder="Ascending") == ["two"]
    summaries = (await api("ListCustomModels", nameContains="m1"))["modelSummaries"]
    assert [(one["modelName"], one["baseModelName"]) for one in summaries] == [("m1", BASE)]
    assert (await api("ListCustomModels", isOwned=False))["modelSummaries"] == []
    found = await api("GetCustomModel", modelIdentifier=models[0])
    assert found["trainingMetrics"]["trainingLoss"] == 0.5 and found["jobName"] == "m0-job"


async def test_tags_up_to_their_limit(api: Api) -> None:
    model = await add_custom(api, "m")
    made = (await deploy(api, "d1", model, tags=[{"key": "team", "value": "a"}]))["customModelDeploymentArn"]
    assert (await api("ListTagsForResource", resourceARN=made))["tags"] == [{"key": "team", "value": "a"}]
    many = [{"key": f"k{place}", "value": "v"} for place in range(49)]
    for start in range(0, len(many), 7):  # at once, but not so many that a busy machine's database turns some away
        answers = [api("TagResource", resourceARN=made, tags=[tag]) for tag in many[start : start + 7]]
        assert not any("Error" in answer for answer in await asyncio.gather(*answers))
    assert (
        await code(api("TagResource", resourceARN=made, tags=[{"key": "more", "value": ""}])) == "TooManyTagsException"
    )
    await api("UntagResource", resourceARN=made, tagKeys=["team", "k1"])
    left = {tag["key"] for tag in (await api("ListTagsForResource", resourceARN=made))["tags"]}
    assert left == {tag["key"] for tag in many} - {"k1"}
    gone = made[:-12] + "aaaaaaaaaaaa"
    for answer in (
        api("ListTagsForResource", resourceARN=gone),
        api("TagResource", resourceARN=gone, tags=[{"key": "a", "value": "b"}]),
        api("UntagResource", resourceARN=gone, tagKeys=["a"]),
    ):
        assert await code(answer) == "ResourceNotFoundException"
