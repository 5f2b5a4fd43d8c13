"""Stored resources: two callers at once and names that are taken first; then keeping, listing and changing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outcrop.errors import ConflictException, ResourceNotFoundException
from outcrop.store.records import Records
from outcrop.store.resources import Resources


@pytest.fixture
async def resources(tmp_path: Path) -> AsyncIterator[Resources]:
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path / 'outcrop.db'}")
    yield Resources(records)
    await records.close()


async def test_of_two_creations_with_one_token_one_wins_and_both_learn_which(resources: Resources) -> None:
    made = await asyncio.gather(*(resources.create("job", f"j{n}", {"n": n}, token="t") for n in range(8)))
    assert len({resource.id for resource in made}) == 1
    assert [resource.id for resource in await resources.list("job")] == [made[0].id]


async def test_of_two_creations_with_one_name_one_fails(resources: Resources) -> None:
    both = (resources.create("job", id, {}, name="same") for id in ("a", "b"))
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictException", "Resource"]


async def test_an_id_is_taken_in_its_kind_only(resources: Resources) -> None:
    await resources.create("job", "a", {})
    with pytest.raises(ConflictException, match="a exists already"):
        await resources.create("job", "a", {})
    await resources.create("model", "a", {})


async def test_a_name_is_free_again_after_its_resource_is_deleted(resources: Resources) -> None:
    await resources.create("job", "a", {}, name="n")
    await resources.delete("job", "a")
    assert await resources.named("job", "n") is None
    assert (await resources.create("job", "b", {}, name="n")).id == "b"


async def test_what_is_not_there_is_not_found(resources: Resources) -> None:
    for lost in (
        resources.get("job", "x"),
        resources.delete("job", "x"),
        resources.change("job", "x", lambda body: body),
    ):
        with pytest.raises(ResourceNotFoundException, match="x does not exist"):
            await lost
    assert await resources.named("job", "x") is None
    assert await resources.with_token("job", "x") is None


async def test_changes_at_once_are_all_kept(resources: Resources) -> None:
    await resources.create("job", "a", {"n": 0})
    await asyncio.gather(*(resources.change("job", "a", lambda body: {"n": body["n"] + 1}) for _ in range(20)))
    assert (await resources.get("job", "a")).body == {"n": 20}


async def test_a_change_that_raises_changes_nothing(resources: Resources) -> None:
    await resources.create("job", "a", {"n": 0})
    with pytest.raises(KeyError):
        await resources.change("job", "a", lambda body: {"n": body["m"]})
    assert (await resources.get("job", "a")).body == {"n": 0}


async def test_a_list_has_the_newest_first_and_one_kind_only(resources: Resources) -> None:
    for id in ("a", "b", "c"):
        await resources.create("job", id, {}, name=f"name-{id}", token=f"token-{id}")
        await asyncio.sleep(0.002)
    await resources.create("model", "d", {})
    assert [resource.id for resource in await resources.list("job")] == ["c", "b", "a"]
    found = await resources.with_token("job", "token-b")
    assert found is not None and (found.id, found.name) == ("b", "name-b")
