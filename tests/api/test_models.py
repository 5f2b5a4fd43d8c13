"""The model operations over a catalog of three: a built-in one, an added one, and aliases of these."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outcrop.api import models as module
from outcrop.call import Call
from outcrop.catalog import Catalog, Model
from outcrop.config import Settings
from outcrop.errors import ResourceNotFoundException, ValidationException
from outcrop.store.records import Records
from outcrop.wire import spec, validate
from outcrop.wire.operation import HANDLERS

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
LLAMA = "us.meta.llama3-1-8b-instruct-v1:0"


class Client:
    """Calls handlers as the gateway would, and holds every answer against the service model."""

    def __init__(self, services: Any) -> None:
        self.services = services

    async def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        model = spec.load("bedrock").operation(operation)
        validate.require(model.input, request)
        call = Call(operation, "bedrock", "request-1", self.services)
        answer = await HANDLERS["bedrock", operation].function(call, request)
        validate.require(model.output, answer)
        return answer


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    assert module.operation  # the handlers register when their module is imported
    settings = Settings(home=tmp_path / "home", region="eu-west-1", account_id="123456789012")
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    card = {"id": "outcrop.pebble-v1", "name": "Pebble", "provider": "Outcrop", "source": "a.gguf"}
    (tmp_path / "pebble.json").write_text(json.dumps(card))
    records = await Records.open(settings.database)
    catalog = Catalog(records, settings, tmp_path)
    await catalog.add(Model("acme.eye-1", "Eye (1.5)", "Acme", str(tmp_path / "a.gguf"),
                            input_modalities=("TEXT", "IMAGE"), output_modalities=("EMBEDDING",)))  # fmt: skip
    await catalog.alias(CLAUDE, "outcrop.pebble-v1")
    await catalog.alias(LLAMA, "outcrop.pebble-v1")
    yield Client(SimpleNamespace(settings=settings, catalog=catalog))
    await records.close()


async def listed(client: Client, **filters: str) -> list[str]:
    answer = await client("ListFoundationModels", **filters)
    return [summary["modelId"] for summary in answer["modelSummaries"]]


async def test_models_and_aliases_are_listed(client: Client) -> None:
    assert await listed(client) == ["outcrop.pebble-v1", "acme.eye-1", CLAUDE]


@pytest.mark.parametrize(
    "filters, expected",
    [
        ({"byProvider": "acme"}, ["acme.eye-1"]),
        ({"byProvider": "Nobody"}, []),
        ({"byOutputModality": "EMBEDDING"}, ["acme.eye-1"]),
        ({"byOutputModality": "IMAGE"}, []),
        ({"byInferenceType": "PROVISIONED"}, []),
        ({"byInferenceType": "ON_DEMAND", "byOutputModality": "TEXT"}, ["outcrop.pebble-v1", CLAUDE]),
        ({"byCustomizationType": "FINE_TUNING"}, []),
    ],
)
async def test_filters(client: Client, filters: dict[str, str], expected: list[str]) -> None:
    assert await listed(client, **filters) == expected


@pytest.mark.parametrize("name", ["outcrop.pebble-v1", "arn:aws:bedrock:eu-west-1::foundation-model/outcrop.pebble-v1"])
async def test_a_model_by_id_and_arn(client: Client, name: str) -> None:
    assert (await client("GetFoundationModel", modelIdentifier=name))["modelDetails"] == {
        "modelArn": "arn:aws:bedrock:eu-west-1::foundation-model/outcrop.pebble-v1",
        "modelId": "outcrop.pebble-v1",
        "modelName": "Pebble",
        "providerName": "Outcrop",
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


async def test_an_alias_is_described_under_its_own_name(client: Client) -> None:
    details = (await client("GetFoundationModel", modelIdentifier=CLAUDE))["modelDetails"]
    assert (details["modelId"], details["modelName"]) == (CLAUDE, "Pebble")
    assert details["modelArn"].endswith("/" + CLAUDE)


@pytest.mark.parametrize("name", ["acme.unknown", "us.outcrop.pebble-v1", "us.acme.unknown"])
async def test_unknown_models(client: Client, name: str) -> None:
    with pytest.raises(ValidationException, match="identifier is invalid"):
        await client("GetFoundationModel", modelIdentifier=name)
    with pytest.raises(ValidationException, match="identifier is invalid"):
        await client("GetFoundationModelAvailability", modelId=name)


async def test_availability(client: Client) -> None:
    answer = await client("GetFoundationModelAvailability", modelId=CLAUDE)
    assert answer["modelId"] == CLAUDE
    assert answer["authorizationStatus"] == "AUTHORIZED"


async def profiles(client: Client, **request: Any) -> tuple[list[str], dict[str, Any]]:
    answer = await client("ListInferenceProfiles", **request)
    names = [summary["inferenceProfileId"] for summary in answer.pop("inferenceProfileSummaries")]
    return names, answer


async def test_inference_profiles_page_by_page(client: Client) -> None:
    names = [f"{prefix}.{name}" for prefix in ("eu", "global") for name in ("acme.eye-1", CLAUDE, "outcrop.pebble-v1")]
    assert await profiles(client) == ([*names, LLAMA], {})
    seen, token = [], {}
    while token or not seen:
        shown, token = await profiles(client, maxResults=3, **token)
        seen += shown
    assert seen == [*names, LLAMA]


async def test_profile_types_and_bad_tokens(client: Client) -> None:
    assert len((await profiles(client, typeEquals="SYSTEM_DEFINED"))[0]) == 7
    assert await profiles(client, typeEquals="APPLICATION") == ([], {})
    _, token = await profiles(client, maxResults=1)
    for request in ({"nextToken": "nonsense"}, {**token, "typeEquals": "SYSTEM_DEFINED"}):
        with pytest.raises(ValidationException):
            await profiles(client, **request)


@pytest.mark.parametrize(
    "name, target",
    [
        ("us.acme.eye-1", "acme.eye-1"),
        ("global." + CLAUDE, CLAUDE),
        (LLAMA, "outcrop.pebble-v1"),
    ],
)
async def test_an_inference_profile_by_id_and_arn(client: Client, name: str, target: str) -> None:
    arn = f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/{name}"
    found = await client("GetInferenceProfile", inferenceProfileIdentifier=name)
    assert found == await client("GetInferenceProfile", inferenceProfileIdentifier=arn)
    assert found["inferenceProfileArn"] == arn
    assert found["models"] == [{"modelArn": f"arn:aws:bedrock:eu-west-1::foundation-model/{target}"}]
    assert (found["status"], found["type"]) == ("ACTIVE", "SYSTEM_DEFINED")


@pytest.mark.parametrize("name", ["outcrop.pebble-v1", "us.acme.unknown", "xx.acme.eye-1", CLAUDE])
async def test_unknown_inference_profiles(client: Client, name: str) -> None:
    with pytest.raises(ResourceNotFoundException):
        await client("GetInferenceProfile", inferenceProfileIdentifier=name)
