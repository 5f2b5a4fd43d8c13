"""Files, folders, servers and hub repositories becoming served models."""

# Tests may wait for the disk.
# ruff: noqa: ASYNC240

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from outcrop import adding, models_cli
from outcrop.adding import Wish, abilities, add, add_pulled, default_id
from outcrop.catalog import ALIAS, Catalog, Model
from outcrop.config import Settings
from outcrop.errors import ConflictException, ResourceNotFoundException, ValidationException
from outcrop.pull import PullError
from outcrop.store.records import Records

from . import hub_server
from .convert import bert_folder
from .convert.folders import build
from .tiny_bert import tiny_bert
from .tiny_model import CHATML, tiny_gguf


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
async def catalog(home: Path, tmp_path: Path) -> AsyncIterator[Catalog]:
    settings = Settings(home=home)
    records = await Records.open(settings.database)
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/rock.gguf").write_bytes(b"GGUF")
    card = {"id": "outcrop.pebble-v1", "name": "Pebble", "provider": "Outcrop", "source": "rock.gguf"}
    (tmp_path / "cards/pebble.json").write_text(json.dumps(card))
    yield Catalog(records, settings, tmp_path / "cards")
    await records.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tiny_gguf(tmp_path / "Tiny_Rock.gguf", context=512)


def projector(path: Path, vision: bool = True) -> Path:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_vision_encoder", vision)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def adapter(path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


async def test_what_is_no_model_is_refused(catalog: Catalog, home: Path, file: Path, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no GGUF")
    (tmp_path / "cut.gguf").write_bytes(file.read_bytes()[:2000])
    refused = {
        "nowhere.gguf": "neither a file nor a folder",
        "text.gguf": "not a GGUF file",
        "cut.gguf": "broken GGUF header",
        projector(tmp_path / "mmproj.gguf").name: "give it with --mmproj",
        adapter(tmp_path / "lora.gguf").name: "needs its base model",
        "cards": "no config.json",
    }
    for name, message in refused.items():
        for copy in (False, True):
            with pytest.raises(ValueError, match=message):
                await add(catalog, home, str(tmp_path / name), Wish(copy=copy))
    assert len(await catalog.list()) == 1


@pytest.mark.parametrize(
    "wish, error",
    [
        (Wish(id="outcrop.pebble-v1"), ConflictException),
        (Wish(id="No.Good"), ValidationException),
        (Wish(kind="odd"), ValidationException),
        (Wish(vision=True), ValueError),
        (Wish(mmproj=Path("/nowhere.gguf")), OSError),
    ],
)
async def test_wishes_that_cannot_be(
    catalog: Catalog, home: Path, file: Path, wish: Wish, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await add(catalog, home, str(file), wish)
    assert len(await catalog.list()) == 1


async def test_a_taken_id_is_noticed_before_the_work(catalog: Catalog, home: Path, tmp_path: Path) -> None:
    folder = build(tmp_path / "folder", "llama")
    with pytest.raises(ConflictException):
        await add(catalog, home, str(folder), Wish(id="outcrop.pebble-v1"))
    assert not (home / "models").exists()


async def test_a_file_is_served_where_it_lies_with_what_it_says_of_itself(
    catalog: Catalog, home: Path, file: Path
) -> None:
    model = await add(catalog, home, str(file), Wish())
    assert model == await catalog.resolve("local.tiny-rock")
    assert (model.source, model.name, model.provider) == (str(file), "Tiny_Rock", "local")
    assert (model.context_length, model.size_bytes) == (512, file.stat().st_size)
    assert model.parameters == sum(tensor.n_elements for tensor in gguf.GGUFReader(file).tensors)
    assert (model.tools, model.reasoning, model.system) == (True, False, True)
    assert not (home / "models").exists()


async def test_wishes_are_followed(catalog: Catalog, home: Path, file: Path, tmp_path: Path) -> None:
    wish = Wish(id="acme.rock", name="Rock", provider="Acme", context=100, tools=False, family="llama", copy=True,
                mmproj=projector(tmp_path / "mmproj.gguf"))  # fmt: skip
    model = await add(catalog, home, str(file), wish)
    assert model == Model(
        id="acme.rock", name="Rock", provider="Acme", context_length=100, tools=False, family="llama",
        source=str(home / "models/acme.rock/Tiny_Rock.gguf"), mmproj=str(tmp_path / "mmproj.gguf"),
        input_modalities=("TEXT", "IMAGE"), parameters=model.parameters, size_bytes=file.stat().st_size,
    )  # fmt: skip
    assert [p.name for p in (home / "models/acme.rock").iterdir()] == ["Tiny_Rock.gguf"]
    with pytest.raises(ValueError, match="no vision projector"):
        sound = projector(tmp_path / "sound.gguf", vision=False)
        await add(catalog, home, str(file), replace(wish, id="acme.other", mmproj=sound))


async def test_a_family_that_nobody_speaks_is_refused_first(catalog: Catalog, home: Path, file: Path) -> None:
    for source in (str(file), "http://127.0.0.1:1"):
        with pytest.raises(ValueError, match="family 'meta' is unknown; known: anthropic, "):
            await add(catalog, home, source, Wish(family="meta", copy=True))
    assert not (home / "models").exists()


async def test_a_folder_is_converted_into_the_home(catalog: Catalog, home: Path, tmp_path: Path) -> None:
    model = await add(catalog, home, str(build(tmp_path / "My-Model", "qwen3-sharded")), Wish())
    assert (model.id, model.source) == ("local.my-model", str(home / "models/local.my-model/My-Model-Q8_0.gguf"))
    assert model.context_length == 256


@pytest.mark.parametrize(
    "template, expected",
    [
        ("", (False, False, True)),
        (CHATML, (True, False, True)),
        ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m.content }}{% endfor %}", (False, False, True)),
        ("{% for m in messages %}{{ '<s>' + m.role + m.content }}{% endfor %}", (False, False, True)),
        ("{{ raise_exception('System role not supported') }}{{ m['role'] }}", (False, False, False)),
        ("{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]{% endif %}", (False, False, False)),
        ("{% if m.role == 'system' %}<<SYS>>{{ m.content }}{% endif %}", (False, False, True)),
        ("{% if tools %}{% endif %}{% if enable_thinking %}<think>{% endif %}{{ m.role }}", (True, True, True)),
    ],
)
def test_abilities_are_read_from_the_template(template: str, expected: tuple[bool, bool, bool]) -> None:
    assert tuple(abilities(template).values()) == expected


@pytest.mark.parametrize("vendor, name", [("Qwen", "Qwen3-0.6B-GGUF"), ("", "..."), ("é", "x" * 200), ("a_b", "c:d/e")])
def test_default_ids_can_be_ids(vendor: str, name: str) -> None:
    assert ALIAS.fullmatch(default_id(vendor, name))


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async def models(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer sk-1":
            return web.json_response({"error": "no key"}, status=401)
        names = [{"id": "org/Big-Model", "max_model_len": 9000}, *([{"id": "two"}] if "two" in request.path else [])]
        return web.json_response({"data": names})

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>")

    app = web.Application()
    app.router.add_get("/v1/models", models)
    app.router.add_get("/two/v1/models", models)
    app.router.add_get("/odd/v1/models", page)
    async with TestServer(app) as server:
        yield server


async def test_a_server_is_asked_for_its_model(catalog: Catalog, home: Path, server: TestServer) -> None:
    url = str(server.make_url("/v1/"))
    model = await add(catalog, home, url, Wish(id="acme.big", kind="vllm", key="sk-1", vision=True))
    found = await catalog.resolve("acme.big")
    assert found == model
    assert (found.source, found.served_name, found.context_length) == (
        str(server.make_url("")).rstrip("/"), "org/Big-Model", 9000
    )  # fmt: skip
    assert (found.name, found.kind, found.key, found.input_modalities) == (
        "Big-Model",
        "vllm",
        "sk-1",
        ("TEXT", "IMAGE"),
    )


@pytest.mark.parametrize(
    "path, wish, message",
    [
        ("/", Wish(), "does not answer"),
        ("/odd", Wish(key="sk-1"), "does not answer"),
        ("/two", Wish(key="sk-1"), "serves org/Big-Model, two; say which"),
        ("/", Wish(key="sk-1", served_name="other"), "serves org/Big-Model; say which"),
        ("/?q=1", Wish(key="sk-1"), "not the address"),
        ("/", Wish(key="sk-1", kind="odd"), "kind 'odd' is unknown"),
    ],
)
async def test_servers_that_cannot_be_added(
    catalog: Catalog, home: Path, server: TestServer, path: str, wish: Wish, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await add(catalog, home, str(server.make_url(path)), wish)


async def test_a_server_that_is_not_up_yet_can_be_named(catalog: Catalog, home: Path) -> None:
    model = await add(catalog, home, "http://127.0.0.1:1/v1", Wish(id="acme.later", served_name="later"))
    assert (model.source, model.served_name) == ("http://127.0.0.1:1", "later")
    with pytest.raises(ValueError, match="does not answer"):
        await add(catalog, home, "http://127.0.0.1:1", Wish(id="acme.never"))


async def test_a_pulled_model_is_served_and_pulling_again_changes_nothing(
    catalog: Catalog, home: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_server.serve() as hub:
        hub.repos["Acme/Rock_1-GGUF"] = {
            "rock-Q8_0.gguf": file.read_bytes(),
            "mmproj-F16.gguf": projector(tmp_path / "mmproj.gguf").read_bytes(),
        }

        async def again(**wishes: Any) -> Model:
            return await add_pulled(catalog, home, "hf:Acme/Rock_1-GGUF", Wish(**wishes), lambda *_: None, hub.endpoint)

        model = await again()
        assert model.id == "acme.rock-1-gguf" and model.input_modalities == ("TEXT", "IMAGE")
        assert (model.name, model.provider) == ("Rock_1-GGUF", "Acme")
        assert await again() == model
        assert (await again(id="acme.blind", vision=False)).mmproj is None
        with pytest.raises(ConflictException):
            await again(id="outcrop.pebble-v1")
        with pytest.raises(PullError):
            await add_pulled(catalog, home, "hf:Acme/Nothing", Wish(), lambda *_: None, hub.endpoint)


async def test_the_commands_say_what_they_did(
    catalog: Catalog, home: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await models_cli.add(catalog, home, str(file), Wish())
    assert capsys.readouterr().out == f"local.tiny-rock is served from {file}: 512 tokens of context (tools).\n"
    await models_cli.alias(catalog, "anthropic.claude-x", "local.tiny-rock")
    assert capsys.readouterr().out == "anthropic.claude-x answers as local.tiny-rock.\n"
    await models_cli.show(catalog)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ID", "NAME"], ["outcrop.pebble-v1", "Pebble"], ["local.tiny-rock", "Tiny_Rock"], ["=", "anthropic.claude-x"]
    ]  # fmt: skip
    await models_cli.remove(catalog, "local.tiny-rock")
    assert "nor anthropic.claude-x" in capsys.readouterr().out
    await models_cli.alias(catalog, "anthropic.claude-x", "outcrop.pebble-v1")
    await models_cli.remove(catalog, "anthropic.claude-x")
    assert (await catalog.aliases()) == {} and file.exists()
    with pytest.raises(ResourceNotFoundException):
        await models_cli.remove(catalog, "local.tiny-rock")


def test_embedding_models_are_known_by_their_pooling(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = adding.read_info(file)
    info.metadata[f"{info.architecture}.pooling_type"] = 1
    monkeypatch.setattr(adding, "read_info", lambda _: info)
    model = adding.describe(file, Wish(id="acme.vectors"))
    assert (model.output_modalities, model.tools, model.streaming) == (("EMBEDDING",), False, False)


async def test_embedding_models_and_rerankers_are_told_by_their_files(
    catalog: Catalog, home: Path, tmp_path: Path
) -> None:
    embedder = await add(catalog, home, str(tiny_bert(tmp_path / "embedder.gguf")), Wish())
    assert (embedder.task, embedder.family, embedder.context_length) == ("embedding", "titan_embed", 128)
    reranker = await add(catalog, home, str(tiny_bert(tmp_path / "reranker.gguf", pooling=4)), Wish())
    assert (reranker.task, reranker.family, reranker.output_modalities) == ("rerank", "cohere_rerank", ("TEXT",))
    assert not any(model.tools or model.streaming for model in (embedder, reranker))
    again = {model.id: model for model in await catalog.list()}
    assert again[embedder.id].task == "embedding" and again[reranker.id].task == "rerank"


async def test_a_folder_of_an_encoder_becomes_an_embedding_model(catalog: Catalog, home: Path, tmp_path: Path) -> None:
    folder = bert_folder.build(tmp_path / "encoder")
    model = await add(catalog, home, str(folder), Wish())
    assert (model.task, model.context_length, Path(model.source).name) == ("embedding", 48, "encoder-F16.gguf")
    longer = await add(catalog, home, str(folder), Wish(id="acme.longer-1", context=64))
    assert longer.context_length == 64


@pytest.mark.parametrize(
    ("family", "task"), [("titan_embed", "embedding"), ("amazon_rerank", "rerank"), ("nova", "chat")]
)
async def test_a_server_is_for_what_its_family_says(catalog: Catalog, home: Path, family: str, task: str) -> None:
    wish = Wish(id="acme.far-1", family=family, served_name="x", context=512, kind="vllm")
    assert (await add(catalog, home, "http://127.0.0.1:1", wish)).task == task
