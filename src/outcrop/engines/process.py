"""A supervised child process that serves HTTP: started, waited for, watched and ended.

Knows nothing of models or queues: a command, a line for its stdin, a line from its stdout, then /health.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from ..errors import ServiceError
from .endpoint import KINDS, Endpoint
from .post import Client

TAIL = 16384
"""Bytes of stderr kept for the error message."""
POLL_S = 0.01
HEALTH_S = 5.0
STOP_S = 5.0
SETTLE_S = 0.2
ROOT = Path(__file__).parents[2]


class EngineFailed(Exception):
    """An engine that did not start or did not stay; the message is for the person who runs the service."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log
        """All that the engine said."""


class EngineProcess:
    """One running child. Made by `start`; `exited` is done once it is gone and reaped."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        self.address = ""
        self.pid = child.pid
        """The process that does the work: the child, or the binary that it keeps."""
        self.stderr = b""
        self.exited = asyncio.create_task(self._watch())

    @classmethod
    async def start(
        cls, command: Sequence[str], line: bytes, deadline_s: float, on_exit: Callable[[EngineProcess], None]
    ) -> EngineProcess:
        """Start `command` and return once it is healthy, or raise EngineFailed; a cancelled start leaves nothing."""
        engine = await cls._spawned(command)
        try:
            async with asyncio.timeout(deadline_s):
                await engine._become_ready(line)
        except TimeoutError:
            await engine.stop()
            raise EngineFailed(f"it was not ready after {deadline_s:g} s. {engine.words()}".strip()) from None
        except BaseException:
            await engine.stop()
            raise
        engine.exited.add_done_callback(lambda _: on_exit(engine))
        return engine

    @classmethod
    async def _spawned(cls, command: Sequence[str]) -> EngineProcess:
        """Spawn to the end even when cancelled: a loop may lose a child that was just being made (uvloop does)."""
        spawning = asyncio.ensure_future(_spawn(command))
        try:
            return cls(await asyncio.shield(spawning))
        except asyncio.CancelledError:
            await cls(await spawning).stop()
            raise

    @property
    def running(self) -> bool:
        return not self.exited.done() and not _ended(self.child.pid)

    async def settle(self) -> None:
        """After a broken call: give a death the moment it takes to be noticed, so that the next call meets it."""
        await asyncio.wait([self.exited], timeout=SETTLE_S)

    def words(self) -> str:
        """What the engine itself said last, in a line: its errors where it marked any."""
        lines = [line for line in self.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        marked = [m[1] for line in lines if (m := re.match(r"[\d.]+ E (.*)", line))]
        causes = [line for line in marked if "error loading" in line or "rror:" in line]
        return " ".join((causes[:1] or marked[:1] or lines[-1:] or [""])[0].split())[:500]

    def death(self) -> str:
        """How it ended, in words. A keeper passes a signal on as a shell does: 128 and its number."""
        code = self.child.returncode or 0
        number = -code if code < 0 else code - 128
        killed = number in set(signal.Signals)
        how = f"was killed by {signal.Signals(number).name}" if killed else f"ended with status {code}"
        return f"it {how}. {self.words()}".strip()

    async def stop(self) -> None:
        """End it: politely, then not. Returns when it is gone and reaped."""
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self.exited], timeout=STOP_S)
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait([self.exited])

    def _signal(self, number: int) -> None:
        """Not by child.send_signal: that polls, and reaps the child behind the event loop's back."""
        if self.running:
            os.kill(self.child.pid, number)

    async def _become_ready(self, line: bytes) -> None:
        assert self.child.stdin and self.child.stdout
        try:
            self.child.stdin.write(line)
            await self.child.stdin.drain()
            answer = orjson.loads(await self.child.stdout.readline())
            self.address, self.pid = answer["address"], answer["pid"]
        except (OSError, ValueError, KeyError, TypeError):
            raise await self._failed() from None
        await self._become_healthy()

    async def _become_healthy(self) -> None:
        async with Client(HEALTH_S) as http:
            while self.running:
                if await _healthy(http, self.address):
                    return
                await asyncio.sleep(POLL_S)
        raise await self._failed()

    async def _failed(self) -> EngineFailed:
        await asyncio.wait([self.exited], timeout=STOP_S)
        return EngineFailed(self.death(), self.stderr.decode("utf-8", "replace"))

    async def _watch(self) -> int:
        """Reap, then give stderr a moment to end: a grandchild that holds it open must not hide the exit."""
        drain = asyncio.create_task(self._drain())
        code = await self.child.wait()
        await asyncio.wait([drain], timeout=0.5)
        drain.cancel()
        return code

    async def _drain(self) -> None:
        assert self.child.stderr
        while chunk := await self.child.stderr.read(4096):
            self.stderr = (self.stderr + chunk)[-TAIL:]


async def _spawn(command: Sequence[str]) -> asyncio.subprocess.Process:
    """A session of its own, so that Ctrl-C at the terminal reaches the service first and running answers can finish."""
    pipe = asyncio.subprocess.PIPE
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": path}
    return await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, env=environment
    )


def _ended(pid: int) -> bool:
    """Ask the kernel, without reaping: the event loop learns of a death some milliseconds later than a client does."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


async def _healthy(http: Client, address: str) -> bool:
    try:
        await http.get(Endpoint(address, KINDS["llama"]), "/health")
    except ServiceError:
        return False
    return True
