"""Runs customization jobs: one worker process each, as many at a time as there are slots, through every kind of end.

Knows nothing of how a model is trained. What a job is stands in the records, what it has done in its folder: a server
that starts again takes up every unfinished job where its folder says it was. Steps that a kill may cut short are
written so that doing them twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from ..config import Settings
from ..errors import ServiceError
from ..keys import Keys
from ..store.files import words
from ..store.objects import Objects
from ..store.resources import Resource, Resources
from . import JOB, state
from .data import DataError
from .distillation import Ask
from .folder import JobFolder
from .keeping import Deliver, JobFailed, Keeping, Serve
from .preparing import Preparing
from .process import Worker

COMMAND = (sys.executable, "-m", "outcrop.training.worker")
ATTEMPTS = 3
"""How often a worker that dies is started again; each goes on from the newest checkpoint."""
POLL_S = 0.3
"""How often a worker's reports are looked at."""
STOPPED = 3
"""The exit status of a worker that was asked to leave."""

log = logging.getLogger("outcrop.jobs")
T = TypeVar("T")


class JobStopped(Exception):
    """The worker left because it was asked to."""


class Jobs:
    """All jobs of a home. `begin` takes up what an earlier server left, `close` leaves the unfinished for the next."""

    def __init__(
        self, settings: Settings, resources: Resources, objects: Objects, command: Sequence[str] = COMMAND
    ) -> None:
        self._settings, self._resources, self._objects, self._command = settings, resources, objects, command
        self._slots = asyncio.Semaphore(settings.training_slots)
        self.creating = asyncio.Lock()
        """Held while names are checked and a job is made that takes them."""
        self._resuming = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Task[None]] = {}
        """What sees to it that a stopped job is called so, however its task ended."""
        self._workers: dict[str, Worker] = {}
        self._held: set[asyncio.Task[Any]] = set()
        """What goes on when who asked for it has left."""
        self._preparing = Preparing(settings, resources, objects)
        self._keeping = Keeping(settings, resources, objects)

    async def begin(
        self,
        ask: Ask | None = None,
        keys: Keys | None = None,
        deliver: Deliver | None = None,
        serve: Serve | None = None,
    ) -> None:
        """Take up unfinished jobs, the oldest first. `ask` answers for teachers, `keys` lets judges be asked; `deliver`
        and `serve` are for jobs with a fineTunedModel."""
        self._preparing.ask, self._preparing.keys = ask, keys
        self._keeping.deliver, self._keeping.serve = deliver, serve
        for job in reversed(await self._resources.list(JOB)):
            if job.body["status"] in state.UNFINISHED and not state.rests(job.body):
                self.submit(job.id)

    async def create(self, id: str, body: dict[str, Any], name: str, token: str | None) -> Resource:
        """Keep a new job, which then waits for its turn. ConflictException when its name is taken."""
        return await self._surely(self._create(id, body, name, token))

    async def _create(self, id: str, body: dict[str, Any], name: str, token: str | None) -> Resource:
        job = await self._resources.create(JOB, id, body, name=name, token=token)
        if job.id == id:  # else its token had made it before
            self.submit(id)
        return job

    def submit(self, id: str) -> None:
        """Run a job that stands in the records, when its turn comes."""
        task = self._tasks[id] = asyncio.create_task(self._run(id), name=f"job {id}")
        task.add_done_callback(lambda done: self._tasks.pop(id) if self._tasks.get(id) is done else None)

    async def stop(self, id: str) -> None:
        """Ask a job to stop; returns at once. One that has ended stays as it is, one that is trained is completed."""
        await self._surely(self._stop(id))

    async def _stop(self, id: str) -> None:
        if self.folder(id).result():
            return
        await self._resources.change(JOB, id, state.stopping)
        if id in self._ends:  # whoever asked first has let it go
            return
        if self._let_go(id):
            end = self._ends[id] = self._hold(self._end_stopped(id))
            end.add_done_callback(lambda _: self._ends.pop(id))
        else:  # it was paused
            await self._stopped(id)

    async def _end_stopped(self, id: str) -> None:
        """It may have been on its way out already, for a reason that is not its end."""
        if task := self._tasks.get(id):
            await asyncio.wait({task})
        await self._stopped(id)

    def _let_go(self, id: str) -> bool:
        """Ask the worker to leave, or take the job out of the queue; whether there was either."""
        if worker := self._workers.get(id):
            self._hold(worker.stop())
        elif task := self._tasks.get(id):
            if not self.folder(id).result() and not task.cancelling():  # else it is about to be completed, or to leave
                task.cancel()
        else:
            return False
        return True

    async def pause(self, id: str) -> None:
        """Ask a job to leave with a checkpoint and wait, without a slot, until it is resumed; returns at once."""
        await self._surely(self._pause(id))

    async def _pause(self, id: str) -> None:
        if self.folder(id).result():
            return
        await self._resources.change(JOB, id, state.paused)
        self._let_go(id)

    async def resume(self, id: str) -> None:
        """Let a paused job wait for its turn again. Of several callers at once one submits it."""
        await self._surely(self._resume(id))

    async def _resume(self, id: str) -> None:
        async with self._resuming:
            if not state.rests((await self._resources.get(JOB, id)).body):
                return
            await self.left(id)  # it may have been paused this very moment
            job = await self._resources.change(JOB, id, state.resumed)
            if job.body["status"] == "InProgress":  # nobody stopped it meanwhile
                self.submit(id)

    async def _surely(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work that is done to its end, whether or not who asked for it stays."""
        return await asyncio.shield(self._hold(work))

    def _hold(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._held.add(task)
        task.add_done_callback(self._held.discard)
        return task

    async def left(self, id: str, within_s: float | None = None) -> None:
        """Wait until nothing is done for a job any more, or so many seconds."""
        if tasks := {tasks[id] for tasks in (self._tasks, self._ends) if id in tasks}:
            await asyncio.wait(tasks, timeout=within_s)

    async def close(self) -> None:
        """End the workers, which write a checkpoint first; their jobs go on when a server begins again."""
        tasks = [*self._tasks.values(), *self._held]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def folder(self, id: str) -> JobFolder:
        return JobFolder(self._settings.home / "jobs" / id)

    async def _run(self, id: str) -> None:
        """One job from its turn to its end."""
        try:
            await self._check(id)
            async with self._slots:
                await self._carry_out(id)
        except (JobStopped, asyncio.CancelledError) as left:
            await self._stopped(id)
            if isinstance(left, asyncio.CancelledError):
                raise
        except (JobFailed, DataError, ServiceError, OSError) as error:
            await self._end(id, "Failed", failureMessage=words(error)[:2048])
        except Exception:
            log.exception("job %s failed", id)
            message = "The service met an unexpected condition; its log says more."
            await self._end(id, "Failed", failureMessage=message)

    async def _check(self, id: str) -> None:
        """Look at the data before the job's turn comes, where its record names the format."""
        job = await self._resources.get(JOB, id)
        if "format" in job.body and "checked" not in job.body and job.body["status"] != "Stopping":
            await self._preparing.check(job, self.folder(id))
            await self._resources.insist(JOB, id, state.checked)

    async def _carry_out(self, id: str) -> None:
        job, folder = await self._resources.get(JOB, id), self.folder(id)
        if folder.result() is None:
            if await self._is_leaving(id):
                raise JobStopped
            await self._preparing.prepare(job, folder)
            await self._work(id, folder)
        await self._end(id, "Completed", **await self._keeping.keep(job, folder))

    async def _stopped(self, id: str) -> None:
        """A worker left early: because its job was stopped, or because the server closes."""
        if self.folder(id).result() is None and (await self._resources.get(JOB, id)).body["status"] == "Stopping":
            await self._end(id, "Stopped")

    async def _end(self, id: str, status: str, **members: Any) -> None:
        await self._preparing.forget(id)
        await self._resources.insist(JOB, id, state.ended(status, **members))
        await asyncio.to_thread(self.folder(id).forget_checkpoints)
        log.info("job %s: %s %s", id, status, members.get("failureMessage", ""))

    # meanwhile: the worker ---------------------------------------------------------------------------------------

    async def _work(self, id: str, folder: JobFolder) -> None:
        """Run the worker until it is done; start it again when it dies."""
        code = 0
        for _ in range(ATTEMPTS):
            folder.forget_failure()
            code = await self._worked(id, folder)
            if folder.result():  # the last that it writes, however it ended
                return
            if code == STOPPED or await self._is_leaving(id):
                raise JobStopped
            if message := folder.failure():
                raise JobFailed(message)
            log.warning("the worker of job %s ended with status %s", id, code)
        raise JobFailed(
            f"The training process died {ATTEMPTS} times, the last time with status {code}. {folder.last_words()}"
        )

    async def _is_leaving(self, id: str) -> bool:
        """Whether its leave was asked for: one that did not go in time was killed, and is not started again."""
        body = (await self._resources.get(JOB, id)).body
        return body["status"] != "InProgress" or state.rests(body)

    async def _worked(self, id: str, folder: JobFolder) -> int:
        """One life of a worker: its exit status."""
        worker = self._workers[id] = await Worker.start(self._command, folder)
        watching = asyncio.create_task(self._watch(id, folder))
        try:
            return await worker.wait()
        finally:
            watching.cancel()
            await worker.stop()
            del self._workers[id]
            await asyncio.wait({watching})  # awaited itself, it would hide that this task is to end
            if not watching.cancelled() and (error := watching.exception()):
                log.warning("the reports of job %s were not followed to their end: %s", id, error)
            await self._note(id, folder, 0)

    async def _watch(self, id: str, folder: JobFolder) -> None:
        place = 0
        while True:
            place = await self._note(id, folder, place)
            await asyncio.sleep(POLL_S)

    async def _note(self, id: str, folder: JobFolder, place: int) -> int:
        """Keep the phases that were reported past this place of the reports; where to go on."""
        events, end = await asyncio.to_thread(folder.events_from, place)
        for event in events:
            if "phase" in event:
                await self._resources.insist(JOB, id, state.phase(event["phase"], event["status"]))
        return end
