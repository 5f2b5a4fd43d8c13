"""All engines of this service: who runs, who may load, who has to make room.

Knows engines by their life (engine.py) and remote servers by their address; knows nothing of HTTP bodies.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from ..catalog import Model
from ..config import Settings
from ..errors import (
    ModelErrorException,
    ModelNotReadyException,
    ModelStreamErrorException,
    ServiceUnavailableException,
)
from . import machine
from .endpoint import KINDS, Endpoint
from .engine import Engine
from .gguf_info import GgufInfo
from .plan import MIB, Plan, plan
from .turnstile import Turnstile

BROKEN = (OSError, ModelErrorException, ModelStreamErrorException)
"""What a request on a dying engine ends with."""

GATHER_S = 0.05
"""How long an engine that takes the place of another, for one more adapter, waits for adapters that come with it."""

log = logging.getLogger("outcrop.engines")


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One row of `outcrop status`."""

    model: str
    state: str
    """cold, loading, ready, failed, or remote."""
    engine: str
    """What runs it: "wheel 2026.10.11549", "built ... (clang 16, avx2)", or the remote address."""
    pid: int
    port: int
    memory: int
    """Resident bytes."""
    slots: int
    active: int
    waiting: int
    idle_s: float
    """Seconds since it was last used."""


class Engines:
    """Engines by model id. Lives on one event loop; `close` ends every process it started.

    Models that are adapters over one base share its engine. Where the running process lacks one, a successor with the
    longer list is started beside it and takes over once it is ready; what runs on the first ends there, and then it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engines: dict[str, Engine] = {}
        self._successors: dict[str, Engine] = {}
        self._adapters: dict[str, dict[str, None]] = {}
        """By engine, the adapters that its next start brings, in the order in which they were wanted first."""
        self._reserved: dict[str, dict[str, int]] = {}
        """By engine, the slots that names have reserved."""
        self._own: dict[str, Turnstile] = {}
        """The queues of names that have reserved."""
        self._remote: dict[str, Turnstile] = {}
        self._retired: dict[asyncio.Task[None], Engine] = {}
        self._admission = asyncio.Lock()
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def lease(self, model: Model, *, slot: bool = True, tokens: int = 0) -> AsyncIterator[Endpoint]:
        """A server ready to answer for `model`, for as long as the block runs.

        `slot=False` is for calls that generate nothing (counting tokens): they keep the engine but wait for no turn.
        `tokens` is what prompt and answer may come to (a guess is fine): where slots share their cache, so many run
        together as fit, for a cache that overflows fails every request in it.
        Raises ThrottlingException (queue full), ModelNotReadyException (still loading after settings.load_wait_s),
        ServiceUnavailableException (no memory, closing), ModelErrorException (cannot load).
        """
        self._refuse_when_closed()
        if is_remote(model):
            async with self._remote_turnstile(model).place():
                yield Endpoint(model.source.rstrip("/"), KINDS[model.kind], model.served_name, model.key)
            return
        async with self._own_turn(model, slot):
            engine = await self._engine_for(model)
            async with engine.turnstile.place(model.reserved > 0):
                try:
                    async with self._turn(engine, model, slot, tokens) as endpoint:
                        yield endpoint
                except BROKEN:
                    await engine.settle()
                    raise
                finally:
                    engine.last_used = time.monotonic()

    def load(self, model: Model) -> None:
        """Begin loading `model` in the background; failures are logged and met again by the next lease."""
        self._refuse_when_closed()
        self.expect(model)
        if not is_remote(model) and self._engine(model).state != "ready":
            with suppress(ModelErrorException):
                self._engine(model).load()

    def unload(self, model_id: str) -> None:
        """Let go of a model that was removed: its running requests finish, then its engine ends."""
        for engines in (self._engines, self._successors):
            if engine := engines.pop(model_id, None):
                self._retire(engine)

    def expect(self, model: Model) -> None:
        """Let the next start of the engine of `model` bring its adapter, and keep the slots that it has reserved."""
        if model.adapter:
            self._adapters.setdefault(model.engine, {})[model.adapter] = None
        if model.reserved:
            self._reserved.setdefault(model.engine, {})[model.id] = model.reserved
            self._keep_reserved(model.engine)

    def unreserve(self, model: Model) -> None:
        """The slots that a name had reserved are everybody's again."""
        self._reserved.get(model.engine, {}).pop(model.id, None)
        self._own.pop(model.id, None)
        self._keep_reserved(model.engine)

    def _keep_reserved(self, key: str) -> None:
        for engines in (self._engines, self._successors):
            if engine := engines.get(key):
                engine.turnstile.reserved = sum(self._reserved.get(key, {}).values())

    def release(self, model: Model) -> None:
        """The adapter of `model` is not wanted any more: the next start of its engine leaves it out."""
        if model.adapter:
            self._adapters.get(model.engine, {}).pop(model.adapter, None)

    def status(self) -> list[EngineStatus]:
        return [_status(engine) for engine in self._all()]

    async def close(self) -> None:
        """Take no more leases, let the running ones finish for settings.drain_s, then end every process."""
        self._closed = True
        if self._sweeper:
            self._sweeper.cancel()
        waits = [asyncio.create_task(engine.turnstile.empty.wait()) for engine in self._all()]
        if waits:
            _, late = await asyncio.wait(waits, timeout=self.settings.drain_s)
            for wait in late:
                wait.cancel()
        await asyncio.gather(*(engine.stop() for engine in self._all()))

    @asynccontextmanager
    async def _own_turn(self, model: Model, slot: bool) -> AsyncIterator[None]:
        """Where a name has reserved slots, its requests wait for one another before they come to the engine."""
        if not model.reserved or not slot:
            yield
            return
        own = self._own.get(model.id)
        if own is None or own.slots != model.reserved:
            own = self._own[model.id] = Turnstile(model.reserved, self.settings.queue_limit)
        async with own.place(), own.turn():
            yield

    @asynccontextmanager
    async def _turn(self, engine: Engine, model: Model, slot: bool, tokens: int) -> AsyncIterator[Endpoint]:
        """Load first, then queue: a model that cannot load fails everybody at once, not one after the other."""
        endpoint = await engine.endpoint(model.adapter)
        if not slot:
            yield endpoint
            return
        async with engine.turnstile.turn(engine.share(tokens), model.reserved > 0):
            yield await engine.endpoint(model.adapter)  # it may have died while we waited

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise ServiceUnavailableException("The service is shutting down.")

    async def _engine_for(self, model: Model) -> Engine:
        """The engine that has the model's adapter or will have it. Nobody else waits while a successor loads."""
        self.expect(model)
        until = time.monotonic() + self.settings.load_wait_s
        while not (engine := self._engine(model)).takes(model.adapter):
            self._refuse_when_closed()
            successor = self._successor(engine)
            if successor.takes(model.adapter):
                return successor
            await successor.settled(until - time.monotonic())  # it began without this adapter; the next one has it
            if time.monotonic() >= until:
                raise ModelNotReadyException(f"The model {model.id} is still loading. Try again in a few seconds.")
        return engine

    def _engine(self, model: Model) -> Engine:
        """The engine of `model`. Where the model's files changed a new one takes over while the old one drains."""
        key = model.engine
        engine = self._engines.get(key)
        if engine and not engine.serves(model):
            self.unload(key)
            engine = None
        if engine is None:
            self._engines[key] = self._new_engine(_alone(model))
            self._start_sweeping()
        elif key in self._successors and engine.state in ("cold", "failed"):
            self._succeed(self._successors[key])
        engine = self._engines[key]
        engine.model = _alone(model)
        return engine

    def _new_engine(self, model: Model, gather_s: float = 0.0) -> Engine:
        engine = Engine(model, self.settings, self._admit, partial(self._wished, model.id), gather_s, self._succeed)
        engine.turnstile.reserved = sum(self._reserved.get(model.id, {}).values())
        return engine

    def _wished(self, key: str) -> list[str]:
        return [*self._adapters.get(key, ())]

    def _successor(self, engine: Engine) -> Engine:
        """The engine that will take the place of this one, begun now if need be."""
        key = engine.model.id
        if key not in self._successors:
            self._successors[key] = self._new_engine(engine.model, GATHER_S)
        return self._successors[key]

    def _succeed(self, successor: Engine) -> None:
        """A successor takes over: it is ready, or the old engine is not. The old one ends once it is empty."""
        key = successor.model.id
        if self._successors.get(key) is successor:
            self._retire(self._engines[key])
            self._engines[key] = self._successors.pop(key)

    def _retire(self, engine: Engine) -> None:
        task = asyncio.create_task(self._end_when_empty(engine), name=f"retire {engine.model.id}")
        self._retired[task] = engine
        task.add_done_callback(self._retired.pop)

    async def _end_when_empty(self, engine: Engine) -> None:
        await engine.turnstile.empty.wait()
        await engine.stop()

    def _all(self) -> list[Engine]:
        return [*self._engines.values(), *self._successors.values(), *self._retired.values()]

    def _remote_turnstile(self, model: Model) -> Turnstile:
        """A remote server has its own slots: only the number of requests in flight is bounded."""
        if model.id not in self._remote:
            self._remote[model.id] = Turnstile(self.settings.engine_slots + self.settings.queue_limit, 0)
        return self._remote[model.id]

    async def _admit(self, engine: Engine, info: GgufInfo, extra: int) -> Plan:
        """Find memory for one model at a time; idle ones make room, least recently used first."""
        async with self._admission:
            while (wanted := plan(info, self.settings, self._free(), extra)).total > self._free():
                if not await self._make_room(engine):
                    raise _no_room(engine.model.id, wanted.total, self._free(), self.settings.memory_reserve_mib)
            engine.plan = wanted
            return wanted

    def _free(self) -> int:
        """Bytes a new engine may take. Mapped weights of the others count as free to the system, and are not."""
        held = sum(_held(engine) for engine in self._all())
        return machine.available_memory() - held - self.settings.memory_reserve_mib * MIB

    async def _make_room(self, wanting: Engine) -> bool:
        """Unload the engine that has been idle longest, else wait for a load to end: then its memory is known."""
        others = [e for e in self._all() if e is not wanting]
        if idle := [e for e in others if e.idle]:
            oldest = min(idle, key=lambda e: e.last_used)
            log.info("unloading %s to make room for %s", oldest.model.id, wanting.model.id)
            await oldest.stop()
            return True
        loads = [e.admitted for e in others if e.admitted]
        if loads:
            await asyncio.wait(loads, return_when=asyncio.FIRST_COMPLETED)
        return bool(loads)

    def _start_sweeping(self) -> None:
        if self._sweeper is None and self.settings.idle_unload_s > 0:
            self._sweeper = asyncio.create_task(self._sweep(), name="unload idle engines")

    async def _sweep(self) -> None:
        limit = self.settings.idle_unload_s
        while True:
            await asyncio.sleep(min(30.0, max(0.05, limit / 10)))
            for engine in list(self._engines.values()):
                if engine.idle and time.monotonic() - engine.last_used > limit:
                    log.info("unloading %s, unused for %.0f s", engine.model.id, limit)
                    await engine.stop()


def _alone(model: Model) -> Model:
    """The model whose engine answers, without the adapter over it."""
    return replace(model, id=model.engine, base="", adapter=None, reserved=0) if model.base else model


def is_remote(model: Model) -> bool:
    """True for a server that somebody else runs."""
    return model.source.startswith(("http://", "https://"))


def _held(engine: Engine) -> int:
    """Bytes promised to an engine that the system does not count as taken: all while it loads, its weights after."""
    if engine.plan is None:
        return 0
    return engine.plan.weights if engine.state == "ready" else engine.plan.total


def _no_room(model_id: str, needed: int, free: int, reserve_mib: int) -> ServiceUnavailableException:
    return ServiceUnavailableException(
        f"Not enough memory for the model {model_id}: it needs {needed // MIB:,} MiB and {max(0, free) // MIB:,} MiB "
        f"are free ({reserve_mib:,} MiB are kept in reserve). Use a smaller model, a smaller context (engine_context) "
        f"or fewer slots (engine_slots)."
    )


def _status(engine: Engine) -> EngineStatus:
    return EngineStatus(
        model=engine.model.id,
        state=engine.state,
        engine=engine.choice.label,
        pid=engine.pid,
        port=engine.port,
        memory=engine.memory,
        slots=engine.settings.engine_slots,
        active=engine.turnstile.active,
        waiting=engine.turnstile.waiting,
        idle_s=time.monotonic() - engine.last_used,
    )
