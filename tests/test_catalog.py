"""The catalog: names, changes by others, what cannot be served."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop import catalog as module
from outcrop.catalog import ID, PREFIXES, Catalog, Model
from outcrop.config import Settings
from outcrop.errors import (
    ConflictException,
    ResourceNotFoundException,
    ServiceUnavailableException,
    ValidationException,
)
from outcrop.store.records import Records


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", region="eu-west-1")


@pytest.fixture
async def records(settings: Settings) -> AsyncIterator[Records]:
    records = await Records.open(settings.database)
    yield records
    await records.close()


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "pebble.gguf").write_bytes(b"GGUF")
    card = {"id": "outcrop.pebble-v1", "name": "Pebble", "provider": "Outcrop", "source": "pebble.gguf", "later": 1}
    (folder / "pebble.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def catalog(records: Records, settings: Settings, cards: Path) -> Catalog:
    return Catalog(records, settings, cards)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    return Model("acme.rock-1", "Rock", "Acme", str(tmp_path / "model.gguf"), input_modalities=("TEXT", "IMAGE"))


@pytest.mark.parametrize(
    "name",
    [
        "", "outcrop.other", "outcrop", "../outcrop.pebble-v1", "outcrop.pebble-v1 ", "us.us.outcrop.pebble-v1",
        "arn:aws:bedrock:eu-west-1::foundation-model/", "arn:aws:bedrock:eu-west-1::custom-model/outcrop.pebble-v1",
        "arn:aws:bedrock:eu-west-1:000000000000:foundation-model/outcrop.pebble-v1", "x" * 2048, "us.", "\0",
    ],
)  # fmt: skip
async def test_unknown_names_are_refused_in_bedrocks_words(catalog: Catalog, name: str) -> None:
    with pytest.raises(ValidationException, match=r"^The provided model identifier is invalid\.$"):
        await catalog.resolve(name)


@pytest.mark.parametrize(
    "name",
    [
        "outcrop.pebble-v1", "us.outcrop.pebble-v1", "apac.outcrop.pebble-v1", "global.outcrop.pebble-v1",
        "arn:aws:bedrock:eu-west-1::foundation-model/outcrop.pebble-v1",
        "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/outcrop.pebble-v1",
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.outcrop.pebble-v1",
    ],
)  # fmt: skip
async def test_a_model_answers_to_its_id_its_profiles_and_their_arns(catalog: Catalog, name: str, cards: Path) -> None:
    found = await catalog.resolve(name)
    assert (found.id, found.source) == ("outcrop.pebble-v1", str(cards / "pebble.gguf"))
    assert found.arn == "arn:aws:bedrock:eu-west-1::foundation-model/outcrop.pebble-v1"


async def test_an_alias_answers_like_its_model(catalog: Catalog, model: Model) -> None:
    await catalog.add(model)
    await catalog.alias("anthropic.claude-3-haiku-20240307-v1:0", "acme.rock-1")
    await catalog.alias("us.meta.llama3-1-8b-instruct-v1:0", "anthropic.claude-3-haiku-20240307-v1:0")
    for name in (
        "anthropic.claude-3-haiku-20240307-v1:0",
        "eu.anthropic.claude-3-haiku-20240307-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
        "us.meta.llama3-1-8b-instruct-v1:0",
        "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.meta.llama3-1-8b-instruct-v1:0",
    ):
        assert (await catalog.resolve(name)).id == "acme.rock-1"
    with pytest.raises(ValidationException):
        await catalog.resolve("meta.llama3-1-8b-instruct-v1:0")
    assert (await catalog.aliases())["us.meta.llama3-1-8b-instruct-v1:0"] == "acme.rock-1"


async def test_what_is_added_comes_back_whole_in_another_process(
    catalog: Catalog, records: Records, settings: Settings, cards: Path, model: Model
) -> None:
    other = Catalog(records, settings, cards)
    assert [m.id for m in await other.list()] == ["outcrop.pebble-v1"]
    await catalog.add(model)
    await asyncio.sleep(module.REFRESH_S)
    found = await other.resolve("acme.rock-1")
    assert found == Model(**{f: getattr(model, f) for f in Model.__dataclass_fields__} | {"region": "eu-west-1"})
    await catalog.remove("acme.rock-1")
    await asyncio.sleep(module.REFRESH_S)
    with pytest.raises(ValidationException):
        await other.resolve("acme.rock-1")


async def test_resolving_reads_the_database_once_a_second_at_most(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    original = Catalog._read

    async def counted(self: Catalog) -> None:
        nonlocal reads
        reads += 1
        await original(self)

    monkeypatch.setattr(Catalog, "_read", counted)
    await asyncio.gather(*(catalog.resolve("outcrop.pebble-v1") for _ in range(50)))
    assert reads == 1


async def test_a_change_made_during_a_read_is_seen_at_once(
    catalog: Catalog, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()
    read = Records.read

    @asynccontextmanager
    async def slow_read(self: Records) -> AsyncIterator[Any]:
        async with read(self) as db:
            yield db
        begun.set()
        await finish.wait()

    monkeypatch.setattr(Records, "read", slow_read)
    reader = asyncio.create_task(catalog.list())
    await begun.wait()
    await catalog.add(model)
    finish.set()
    await reader
    assert (await catalog.resolve("acme.rock-1")).id == "acme.rock-1"


@pytest.mark.parametrize("name", ["outcrop.pebble-v1", "acme.rock-1", "acme.alias-1"])
async def test_taken_ids_conflict(catalog: Catalog, model: Model, name: str) -> None:
    await catalog.add(model)
    await catalog.alias("acme.alias-1", "acme.rock-1")
    with pytest.raises(ConflictException, match="taken"):
        await catalog.add(Model(name, "Other", "Acme", model.source))
    with pytest.raises(ConflictException, match="taken"):
        await catalog.alias(name, "outcrop.pebble-v1")


async def test_of_two_who_add_one_id_at_once_one_wins(
    catalog: Catalog, records: Records, settings: Settings, cards: Path, model: Model
) -> None:
    others = [Catalog(records, settings, cards) for _ in range(4)]
    outcomes = await asyncio.gather(*(c.add(model) for c in [catalog, *others]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [ConflictException] * 4


@pytest.mark.parametrize(
    "name",
    ["rock", "Acme.rock", "acme.r", "acme.rock/1", "us.acme.rock", "acme.rock 1", "acme." + "r" * 64, "acme.r\n"],
)
async def test_ids_that_cannot_be(catalog: Catalog, model: Model, name: str) -> None:
    with pytest.raises(ValidationException):
        await catalog.add(Model(name, "Rock", "Acme", model.source))
    with pytest.raises(ValidationException):
        await catalog.alias(name.removeprefix("us."), "outcrop.nothing")


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "/nowhere/model.gguf"}, {"source": "model.gguf"}, {"mmproj": "/nowhere/mmproj.gguf"},
        {"kind": "odd"}, {"context_length": 0}, {"name": ""},
    ],
)  # fmt: skip
async def test_models_that_cannot_be(catalog: Catalog, model: Model, changes: dict) -> None:
    fields = {name: getattr(model, name) for name in Model.__dataclass_fields__}
    with pytest.raises(ValidationException):
        await catalog.add(Model(**(fields | changes)))
    assert len(await catalog.list()) == 1


async def test_an_alias_needs_a_model(catalog: Catalog) -> None:
    with pytest.raises(ValidationException):
        await catalog.alias("acme.alias-1", "acme.alias-1")
    with pytest.raises(ResourceNotFoundException):
        await catalog.unalias("acme.alias-1")


async def test_removing_takes_the_aliases_along(catalog: Catalog, model: Model) -> None:
    await catalog.add(model)
    await catalog.alias("acme.alias-1", "acme.rock-1")
    assert await catalog.remove("acme.rock-1") == ["acme.alias-1"]
    assert await catalog.aliases() == {}
    assert (await asyncio.to_thread(Path(model.source).read_bytes)) == b"GGUF"
    with pytest.raises(ResourceNotFoundException):
        await catalog.remove("acme.rock-1")
    with pytest.raises(ValidationException, match="built in"):
        await catalog.remove("outcrop.pebble-v1")


async def test_a_remote_servers_key_is_sealed_in_the_database(
    catalog: Catalog, records: Records, settings: Settings, cards: Path
) -> None:
    remote = Model("acme.cloud-1", "Cloud", "Acme", "https://models.example", kind="openai", key="sk-very-secret")
    await catalog.add(remote)
    assert (await catalog.resolve("acme.cloud-1")).key == "sk-very-secret"
    assert "sk-very-secret" not in repr(await catalog.resolve("acme.cloud-1"))
    stored = b"".join(path.read_bytes() for path in settings.home.glob("outcrop.db*"))
    assert b"acme.cloud-1" in stored and b"sk-very-secret" not in stored
    (settings.home / "master.key").unlink()
    assert (await Catalog(records, settings, cards).resolve("acme.cloud-1")).key is None


async def test_the_known_models_go_on_while_the_database_is_away(
    catalog: Catalog, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalog.add(model)
    await catalog.resolve("acme.rock-1")

    def away(self: Records) -> None:
        raise ServiceUnavailableException("gone")

    monkeypatch.setattr(Records, "read", away)
    monkeypatch.setattr(module, "REFRESH_S", 0)
    assert (await catalog.resolve("acme.rock-1")).id == "acme.rock-1"


async def test_a_card_without_its_file_is_passed_over(records: Records, settings: Settings, cards: Path) -> None:
    (cards / "pebble.gguf").unlink()
    assert await Catalog(records, settings, cards).list() == []


SESSION = botocore.session.Session()
SERVICE, RUNTIME = SESSION.get_service_model("bedrock"), SESSION.get_service_model("bedrock-runtime")


def pattern(model: Any, shape: str) -> re.Pattern[str]:
    return re.compile(model.shape_for(shape).metadata["pattern"])


PLAIN = [pattern(SERVICE, shape) for shape in ("BedrockModelId", "GetFoundationModelIdentifier", "ModelId")]
ARNS = [pattern(SERVICE, "FoundationModelArn"), pattern(RUNTIME, "InvokeModelIdentifier")]
BOTH = pattern(RUNTIME, "ConversationalModelId")


@given(st.from_regex(ID, fullmatch=True))
def test_every_id_we_take_satisfies_the_service_models(name: str) -> None:
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{name}"
    assert all(rule.fullmatch(name) for rule in [*PLAIN, BOTH])
    assert all(rule.fullmatch(arn) for rule in [*ARNS, BOTH])
    assert all(BOTH.fullmatch(prefix + name) for prefix in PREFIXES)
