"""The child process: what ends it, what it says when it fails, and that nothing is ever left behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import aiohttp
import psutil
import pytest
import uvloop

from outcrop.engines import process
from outcrop.engines.llama import Options
from outcrop.engines.process import EngineFailed, EngineProcess
from tests.llama_child import RUNNING

from .conftest import gone

COMMAND = [sys.executable, "-m", "outcrop.engines.llama"]


BOTH_LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
"""Loops make, watch and reap children in ways of their own."""


def options(path, **changes) -> Options:
    values = {
        "model": str(path), "key": "s3cret", "context": 512, "slots": 2, "pool": 1024,
        "shared": False, "threads": 1, "prompt_cache_mib": 1,
    }  # fmt: skip
    return Options(**{**values, **changes})


async def started(path, deadline_s: float = 30, **changes) -> EngineProcess:
    return await EngineProcess.start(COMMAND, options(path, **changes).line(), deadline_s, lambda _: None)


async def eventually(check, within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < end, "did not happen in time"
        await asyncio.sleep(0.02)


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True) if child.pid not in RUNNING]


async def test_it_serves_and_ends(tiny):
    engine = await started(tiny)
    async with aiohttp.ClientSession() as http, http.get(f"{engine.address}/health") as answer:
        assert answer.status == 200
    await engine.stop()
    assert gone(engine.pid) and not engine.running
    assert not children()


async def test_without_the_key_only_health_answers(tiny):
    engine = await started(tiny)
    try:
        async with aiohttp.ClientSession() as http:
            for path in ("/v1/chat/completions", "/slots", "/metrics", "/props", "/tokenize", "/lora-adapters"):
                answers = await http.get(engine.address + path), await http.post(engine.address + path, json={})
                assert {answer.status for answer in answers} == {401}, path
    finally:
        await engine.stop()


@pytest.mark.parametrize("binary", [None, "good"])
async def test_the_key_is_on_no_command_line(tiny, fake, binary):
    engine = await started(tiny, binary=fake(binary) if binary else "")
    try:
        lines = [" ".join(psutil.Process(pid).cmdline()) for pid in children()]
        assert lines and not any("s3cret" in line for line in lines)
    finally:
        await engine.stop()


async def test_it_listens_on_loopback_only(tiny):
    engine = await started(tiny)
    try:
        listening = [c.laddr.ip for c in psutil.Process(engine.pid).net_connections() if c.status == "LISTEN"]
        assert listening == ["127.0.0.1"]
    finally:
        await engine.stop()


PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.engines.test_process import started
async def main():
    engine = await started(Path(sys.argv[1]), binary=sys.argv[2])
    print(engine.pid, engine.child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("binary", [None, "good", "stubborn"])
def test_a_service_killed_without_warning_takes_its_engine_along(tiny, fake, binary, request):
    script = PARENT.format(root=str(request.config.rootpath))
    command = [sys.executable, "-c", script, str(tiny), fake(binary) if binary else ""]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    asyncio.run(eventually(lambda: all(gone(pid) for pid in pids)))


@pytest.mark.parametrize("binary", [None, "good"])
async def test_the_end_of_stdin_ends_it_where_the_kernel_ties_nothing(tiny, fake, binary):
    engine = await started(tiny, binary=fake(binary) if binary else "")
    assert engine.child.stdin
    engine.child.stdin.close()
    await eventually(lambda: not engine.running and gone(engine.pid))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a grandchild to its parent")
async def test_a_binary_does_not_outlive_its_keeper(tiny, fake):
    engine = await started(tiny, binary=fake())
    os.kill(engine.child.pid, signal.SIGKILL)
    await eventually(lambda: gone(engine.pid))
    await engine.stop()


async def test_a_keeper_ends_with_its_binary(tiny, fake):
    engine = await started(tiny, binary=fake())
    os.kill(engine.pid, signal.SIGSEGV)
    await asyncio.wait_for(asyncio.wait([engine.exited]), 20)
    assert not engine.running and not children()


async def test_one_that_ignores_a_polite_end_is_killed(tiny, fake, monkeypatch):
    engine = await started(tiny, binary=fake("stubborn"))
    monkeypatch.setattr(process, "STOP_S", 600)  # by its keeper, not when our patience ends
    await asyncio.wait_for(engine.stop(), 20)
    assert gone(engine.pid)


async def test_one_that_never_gets_healthy_is_given_up_and_ended(tiny, fake):
    with pytest.raises(EngineFailed, match="not ready after 1 s"):
        await started(tiny, deadline_s=1, binary=fake("never"))
    assert not children()


async def test_its_own_words_are_in_the_error(tiny, fake):
    with pytest.raises(EngineFailed, match=r"ended with status 3.*headache"):
        await started(tiny, binary=fake("crash"))


async def test_a_missing_binary_is_named(tiny):
    with pytest.raises(EngineFailed, match="/no/such/llama-server"):
        await started(tiny, binary="/no/such/llama-server")


async def test_a_broken_model_is_told_in_the_engines_words(tiny, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:100_000])
    with pytest.raises(EngineFailed, match="corrupted or incomplete"):
        await started(cut)
    assert not children()


@pytest.mark.parametrize("say", ["", "print('not json')", "print('[]')", "import sys; sys.stdin.close()"])
async def test_a_child_that_talks_nonsense_fails_the_start(say, monkeypatch):
    monkeypatch.setattr(process, "STOP_S", 0.3)
    command = [sys.executable, "-c", say or "pass"]
    with pytest.raises(EngineFailed):
        await EngineProcess.start(command, b"{}\n" * 50_000, 5, lambda _: None)
    assert not children()


@BOTH_LOOPS
@pytest.mark.parametrize("wait_s", [0.0, 0.003, 0.01, 0.1, 0.4])
def test_a_cancelled_start_leaves_nothing(tiny, fake, run, wait_s):
    async def cancel_soon() -> None:
        task = asyncio.create_task(started(tiny, binary=fake("never")))
        await asyncio.sleep(wait_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not children()

    run(cancel_soon())


@BOTH_LOOPS
def test_a_death_is_reported_once_with_its_cause(tiny, run):
    async def kill() -> None:
        deaths = []
        engine = await EngineProcess.start(COMMAND, options(tiny).line(), 30, deaths.append)
        os.kill(engine.pid, signal.SIGKILL)
        await eventually(lambda: deaths)
        assert deaths == [engine] and "SIGKILL" in engine.death()
        await engine.stop()
        assert len(deaths) == 1 and not children()

    run(kill())


@BOTH_LOOPS
def test_a_polite_end_and_a_rude_one_leave_nothing(tiny, fake, run, monkeypatch):
    async def end() -> None:
        for binary in ("", fake("stubborn")):
            engine = await started(tiny, binary=binary)
            with monkeypatch.context() as patch:
                patch.setattr(process, "STOP_S", 600)
                await asyncio.wait_for(engine.stop(), 20)
            assert not engine.running and not children()

    run(end())


async def test_a_llama_server_is_told_everything_but_the_key(tiny, fake):
    engine = await started(tiny, binary=fake(), loras=("a.gguf", "b.gguf"), pooling=4)
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{engine.address}/health") as answer:
            heard = json.loads(await answer.text())
        assert heard["key"] == "s3cret"
        line = " ".join(heard["argv"])
        for words in (f"--model {tiny}", "--ctx-size 1024", "--lora a.gguf --lora b.gguf", "--pooling rank", "--jinja"):
            assert words in line
    finally:
        await engine.stop()
