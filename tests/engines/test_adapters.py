"""Adapters over one base: broken ones, kills, newcomers amid answers, short memory; then whose answer it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outcrop.catalog import Model
from outcrop.config import Settings
from outcrop.engines import machine
from outcrop.engines.adapters import Adapters
from outcrop.engines.plan import MIB
from outcrop.engines.pool import Engines
from outcrop.engines.post import Client
from outcrop.errors import ModelErrorException, ModelNotReadyException, ServiceUnavailableException
from tests.tiny_adapter import tiny_adapter

from .conftest import engines_of, model_of
from .test_process import children, eventually

STORY = "tell me a story about the quick brown fox and the lazy dog " * 4
OTHER = "12345 completely different words " * 8


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("adapters")
    return [str(tiny_adapter(folder / f"{seed}.gguf", seed)) for seed in range(3)]


@pytest.fixture
async def engines(settings: Settings) -> AsyncIterator[Engines]:
    async with engines_of(settings, queue_limit=64) as engines:
        yield engines


def over(base: Model, adapter: str | Path) -> Model:
    return replace(base, id=f"arn:{adapter}", base=base.id, adapter=str(adapter))


async def say(engines: Engines, model: Model, text: str = "hello there", **more: Any) -> str:
    """The greedy answer to a text; every request may go on from what a cache holds."""
    async with engines.lease(model) as endpoint, Client() as http:
        asked = {"messages": [{"role": "user", "content": text}], "max_tokens": 12, "temperature": 0, **more}
        answer = await http.post(endpoint, "/v1/chat/completions", {**asked, "ignore_eos": True, **endpoint.always})
        return answer["choices"][0]["message"]["content"]


async def alone(settings: Settings, model: Model, *texts: str) -> list[str]:
    """What a model says where nothing else was ever asked."""
    async with engines_of(settings) as engines:
        return [await say(engines, model, text) for text in texts]


def pids(engines: Engines) -> list[int]:
    return [status.pid for status in engines.status()]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "its file is not there"),
        (lambda path: path.write_bytes(b"PK" * 50), "failed"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "corrupted or incomplete"),
        (lambda path: tiny_adapter(path, 1, width=32), "maybe wrong base model"),
    ],
    ids=["absent", "no gguf", "cut off", "of another base"],
)
async def test_a_broken_adapter_fails_its_own_model_and_no_other(engines, tiny, files, tmp_path, damage, words):
    bad = tiny_adapter(tmp_path / "bad.gguf", 9)
    damage(bad)
    base, broken, good = model_of(tiny), over(model_of(tiny), bad), over(model_of(tiny), files[0])
    for _ in range(2):
        with pytest.raises(ModelErrorException, match=words):
            await say(engines, broken)
        assert await say(engines, base) != await say(engines, good)
    before = pids(engines)
    with pytest.raises(ModelErrorException, match=words):
        await say(engines, broken)
    assert pids(engines) == before, "what is known to be broken is not tried again"


async def test_an_adapter_that_was_mended_is_loaded(engines, tiny, tmp_path, files):
    path = tmp_path / "late.gguf"
    with pytest.raises(ModelErrorException):
        await say(engines, over(model_of(tiny), path))
    shutil.copy(files[0], path)
    assert await say(engines, over(model_of(tiny), path)) == await say(engines, over(model_of(tiny), files[0]))


async def test_a_killed_engine_comes_back_with_its_adapters(engines, tiny, files):
    base = model_of(tiny)
    said = [await say(engines, over(base, path)) for path in files]
    killed = pids(engines)[0]
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: killed not in children())
    assert await asyncio.gather(*(say(engines, over(base, path)) for path in files)) == said
    assert len(children()) == 1


async def test_a_new_adapter_comes_in_while_others_answer_and_nobody_notices(engines, tiny, files):
    """The base streams on the first process from before the newcomer until after it took over."""
    base = model_of(tiny)
    first = await say(engines, base)
    async with engines.lease(base) as old:
        answers = [asyncio.create_task(say(engines, base)) for _ in range(2)]
        new = await say(engines, over(base, files[0]))
        assert len(children()) == 2, "the first process is still held"
        assert await asyncio.gather(*answers) == [first, first] and new != first
        async with engines.lease(base) as moved:
            assert moved.url != old.url
        async with Client() as http:
            assert await http.get(old, "/health")
    await eventually(lambda: len(children()) == 1)


async def test_adapters_that_come_together_come_with_one_restart(engines, tiny, files, monkeypatch):
    base = model_of(tiny)
    await say(engines, base)
    said = await asyncio.gather(*(say(engines, over(base, path)) for path in files for _ in range(2)))
    assert len(set(said)) == 3
    await eventually(lambda: len(engines.status()) == 1 and len(children()) == 1, 60)
    last = pids(engines)
    await asyncio.gather(*(say(engines, over(base, path)) for path in files))
    assert pids(engines) == last


async def test_one_that_comes_while_a_successor_loads_comes_with_the_next(engines, tiny, files, monkeypatch):
    base = model_of(tiny)
    await say(engines, base)
    early = asyncio.create_task(say(engines, over(base, files[0])))
    await eventually(lambda: any(not engine.takes(files[1]) for engine in engines._successors.values()))
    assert await say(engines, over(base, files[1])) != await early


async def test_callers_that_leave_do_not_stop_a_successor(engines, tiny, files):
    base = model_of(tiny)
    await say(engines, base)
    leaving = asyncio.create_task(say(engines, over(base, files[0])))
    await asyncio.sleep(0.1)
    leaving.cancel()
    await asyncio.wait([leaving])
    await eventually(lambda: len(engines.status()) == 1 and len(children()) == 1, 60)
    assert await say(engines, over(base, files[0])) != await say(engines, base)


async def test_a_successor_that_finds_no_memory_leaves_the_base_alone(engines, tiny, files, monkeypatch):
    base = model_of(tiny)
    monkeypatch.setattr(machine, "available_memory", lambda: (700 - 100 * len(children())) * MIB)
    async with engines.lease(base):
        with pytest.raises(ServiceUnavailableException):
            await say(engines, over(base, files[0]))
        assert await say(engines, base)
    assert await say(engines, over(base, files[0])), "the idle base made room for its successor"
    assert await say(engines, base) != await say(engines, over(base, files[0]))


async def test_a_released_adapter_is_left_out_of_the_next_start(engines, tiny, files):
    base = model_of(tiny)
    for path in files:
        engines.expect(over(base, path))
    await say(engines, base)
    assert engines._engines[base.id].adapters.loaded == tuple(files), "all that are expected come with the first start"
    engines.release(over(base, files[1]))
    await engines._engines[base.id].stop()
    await say(engines, base)
    assert engines._engines[base.id].adapters.loaded == (files[0], files[2])


async def test_each_model_gives_its_own_answer_also_at_once(engines, settings, tiny, files):
    base = model_of(tiny)
    models = [base, *(over(base, path) for path in files)]
    truth = {model.id: (await alone(settings, model, STORY))[0] for model in models}
    assert len(set(truth.values())) == 4
    asked = [model for _ in range(5) for model in models]
    said = await asyncio.gather(*(say(engines, model, STORY) for model in asked))
    assert said == [truth[model.id] for model in asked]


async def test_no_cache_carries_over_from_one_adapter_to_another(engines, settings, tiny, files):
    """One slot, every order of two prompts under two models: what was computed under one never answers for another."""
    engines.settings = replace(settings, engine_slots=1)
    models = [model_of(tiny), over(model_of(tiny), files[0]), over(model_of(tiny), files[1])]
    texts = (STORY, OTHER)
    truth = {model.id: dict(zip(texts, await alone(settings, model, *texts), strict=True)) for model in models}
    engines.expect(models[1])
    engines.expect(models[2])
    walk = [(a, text) for a in models for b in models for text in (STORY, OTHER, STORY) for a in (a, b)]
    for model, text in walk:
        assert await say(engines, model, text) == truth[model.id][text]


def test_a_request_for_an_adapter_that_was_let_go_is_told_to_come_again(files):
    with pytest.raises(ModelNotReadyException):
        Adapters(files[:1]).choosing(files[1])
