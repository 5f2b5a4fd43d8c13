"""Provisioned throughput: what is refused, commitments, renames and changes; then slots that are kept for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.customs import BASE, add_base, add_custom, say
from tests.api.service import Api, served
from tests.engines.test_process import eventually


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path, engine="wheel", engine_threads=1, engine_slots=9, queue_limit=0) as api:
        await add_base(api, tmp_path)
        yield api


async def provision(api: Api, name: str, model: str, units: int = 1, **more: Any) -> dict[str, Any]:
    asked = {"provisionedModelName": name, "modelId": model, "modelUnits": units, **more}
    return await api("CreateProvisionedModelThroughput", **asked)


async def settled(api: Api, name: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found = await api("GetProvisionedModelThroughput", provisionedModelId=name)
            if found["status"] not in ("Creating", "Updating"):
                return found
            await asyncio.sleep(0.05)


async def code(answer: Any) -> str:
    return (await answer).get("Error", {}).get("Code", "")


async def test_what_cannot_be_provisioned_is_refused(api: Api) -> None:
    assert await code(provision(api, "p1", "test.nothing-v1")) == "ValidationException"
    assert await code(provision(api, "p1", BASE, units=3)) == "ServiceQuotaExceededException"
    half = await add_custom(api, "half", status="Creating")
    assert await code(provision(api, "p1", half)) == "ValidationException"
    for name in ("Get", "Delete", "Update"):
        lost = api(f"{name}ProvisionedModelThroughput", provisionedModelId="p1")
        assert await code(lost) == "ResourceNotFoundException"


async def test_units_are_shared_out_names_are_taken_once_and_a_token_makes_one(api: Api) -> None:
    made = await asyncio.gather(*(provision(api, "p1", BASE, clientRequestToken="t") for _ in range(3)))
    assert len({answer["provisionedModelArn"] for answer in made}) == 1
    assert await code(provision(api, "p1", BASE)) == "ValidationException"
    assert await code(provision(api, "p2", BASE, units=2)) == "ServiceQuotaExceededException"
    assert "Error" not in await provision(api, "p2", BASE)


async def test_a_commitment_is_kept(api: Api) -> None:
    await provision(api, "p1", BASE, commitmentDuration="OneMonth")
    found = await settled(api, "p1")
    assert timedelta(days=29) < found["commitmentExpirationTime"] - datetime.now(UTC) < timedelta(days=31)
    refused = await api("DeleteProvisionedModelThroughput", provisionedModelId="p1")
    assert refused["Error"]["Code"] == "ConflictException" and "commitment" in refused["Error"]["Message"]


async def test_it_answers_by_arn_and_name_until_it_is_deleted(api: Api) -> None:
    models = [await add_custom(api, f"m{seed}", seed) for seed in range(2)]
    arn = (await provision(api, "p1", models[0]))["provisionedModelArn"]
    found = await settled(api, "p1")
    assert (found["status"], found["modelArn"], found["modelUnits"]) == ("InService", models[0], 1)
    said = await say(api, arn)
    assert said == await say(api, "p1") != await say(api, BASE)
    assert await code(api("DeleteCustomModel", modelIdentifier="m0")) == "ConflictException"
    asked = {"desiredModelId": "m1", "desiredProvisionedModelName": "p2"}
    await api("UpdateProvisionedModelThroughput", provisionedModelId=arn, **asked)
    assert (await settled(api, "p2"))["modelArn"] == models[1]
    assert await say(api, "p2") != said
    other = api("UpdateProvisionedModelThroughput", provisionedModelId="p2", desiredModelId="outcrop.pebble-v1")
    assert await code(other) == "ValidationException"
    names = await api("ListProvisionedModelThroughputs", modelArnEquals=models[1])
    assert [one["provisionedModelName"] for one in names["provisionedModelSummaries"]] == ["p2"]
    await api("DeleteProvisionedModelThroughput", provisionedModelId="p2")
    assert "identifier is invalid" in await say(api, arn)


async def test_a_change_to_another_engine_takes_its_slots_along(api: Api) -> None:
    whole = await add_custom(api, "whole", form="full")
    engines = api.services.engines
    for turn in range(3):
        await provision(api, "p1", BASE)
        await settled(api, "p1")
        assert sum(engines._reserved[BASE].values()) == 4
        assert "Error" not in await api(
            "UpdateProvisionedModelThroughput", provisionedModelId="p1", desiredModelId=whole
        )
        assert (await settled(api, "p1"))["modelArn"] == whole
        await eventually(lambda: not engines._reserved[BASE], 30)
        assert sum(engines._reserved[whole].values()) == 4, turn
        assert await code(provision(api, "p2", whole, units=2)) == "ServiceQuotaExceededException"
        await api("DeleteProvisionedModelThroughput", provisionedModelId="p1")
        assert not engines._reserved[whole]


async def test_a_change_to_an_engine_without_room_is_refused(api: Api) -> None:
    whole = await add_custom(api, "whole", form="full")
    await provision(api, "p1", BASE)
    await provision(api, "p2", whole, units=2)
    await asyncio.gather(settled(api, "p1"), settled(api, "p2"))
    changed = api("UpdateProvisionedModelThroughput", provisionedModelId="p1", desiredModelId=whole)
    assert await code(changed) in ("ServiceQuotaExceededException", "ValidationException")


async def test_an_engine_stays_for_the_adapters_over_it(api: Api) -> None:
    whole, over = await add_custom(api, "whole", form="full"), await add_custom(api, "over", 3)
    resources = api.services.resources
    base = {"id": BASE, "whole": whole[-12:]}
    await resources.change("custom-model", over[-12:], lambda body: {**body, "base": base})
    await asyncio.gather(provision(api, "p1", whole), provision(api, "p2", over))
    await asyncio.gather(settled(api, "p1"), settled(api, "p2"))
    await eventually(lambda: len(api.services.engines.status()) == 1, 60)  # one may have taken over from another
    [pid] = [row.pid for row in api.services.engines.status()]
    await api("DeleteProvisionedModelThroughput", provisionedModelId="p1")
    assert "Exception" not in await say(api, "p2")
    assert [row.pid for row in api.services.engines.status()] == [pid]


async def test_its_slots_are_free_for_it_while_others_are_throttled(api: Api) -> None:
    arn = (await provision(api, "p1", BASE))["provisionedModelArn"]
    await settled(api, "p1")
    base, inside, go = await api.services.catalog.resolve(BASE), [], asyncio.Event()

    async def hold() -> None:
        async with api.services.engines.lease(base):
            inside.append(1)
            await go.wait()

    holding = [asyncio.create_task(hold()) for _ in range(9)]
    await eventually(lambda: len(inside) == 5, 30)
    assert (await say(api, BASE)).startswith("ThrottlingException")
    assert "Exception" not in await say(api, arn)
    assert len(inside) == 5, "four of nine are kept"
    go.set()
    await asyncio.gather(*holding)
