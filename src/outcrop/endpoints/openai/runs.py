"""Responses that are answered in the background: tasks of this process, which their callers may leave and find again.

A run belongs to the process that began it. Its record says which (`runner`) and that it still lives (`beat`): what a
process that is gone left unfinished has failed, and says so. Knows nothing of HTTP or of what is asked.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import psutil

from ...call import Call
from ...dialects.openai_events import OVER, Event, Events
from ...errors import InternalServerException, ResourceNotFoundException, ServiceError
from ...turn import Delta
from . import stored

BEAT_S = 5.0
"""Seconds between two signs of life of a run, and between two looks for whether another process cancelled it."""
DEAD_S = 20.0
"""Seconds without a sign of life after which a run of another machine counts as lost."""

RUNNING = ("queued", "in_progress")
LOST = {"code": "server_error", "message": "The server stopped before this response was complete."}

log = logging.getLogger("outcrop.openai")


@dataclass(slots=True)
class Run:
    """One answer under way: its events so far, and a bell that rings at each new one."""

    events: Events
    task: asyncio.Task[None] | None = None
    log: list[Event] = field(default_factory=list)
    done: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        return self.events.response["id"]

    def add(self, events: list[Event], done: bool = False) -> None:
        self.log += events
        self.done = done
        bell, self.bell = self.bell, asyncio.Event()
        bell.set()


class Runs:
    """The runs of this process, by the ids of their responses."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        me = psutil.Process()
        self._runner = {"host": socket.gethostname(), "pid": me.pid, "started": me.create_time()}

    async def start(
        self, call: Call, items: stored.Items, deltas: AsyncGenerator[Delta, None], events: Events
    ) -> dict[str, Any]:
        """Keep a response as queued and answer it in a task; returns it as it is then. `call` is the run's own."""
        id = events.response["id"]
        run = self._runs[id] = Run(events)
        run.add(events.queued())
        queued = run.log[0]["response"]
        try:
            await stored.keep(call, stored.record(queued, items, runner=self._runner, beat=time.time()))
        except BaseException:  # also where the caller left: whoever asks for the record then learns that it is lost
            del self._runs[id]
            raise
        run.task = asyncio.create_task(self._answer(call, run, deltas))
        return queued

    async def follow(self, id: str, after: int = -1) -> AsyncGenerator[Event, None]:
        """The events of a run whose sequence number is greater than `after`, up to its end; none where it is not run
        here. Whoever leaves does not end it."""
        run = self._runs.get(id)
        place = 0
        while run is not None:
            bell, done = run.bell, run.done
            for event in run.log[place:]:
                place += 1
                if event["sequence_number"] > after:
                    yield event
            if done:
                return
            await bell.wait()

    def has(self, id: str) -> bool:
        return id in self._runs

    def stop(self, id: str) -> None:
        """End a run of this process; its record is somebody else's to write."""
        run = self._runs.get(id)
        if run is not None and run.task is not None:
            run.task.cancel()

    async def found(self, call: Call, id: str) -> stored.Record:
        """A record as it is now: a run whose process is gone has failed."""
        kept = await stored.found(call, id)
        if kept["response"]["status"] not in RUNNING:
            return kept
        if (run := self._runs.get(id)) is not None:
            return {**kept, "response": _under_way(run.events.response)}
        return await stored.change(call, id, _failed) if self._lost(kept) else kept

    def _lost(self, kept: stored.Record) -> bool:
        """Whether nobody answers any more what is not run here."""
        runner = kept.get("runner") or {}
        if runner == self._runner:
            return True
        if runner.get("host") == self._runner["host"]:
            return not _lives(runner)
        return time.time() - kept.get("beat", 0) > DEAD_S

    async def _answer(self, call: Call, run: Run, deltas: AsyncGenerator[Delta, None]) -> None:
        telemetry, error = call.services.telemetry, None
        telemetry.begin(call)
        beat = asyncio.create_task(self._beat(call, run))
        try:
            error = await self._read(call, run, deltas)
        except asyncio.CancelledError as cancelled:
            error = cancelled
            raise
        finally:
            beat.cancel()
            telemetry.finish(call, 200, error)
            _record(call, run, error)
            run.add([], done=True)
            self._runs.pop(run.id, None)

    async def _read(self, call: Call, run: Run, deltas: AsyncGenerator[Delta, None]) -> BaseException | None:
        """Read the answer to its end, whatever end that is, keep it, and only then tell that it is there; returns what
        broke it."""
        broken: BaseException | None = None
        last: list[Event] = []
        try:
            async with aclosing(deltas):
                async for delta in deltas:
                    events = run.events.read(delta)
                    if events and events[-1]["type"] in OVER:
                        last = events
                    else:
                        run.add(events)
        except ServiceError as error:
            broken = error
            last = run.events.failed(error)
        except Exception as error:
            log.exception("response %s (request %s) failed", run.id, call.request_id)
            broken = error
            last = run.events.failed(InternalServerException("The service met an unexpected condition."))
        await _finish(call, run, last)
        return broken

    async def _beat(self, call: Call, run: Run) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                kept = await stored.change(call, run.id, lambda kept: _alive(kept, run.events.response))
            except ResourceNotFoundException:
                return self.stop(run.id)
            except ServiceError as error:
                log.warning("response %s: no sign of life could be given: %s", run.id, error.message)
                continue
            if kept["response"]["status"] == "cancelled":
                return self.stop(run.id)


def _record(call: Call, run: Run, error: BaseException | None) -> None:
    """Write the answer to the invocation log; what was asked its request has noted."""
    if call.services.invocation_log.enabled:
        call.note["outputBody"] = run.events.response
        call.services.invocation_log.record(call, error)


def _alive(kept: stored.Record, response: dict[str, Any]) -> stored.Record:
    """The record of a run with a new sign of life and what it has said so far."""
    if not {kept["response"]["status"], response["status"]} <= set(RUNNING):
        return kept
    return {**kept, "response": response, "beat": time.time()}


def _under_way(response: dict[str, Any]) -> dict[str, Any]:
    """A response of which the record says that it is not over: it may be, and about to be kept."""
    return response if response["status"] in RUNNING else response | {"status": "in_progress"}


async def _finish(call: Call, run: Run, last: list[Event]) -> None:
    """Keep the end of a run and tell it by its last events, unless it was cancelled or deleted meanwhile."""

    def edit(kept: stored.Record) -> stored.Record:
        if kept["response"]["status"] not in RUNNING:
            return kept
        return {"response": run.events.response, "input": kept["input"], "events": run.log + last}

    try:
        kept = await stored.change(call, run.id, edit)
    except ResourceNotFoundException:
        return
    except ServiceError as error:
        log.error("response %s is lost: %s", run.id, error.message)
        last = [*last[:-1], run.events.unkept(last[-1], error)]
    else:
        if kept["response"] is not run.events.response:
            return
    run.add(last)


def cancelled(kept: stored.Record) -> stored.Record:
    """The record of a run that its caller ended; one that is over stays as it is."""
    if kept["response"]["status"] not in RUNNING:
        return kept
    return {"response": kept["response"] | {"status": "cancelled"}, "input": kept["input"]}


def _failed(kept: stored.Record) -> stored.Record:
    if kept["response"]["status"] not in RUNNING:
        return kept
    return {"response": kept["response"] | {"status": "failed", "error": LOST}, "input": kept["input"]}


def _lives(runner: dict[str, Any]) -> bool:
    """Whether the process that a record names is still the one of that number."""
    try:
        return abs(psutil.Process(runner["pid"]).create_time() - runner["started"]) < 1
    except (psutil.Error, KeyError, TypeError):
        return False
