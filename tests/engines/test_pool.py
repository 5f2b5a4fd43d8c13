"""The pool under trouble first: kills, crowds, callers that leave, files that are broken, memory that is short."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from outcrop.engines import engine as engine_module
from outcrop.engines import machine, pool
from outcrop.engines.choice import Choice, adopt
from outcrop.engines.endpoint import Endpoint
from outcrop.engines.plan import MIB, Plan
from outcrop.engines.pool import Engines
from outcrop.engines.post import Client
from outcrop.engines.process import EngineProcess
from outcrop.errors import (
    ModelErrorException,
    ModelNotReadyException,
    ModelStreamErrorException,
    ServiceUnavailableException,
    ThrottlingException,
)
from tests.tiny_model import tiny_gguf

from .conftest import body, chat, engines_of, gone, model_of
from .test_process import children, eventually


async def test_it_answers_counts_and_streams(settings, tiny):
    async with engines_of(settings) as engines, engines.lease(model_of(tiny)) as endpoint:
        answer = await chat(endpoint)
        assert answer["usage"]["completion_tokens"] == 4
        assert endpoint.kind.tokenize and endpoint.model == "default"


async def test_killed_in_mid_stream_the_call_fails_and_the_next_one_works(settings, tiny):
    async with engines_of(settings) as engines:
        with pytest.raises(ModelErrorException):
            async with engines.lease(model_of(tiny)) as endpoint:
                await stream_and_kill(endpoint, engines.status()[0].pid)
        async with engines.lease(model_of(tiny)) as endpoint:
            assert (await chat(endpoint))["usage"]["completion_tokens"] == 4
        assert len(children()) == 1


async def stream_and_kill(endpoint, pid: int) -> None:
    more = {"stream": True, "max_tokens": 1500, "ignore_eos": True}
    async with Client() as http:
        news = http.stream(endpoint, "/v1/chat/completions", body(**more))
        await anext(news)
        os.kill(pid, signal.SIGKILL)
        async for _ in news:
            pass


async def test_the_next_lease_is_good_even_when_the_caller_renamed_the_error(settings, fake, tiny):
    async with engines_of(settings, engine=fake()) as engines:
        with pytest.raises(ModelStreamErrorException):
            async with engines.lease(model_of(tiny)):
                os.kill(engines.status()[0].pid, signal.SIGKILL)
                raise ModelStreamErrorException("the connection broke")
        async with engines.lease(model_of(tiny)) as endpoint, Client() as http:
            assert await http.get(endpoint, "/health")


async def test_many_callers_wait_for_one_load(settings, tiny):
    async with engines_of(settings, engine_slots=8) as engines:
        pids = await asyncio.gather(*(leased_pid(engines, tiny) for _ in range(8)))
        assert len(set(pids)) == 1 and len(children()) == 1


async def leased_pid(engines: Engines, path: Path) -> int:
    async with engines.lease(model_of(path)) as endpoint:
        await chat(endpoint)
        return engines.status()[0].pid


async def test_a_caller_that_leaves_does_not_end_the_load_of_the_others(settings, tiny):
    async with engines_of(settings) as engines:
        first = asyncio.create_task(leased_pid(engines, tiny))
        second = asyncio.create_task(leased_pid(engines, tiny))
        await asyncio.sleep(0.02)
        first.cancel()
        assert await second > 0
        with pytest.raises(asyncio.CancelledError):
            await first
        assert engines.status()[0].active == engines.status()[0].waiting == 0


async def test_still_loading_past_the_wait_is_not_ready_and_the_load_goes_on(settings, fake, tiny):
    async with engines_of(settings, engine=fake("never"), load_wait_s=0.1) as engines:
        for _ in range(2):
            with pytest.raises(ModelNotReadyException, match="still loading"):
                async with engines.lease(model_of(tiny)):
                    pass
        assert engines.status()[0].state == "loading"
        assert engines.status()[0].waiting == 0
    assert not children()


async def test_the_queue_is_bounded_and_first_come_first_served(settings, tiny):
    order: list[int] = []

    async def caller(number: int) -> None:
        async with engines.lease(model_of(tiny)):
            order.append(number)
            await asyncio.sleep(0.01)

    async with engines_of(settings, engine_slots=1, queue_limit=3) as engines:
        async with engines.lease(model_of(tiny)):
            waiting = [asyncio.create_task(caller(i)) for i in range(3)]
            await eventually(lambda: (engines.status()[0].active, engines.status()[0].waiting) == (1, 3))
            with pytest.raises(ThrottlingException):
                await caller(99)
        await asyncio.gather(*waiting)
        assert order == [0, 1, 2]


async def test_a_count_waits_for_no_turn(settings, tiny):
    model = model_of(tiny)
    async with engines_of(settings, engine_slots=1) as engines, engines.lease(model), asyncio.timeout(30):
        await asyncio.create_task(count(engines, model))


async def count(engines: Engines, model) -> None:
    async with engines.lease(model, slot=False) as endpoint, Client() as http:
        assert (await http.post(endpoint, "/tokenize", {"content": "a"}))["tokens"]


async def test_many_callers_do_not_wait_for_connections_that_are_kept_alive(settings, tiny):
    """llama.cpp's server binds a thread to each connection, for five idle seconds too: with too few, others stall."""
    async with engines_of(settings, queue_limit=60) as engines, engines.lease(model_of(tiny), slot=False) as endpoint:
        await asyncio.wait_for(tokenize_at_once(endpoint, 60), 40)


async def tokenize_at_once(endpoint: Endpoint, callers: int) -> None:
    """Each on a connection of its own, which it uses again and again until all have had an answer."""
    answered = set()

    async def caller(number: int) -> None:
        async with Client() as http:
            while len(answered) < callers:
                await http.post(endpoint, "/tokenize", {"content": "a"})
                answered.add(number)
                await asyncio.sleep(0.5)

    await asyncio.gather(*(caller(number) for number in range(callers)))


async def test_requests_that_would_overflow_a_shared_cache_wait_for_one_another(settings, tiny, monkeypatch):
    """llama.cpp fails every request of a shared cache that overflows: four of these together would."""
    small = Plan(context=1024, slots=4, pool=1280, shared=True, prompt_cache=MIB, weights=MIB, total=MIB)
    monkeypatch.setattr(pool, "plan", lambda *_: small)

    async def use() -> int:
        async with engines.lease(model_of(tiny), tokens=500) as endpoint:
            return (await chat(endpoint, max_tokens=450, ignore_eos=True))["usage"]["completion_tokens"]

    async with engines_of(settings) as engines:
        assert await asyncio.gather(*(use() for _ in range(4))) == [450] * 4


async def test_a_waiter_that_leaves_frees_its_place(settings, tiny):
    async with engines_of(settings, engine_slots=1, queue_limit=1) as engines:
        async with engines.lease(model_of(tiny)):
            waiter = asyncio.create_task(leased_pid(engines, tiny))
            await eventually(lambda: engines.status()[0].waiting == 1)
            waiter.cancel()
            await asyncio.wait([waiter])
            assert engines.status()[0].waiting == 0
        assert await leased_pid(engines, tiny) > 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"", "not a GGUF file"),
        (lambda data: b"PK" + data[2:], "not a GGUF file"),
        (lambda data: data[:5000], "broken GGUF header"),
        (lambda data: data[:100_000], "corrupted or incomplete"),
    ],
    ids=["empty", "magic", "header", "weights"],
)
async def test_a_corrupt_file_is_a_model_error_with_the_reason(settings, tiny, tmp_path, damage, words):
    path = tmp_path / "bad.gguf"
    path.write_bytes(damage(tiny.read_bytes()))
    async with engines_of(settings) as engines:
        with pytest.raises(ModelErrorException, match=words):
            async with engines.lease(model_of(path)):
                pass
        assert engines.status()[0].state == "failed" and not children()


async def test_a_load_that_fails_is_not_tried_again_at_once_but_is_later(settings, fake, tiny, monkeypatch):
    starts = []
    start = engine_module.EngineProcess.start

    async def counted(*args):
        starts.append(time.monotonic())
        return await start(*args)

    monkeypatch.setattr(engine_module.EngineProcess, "start", counted)
    crashing = Path(fake("crash"))
    async with engines_of(settings, engine=str(crashing)) as engines:
        for _ in range(20):
            with pytest.raises(ModelErrorException, match="headache"):
                await leased_pid(engines, tiny)
        assert len(starts) == 1
        os.replace(fake("good"), crashing)
        await asyncio.sleep(1.05)
        async with engines.lease(model_of(tiny)):
            assert len(starts) == 2


async def test_a_background_load_that_fails_raises_nothing(settings, tmp_path):
    async with engines_of(settings) as engines:
        engines.load(model_of(tmp_path / "absent.gguf"))
        await eventually(lambda: engines.status()[0].state == "failed")
        engines.load(model_of(tmp_path / "absent.gguf"))


async def test_a_background_load_is_ready_before_the_first_lease(settings, tiny):
    async with engines_of(settings) as engines:
        engines.load(model_of(tiny))
        await eventually(lambda: engines.status()[0].state == "ready", 60)
        status = engines.status()[0]
        assert status.pid in children() and status.port > 0 and status.memory > MIB
        assert status.engine.startswith("wheel ")


async def test_too_little_memory_says_how_much_is_needed_and_free(settings, tiny, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 530 * MIB)
    async with engines_of(settings, memory_reserve_mib=512) as engines:
        with pytest.raises(ServiceUnavailableException, match=r"needs \d+ MiB and 18 MiB are free \(512 MiB"):
            await leased_pid(engines, tiny)
        monkeypatch.setattr(machine, "available_memory", lambda: 4096 * MIB)
        assert await leased_pid(engines, tiny) > 0, "no backoff: memory may be back at any time"


async def test_an_idle_engine_makes_room_and_a_busy_one_does_not(settings, tiny, tmp_path, monkeypatch):
    """Memory for about one engine: what the others hold is simulated from what really runs."""
    monkeypatch.setattr(machine, "available_memory", lambda: (150 - 100 * len(children())) * MIB)
    old, new = model_of(tiny, "test.old-v1"), model_of(tiny_gguf(tmp_path / "b.gguf", seed=1), "test.new-v1")
    async with engines_of(settings, memory_reserve_mib=0) as engines:
        async with engines.lease(old):
            with pytest.raises(ServiceUnavailableException):
                async with engines.lease(new):
                    pass
        async with engines.lease(new):
            assert {s.model: s.state for s in engines.status()} == {"test.old-v1": "cold", "test.new-v1": "ready"}
        assert len(children()) == 1


async def test_two_models_at_once_do_not_both_take_the_last_memory(settings, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: (150 - 100 * len(children())) * MIB)
    models = [model_of(tiny, "test.a-v1"), model_of(tiny_gguf(tmp_path / "b.gguf"), "test.b-v1")]
    most = 0

    async def use(model) -> None:
        nonlocal most
        async with engines.lease(model) as endpoint:
            most = max(most, len(children()))
            await chat(endpoint)

    async with engines_of(settings, memory_reserve_mib=0) as engines:
        results = await asyncio.gather(*(use(model) for model in models), return_exceptions=True)
        assert most == 1
        assert all(isinstance(r, ServiceUnavailableException) or r is None for r in results) and None in results


async def test_an_unused_engine_is_unloaded_and_comes_back(settings, tiny):
    async with engines_of(settings, idle_unload_s=0.3) as engines:
        async with engines.lease(model_of(tiny)):
            await asyncio.sleep(0.6)
            assert engines.status()[0].state == "ready", "a leased engine is not idle"
        first = engines.status()[0].pid
        await eventually(lambda: engines.status()[0].state == "cold" and not children())
        assert await leased_pid(engines, tiny) != first


async def test_a_lease_that_comes_while_an_engine_is_being_ended_waits_for_its_end(settings, tiny, monkeypatch):
    ended = asyncio.Event()
    stop = EngineProcess.stop

    async def slowly(process: EngineProcess) -> None:
        await stop(process)
        await asyncio.sleep(0.5)
        ended.set()

    monkeypatch.setattr(EngineProcess, "stop", slowly)
    async with engines_of(settings, idle_unload_s=0.1) as engines:
        first = await leased_pid(engines, tiny)
        await eventually(lambda: engines.status()[0].state == "cold" and not children())
        async with engines.lease(model_of(tiny)) as endpoint:
            assert ended.is_set(), "its memory was not free yet"
            assert engines.status()[0].pid != first
            await chat(endpoint)
            assert engines.status()[0].slots, "what it was given is known"


async def test_a_model_file_that_was_replaced_takes_over_while_the_old_one_drains(settings, tiny, tmp_path):
    other = model_of(tiny_gguf(tmp_path / "second.gguf", seed=7))
    async with engines_of(settings) as engines:
        async with engines.lease(model_of(tiny)) as old:
            async with engines.lease(other) as new:
                assert new.url != old.url
                await asyncio.gather(chat(old), chat(new))
            assert len(children()) == 2
        await eventually(lambda: len(children()) == 1)
        async with engines.lease(replace(other, name="only a new name")) as endpoint:
            assert endpoint.url == new.url


async def test_a_removed_model_lets_go(settings, tiny):
    async with engines_of(settings) as engines:
        async with engines.lease(model_of(tiny)) as endpoint:
            engines.unload(model_of(tiny).id)
            await chat(endpoint)
        await eventually(lambda: not children())
        engines.unload("test.never-there")


async def test_close_lets_running_requests_finish_and_takes_no_more(settings, tiny):
    engines = Engines(replace(settings, drain_s=60))
    async with AsyncExitStack() as held:
        endpoint = await held.enter_async_context(engines.lease(model_of(tiny)))
        closing = asyncio.create_task(engines.close())
        await asyncio.sleep(0.05)
        with pytest.raises(ServiceUnavailableException, match="shutting down"):
            await leased_pid(engines, tiny)
        await chat(endpoint)
        assert not closing.done()
    await asyncio.wait_for(closing, 20)
    assert not children()


async def test_close_waits_no_longer_than_it_may(settings, tiny):
    engines = Engines(replace(settings, drain_s=0.2))
    async with engines.lease(model_of(tiny)):
        await asyncio.wait_for(engines.close(), 20)
        assert not children()


async def test_close_in_the_middle_of_a_load(settings, fake, tiny):
    engines = Engines(replace(settings, engine=fake("never"), drain_s=0.1))
    waiter = asyncio.create_task(leased_pid(engines, tiny))
    await eventually(children)
    await asyncio.wait_for(engines.close(), 20)
    with pytest.raises(ModelNotReadyException):
        await waiter
    assert not children()


async def test_a_remote_model_needs_no_process(settings):
    model = replace(model_of(Path("x")), source="http://127.0.0.1:9/", kind="openai", key="k", served_name="m")
    async with engines_of(settings, engine_slots=1, queue_limit=1) as engines:
        engines.load(model)
        async with engines.lease(model) as endpoint, engines.lease(model):
            assert (endpoint.url, endpoint.key, endpoint.model) == ("http://127.0.0.1:9", "k", "m")
            with pytest.raises(ThrottlingException):
                async with engines.lease(model):
                    pass
        assert not children()


async def test_a_llama_server_takes_the_wheels_place(settings, fake, tiny):
    async with engines_of(settings, engine=fake()) as engines, engines.lease(model_of(tiny)):
        status = engines.status()[0]
        assert status.engine == f"llama-server {fake()}"
        assert "llama-server" in " ".join(psutil.Process(status.pid).cmdline())
    assert gone(status.pid)


async def test_a_built_engine_that_no_longer_starts_gives_way_to_the_wheel(settings, fake, tiny, caplog):
    adopt(settings.home, Choice("built here", fake("crash"), "", machine.fingerprint()))
    async with engines_of(settings, engine="auto") as engines, engines.lease(model_of(tiny)) as endpoint:
        assert (await chat(endpoint))["usage"]["completion_tokens"] == 4
        assert engines.status()[0].engine.startswith("wheel")
    assert "built here does not start" in caplog.text and "headache" in caplog.text


async def test_an_engine_that_was_named_is_never_replaced(settings, fake, tiny):
    async with engines_of(settings, engine=fake("crash")) as engines:
        with pytest.raises(ModelErrorException, match="headache"):
            async with engines.lease(model_of(tiny)):
                pass
