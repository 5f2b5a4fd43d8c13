"""Weights of a caller's own: folders that cannot be, restarts; then models that answer, are copied, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from outcrop.custom.importing import ImportFailed, check
from outcrop.errors import ServiceUnavailableException
from outcrop.jobs import CUSTOM_MODEL
from tests.api.customs import add_custom, say, settled
from tests.api.service import Api, served
from tests.convert.folders import build

ROLE = "arn:aws:iam::000000000000:role/any"
SETTINGS = {"engine": "wheel", "engine_threads": 1, "engine_slots": 2}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path / "home", **SETTINGS) as api:
        api.services.objects.create_bucket("models")
        yield api


async def upload(api: Api, folder: Path, prefix: str = "tiny") -> str:
    for file in await asyncio.to_thread(lambda: sorted(folder.iterdir())):
        await api.services.objects.put(f"s3://models/{prefix}/{file.name}", file)
    return f"s3://models/{prefix}/"


def job(name: str, url: str, **more: Any) -> dict[str, Any]:
    source = {"s3DataSource": {"s3Uri": url}}
    return {"jobName": name, "importedModelName": f"{name}-model", "roleArn": ROLE, "modelDataSource": source, **more}


async def ended(api: Api, name: str) -> dict[str, Any]:
    return await eventually(api, "GetModelImportJob", "status", jobIdentifier=name)


async def eventually(api: Api, operation: str, member: str, **request: Any) -> dict[str, Any]:
    """What a job or a model is like once it is no longer being made."""
    async with asyncio.timeout(60):
        while True:
            found = await api(operation, **request)
            if found[member] not in ("InProgress", "Creating"):
                return found
            await asyncio.sleep(0.05)


def files(folder: Path, *patterns: str) -> list[Path]:
    return [path for pattern in patterns for path in folder.glob(pattern)]


async def code(answer: Any) -> str:
    return (await answer).get("Error", {}).get("Code", "")


def cut(folder: Path) -> None:
    path = next(folder.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-100])


def other_shape(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"hidden_size": 64', '"hidden_size": 32'))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickle": (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"\x80\x04."), "only safetensors are taken"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "no weights": (lambda folder: [path.unlink() for path in folder.glob("*.safetensors")], "no weights"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer"),
    "cut off": (cut, "cannot be converted: "),
    "other shape": (other_shape, "cannot be converted: "),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "cannot be converted: config.json"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_folder_that_is_no_model_fails_in_words_and_leaves_nothing(
    api: Api, tmp_path: Path, damage: str
) -> None:
    (tmp_path / "hf").mkdir()
    folder = build(tmp_path / "hf", "llama")
    DAMAGES[damage][0](folder)
    await api("CreateModelImportJob", **job("j1", await upload(api, folder)))
    found = await ended(api, "j1")
    assert found["status"] == "Failed" and DAMAGES[damage][1] in found["failureMessage"], found
    assert (await api("ListImportedModels"))["modelSummaries"] == []
    assert not files(tmp_path / "home", "imports/*", "imported-models/*")


def test_more_than_the_limit_is_not_fetched() -> None:
    class Info:
        url, size = "s3://models/tiny/model.safetensors", 10**12

    class Small:
        size = 1

        def __init__(self, name: str) -> None:
            self.url = f"s3://models/tiny/{name}"

    with pytest.raises(ImportFailed, match="at most 200,000,000,000"):
        check([Info(), Small("config.json"), Small("tokenizer.json")])  # type: ignore[list-item]


async def test_what_cannot_be_asked_for_is_refused(api: Api) -> None:
    for url in ("s3://models/nothing/", "s3://nowhere/x", "https://example.com"):
        assert await code(api("CreateModelImportJob", **job("j1", url))) == "ValidationException"
        source = {"s3DataSource": {"s3Uri": url}}
        assert await code(api("CreateCustomModel", modelName="m", modelSourceConfig=source)) == "ValidationException"
    assert await code(api("GetImportedModel", modelIdentifier="m")) == "ResourceNotFoundException"
    assert await code(api("DeleteImportedModel", modelIdentifier="m")) == "ResourceNotFoundException"


async def test_names_are_taken_once_and_a_token_makes_one_job(api: Api, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    url = await upload(api, build(tmp_path / "hf", "llama"))
    made = await asyncio.gather(
        *(api("CreateModelImportJob", **job("j1", url, clientRequestToken="t")) for _ in range(3))
    )
    assert len({answer["jobArn"] for answer in made}) == 1
    assert await code(api("CreateModelImportJob", **job("j1", url))) == "ConflictException"
    again = job("j2", url, importedModelName="j1-model")
    assert await code(api("CreateModelImportJob", **again)) == "ConflictException"
    await ended(api, "j1")
    assert await code(api("CreateModelImportJob", **again)) == "ConflictException"


async def test_an_import_goes_on_after_a_restart_and_its_model_answers_until_it_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    async with served(tmp_path / "home", **SETTINGS) as first:
        first.services.objects.create_bucket("models")
        url = await upload(first, build(tmp_path / "hf", "llama"))
        await first("CreateModelImportJob", **job("j1", url, importedModelTags=[{"key": "a", "value": "b"}]))
    async with served(tmp_path / "home", **SETTINGS) as second:
        found = await ended(second, "j1")
        assert found["status"] == "Completed", found
        arn = found["importedModelArn"]
        shown = await second("GetImportedModel", modelIdentifier="j1-model")
        assert (shown["modelArn"], shown["modelArchitecture"], shown["jobName"]) == (arn, "llama", "j1")
        assert (await second("ListTagsForResource", resourceARN=arn))["tags"] == [{"key": "a", "value": "b"}]
        assert "Exception" not in await say(second, arn)
        assert "Error" not in await second("DeleteImportedModel", modelIdentifier=arn)
        assert "identifier is invalid" in await say(second, arn)
        assert not files(tmp_path / "home", "imported-models/*")


async def test_a_custom_model_of_own_weights_is_deployed_and_copied(api: Api, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    url = await upload(api, build(tmp_path / "hf", "llama"))
    source = {"s3DataSource": {"s3Uri": url}}
    made = (await api("CreateCustomModel", modelName="mine", modelSourceConfig=source))["modelArn"]
    found = await eventually(api, "GetCustomModel", "modelStatus", modelIdentifier=made)
    assert (found["modelStatus"], found["customizationType"]) == ("Active", "IMPORTED"), found
    copying = (await api("CreateModelCopyJob", sourceModelArn=made, targetModelName="yours"))["jobArn"]
    copied = await eventually(api, "GetModelCopyJob", "status", jobArn=copying)
    assert (copied["status"], copied["sourceModelName"]) == ("Completed", "mine"), copied
    assert "Error" not in await api("DeleteCustomModel", modelIdentifier="mine")
    asked = {"modelDeploymentName": "d1", "modelArn": copied["targetModelArn"]}
    deployed = (await api("CreateCustomModelDeployment", **asked))["customModelDeploymentArn"]
    assert (await settled(api, deployed))["status"] == "Active"
    assert "Exception" not in await say(api, deployed)
    assert [one["modelName"] for one in (await api("ListCustomModels"))["modelSummaries"]] == ["yours"]


async def test_what_is_copied_or_under_an_adapter_is_not_deleted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await add_custom(api, "whole", form="full")
    over = await api.services.resources.get(CUSTOM_MODEL, (await add_custom(api, "over")).rpartition("/")[2])
    base = {**over.body["base"], "whole": whole.rpartition("/")[2]}
    await api.services.resources.change(CUSTOM_MODEL, over.id, lambda body: {**body, "base": base})
    assert await code(api("DeleteCustomModel", modelIdentifier="whole")) == "ConflictException"
    monkeypatch.setattr(api.services.imports, "start", lambda made: None)  # it stays under way
    await api("CreateModelCopyJob", sourceModelArn=over.body["modelArn"], targetModelName="copy")
    assert await code(api("DeleteCustomModel", modelIdentifier="over")) == "ConflictException"
    again = api("CreateModelCopyJob", sourceModelArn=whole, targetModelName="copy")
    assert await code(again) == "ValidationException", "the name is as good as taken"


async def test_a_model_that_is_still_being_made_is_deleted_whole(api: Api, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    source = {"s3DataSource": {"s3Uri": await upload(api, build(tmp_path / "hf", "llama"))}}
    await api("CreateCustomModel", modelName="mine", modelSourceConfig=source)
    async with asyncio.timeout(60):
        while not files(tmp_path / "home", "imports/*/hf"):  # noqa: ASYNC110 (a folder is the news)
            await asyncio.sleep(0.01)
    assert "Error" not in await api("DeleteCustomModel", modelIdentifier="mine")
    assert not files(tmp_path / "home", "imports/*", "custom-models/*", "custom-models/.*")


async def test_what_could_not_be_deleted_is_whole(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await add_custom(api, "mine")
    with monkeypatch.context() as busy:
        busy.setattr(api.services.resources, "delete", unavailable)
        assert "Error" in await api("DeleteCustomModel", modelIdentifier="mine")
    assert len(files(tmp_path / "home", "custom-models/*/adapter.gguf")) == 1
    assert "Error" not in await api("DeleteCustomModel", modelIdentifier="mine")
    assert not files(tmp_path / "home", "custom-models/*", "custom-models/.*")


async def unavailable(*_: Any) -> None:
    raise ServiceUnavailableException("locked")
