"""Asynchronous invocations: done in the background, their answers put into object storage, through any restart.

Knows nothing of models and bodies: `begin` is given the function that answers one. An invocation is a resource; its
input, which may be large, is another one until the invocation has ended. A server that starts again does the
unfinished ones again: an answer is written whole or not at all, so that doing one twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson

from .errors import (
    ModelNotReadyException,
    ResourceNotFoundException,
    ServiceError,
    ServiceUnavailableException,
    ThrottlingException,
)
from .store.objects import Objects
from .store.resources import Resource, Resources

INVOCATION, INPUT = "async-invoke", "async-invoke-input"
"""Kinds of resources."""

AT_ONCE = 4
"""How many run at a time; the others wait their turn."""
BUSY = (ThrottlingException, ModelNotReadyException, ServiceUnavailableException)
PAUSES_S = (1, 2, 5, 10, 20, 30, 60, 60, 60, 60)
"""What may pass, and how long to wait before each further try."""
MESSAGE_LIMIT = 2048
"""Characters of a failureMessage."""
STRAY_S = 3600
"""Age of an input without an invocation at which whoever was to make one must have died."""

IN_PROGRESS, COMPLETED, FAILED = "InProgress", "Completed", "Failed"

Answer = Callable[[Resource, bytes], Awaitable[bytes]]
"""An invocation and its input -> its output. Raises ServiceError."""

log = logging.getLogger("outcrop.asynchronous")


def over(body: dict[str, Any]) -> bool:
    """Whether an invocation has ended."""
    return body["status"] != IN_PROGRESS


class AsyncInvokes:
    """All asynchronous invocations of a home. `begin` takes up what an earlier server left, `close` leaves the
    unfinished for the next."""

    def __init__(self, resources: Resources, objects: Objects, at_once: int = AT_ONCE) -> None:
        self._resources, self._objects = resources, objects
        self._slots = asyncio.Semaphore(at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beginning: set[asyncio.Task[Resource]] = set()
        self._answer: Answer | None = None

    async def begin(self, answer: Answer) -> None:
        """From now on invocations are done; the oldest first."""
        self._answer = answer
        unfinished = [one for one in await self._resources.list(INVOCATION) if one.body["status"] == IN_PROGRESS]
        for invocation in reversed(unfinished):
            self._submit(invocation.id)
        await self._sweep({invocation.id for invocation in unfinished})

    async def start(self, id: str, body: dict[str, Any], model_input: Any, token: str | None) -> Resource:
        """Keep a new invocation and do it; or return the one that `token` made before.

        `body` has `output`, the URL that the answer will have. A caller who leaves meanwhile changes nothing: what is
        kept is done.
        """
        task = asyncio.create_task(self._keep(id, body, model_input, token), name=f"async-invoke {id} begins")
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return await asyncio.shield(task)

    async def _keep(self, id: str, body: dict[str, Any], model_input: Any, token: str | None) -> Resource:
        await self._resources.create(INPUT, id, {"modelInput": model_input})
        made = await self._resources.create(INVOCATION, id, {**body, "status": IN_PROGRESS}, token=token)
        if made.id == id:
            self._submit(id)
        else:
            await self._resources.delete(INPUT, id)
        return made

    async def close(self) -> None:
        """Stop; nothing that is under way is lost."""
        await asyncio.gather(*self._beginning, return_exceptions=True)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _submit(self, id: str) -> None:
        if id not in self._tasks:
            task = self._tasks[id] = asyncio.create_task(self._run(id), name=f"async-invoke {id}")
            task.add_done_callback(lambda _: self._tasks.pop(id, None))

    async def _run(self, id: str) -> None:
        try:
            async with self._slots:
                await self._finish(id, await self._outcome(id))
        except ServiceError as error:  # the records are out of reach: it is done again when they are back
            log.error("asynchronous invocation %s is left for the next start: %s", id, error.message)

    async def _outcome(self, id: str) -> dict[str, Any]:
        """Do it, and what the record says afterwards."""
        invocation = await self._resources.get(INVOCATION, id)
        try:
            await self._do(invocation)
        except ServiceError as error:
            return {"status": FAILED, "failureMessage": error.message[:MESSAGE_LIMIT]}
        except Exception:
            log.exception("asynchronous invocation %s failed", id)
            return {"status": FAILED, "failureMessage": "An internal error occurred."}
        return {"status": COMPLETED}

    async def _do(self, invocation: Resource) -> None:
        kept = await self._resources.get(INPUT, invocation.id)
        output = await self._patiently(invocation, orjson.dumps(kept.body["modelInput"]))
        await self._objects.put(invocation.body["output"], output)

    async def _patiently(self, invocation: Resource, model_input: bytes) -> bytes:
        """The answer, waited for where the model is busy or still loading."""
        assert self._answer is not None
        for pause in PAUSES_S:
            try:
                return await self._answer(invocation, model_input)
            except BUSY as error:
                log.info("asynchronous invocation %s waits %s s: %s", invocation.id, pause, error.message)
                await asyncio.sleep(pause)
        return await self._answer(invocation, model_input)

    async def _finish(self, id: str, outcome: dict[str, Any]) -> None:
        await self._resources.change(INVOCATION, id, lambda body: {**body, **outcome, "endTime": time.time()})
        await self._forget(id)

    async def _sweep(self, unfinished: set[str]) -> None:
        """Drop inputs that a killed server left behind."""
        long_ago = (time.time() - STRAY_S) * 1000
        for stray in await self._resources.list(INPUT):
            if stray.id not in unfinished and stray.created < long_ago:
                await self._forget(stray.id)

    async def _forget(self, id: str) -> None:
        with suppress(ResourceNotFoundException):
            await self._resources.delete(INPUT, id)
