"""One model's engine through its life: cold, loading, ready, gone, loaded again.

Knows nothing of other models: memory is asked for through `admit`, given by the pool.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import psutil

from .. import packaged
from ..catalog import Model
from ..config import Settings
from ..errors import ModelErrorException, ModelNotReadyException
from . import machine
from .adapters import Adapters
from .choice import Choice, choose, wheel
from .endpoint import KINDS, Endpoint
from .gguf_info import GgufInfo, read_info
from .llama import Options
from .plan import TYPICAL_TOKENS, Plan, lone_threads
from .process import EngineFailed, EngineProcess
from .turnstile import Turnstile
from .wordpiece import WordPiece, wordpiece_of

LOAD_S = 900.0
"""Longest time a model may take to load (70 GB from a slow disk)."""
LONGEST_BACKOFF_S = 60.0
COMMAND = (sys.executable, "-m", "outcrop.engines.llama")

PROBABILITIES = {"qwen3": "probability"}
"""Architectures whose rerankers answer by the probability of a yes, in llama.cpp too."""

log = logging.getLogger("outcrop.engines")
Admit = Callable[["Engine", GgufInfo, int], Awaitable[Plan]]


class Engine:
    """The engine of one model and the queue before it. It answers for the models that are adapters over it, too.

    `wished` gives the adapters to load, asked at each start, `gather_s` seconds after it was wanted: time for others
    that come at the same moment.
    """

    def __init__(
        self, model: Model, settings: Settings, admit: Admit, wished: Callable[[], Iterable[str]] = tuple,
        gather_s: float = 0.0, on_ready: Callable[[Engine], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.model, self.settings = model, settings
        self.turnstile = Turnstile(settings.engine_slots, settings.queue_limit)
        self.choice = Choice("")
        self.plan: Plan | None = None
        """What it was given; None while it holds no memory."""
        self.last_used = time.monotonic()
        self.adapters: Adapters | None = None
        """Those that the process has or is being started with; None while that is open."""
        self._admit, self._wished, self._gather_s, self._on_ready = admit, wished, gather_s, on_ready
        self._process: EngineProcess | None = None
        self._key = ""
        self._words: WordPiece | None = None
        self._scores = ""
        self._loading: asyncio.Task[None] | None = None
        self._ending = asyncio.Lock()
        """Held while the process is being ended: its memory is taken until then, and a load must wait."""
        self._failures, self._retry_at, self._failure = 0, 0.0, ""

    @property
    def state(self) -> str:
        """cold, loading, ready or failed."""
        if self._loading:
            return "loading"
        return "ready" if self._alive else "failed" if self._failure else "cold"

    @property
    def idle(self) -> bool:
        """Loaded and wanted by nobody."""
        return self.state == "ready" and not self.turnstile.taken

    @property
    def admitted(self) -> asyncio.Task[None] | None:
        """The load under way, once memory was given to it."""
        return self._loading if self.plan else None

    def serves(self, model: Model) -> bool:
        """Whether `model` would be answered by the very same process."""
        return (self.model.source, self.model.mmproj) == (model.source, model.mmproj)

    def takes(self, adapter: str | None) -> bool:
        """Whether the process that runs, or the next one, has this adapter; it has None, the base, always."""
        return adapter is None or self.adapters is None or self.adapters.knows(adapter)

    def share(self, tokens: int) -> int:
        """What a request takes of a shared cache; a guess where the caller has none."""
        context = self.plan.context if self.plan else TYPICAL_TOKENS
        return min(tokens or TYPICAL_TOKENS, context)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def port(self) -> int:
        return int(self._process.address.rsplit(":", 1)[1]) if self._process else 0

    @property
    def memory(self) -> int:
        """Resident bytes of the running engine."""
        try:
            return psutil.Process(self.pid).memory_info().rss if self.pid else 0
        except psutil.Error:
            return 0

    @property
    def _alive(self) -> bool:
        return self._process is not None and self._process.running

    def _endpoint(self, adapter: str | None) -> Endpoint:
        assert self._process and self.adapters
        kind, served, choosing = KINDS[self.model.kind], self.model.served_name, self.adapters.choosing(adapter)
        return Endpoint(self._process.address, kind, served, self._key, self._words, self._scores, choosing)

    async def endpoint(self, adapter: str | None = None) -> Endpoint:
        """The running engine, loaded first if need be, as it answers with an adapter (without one: as the base).

        Raises ModelNotReadyException after settings.load_wait_s, ModelErrorException when it cannot load,
        ServiceUnavailableException when it does not fit.
        """
        if not self._alive:
            await self._wait(self.load())
        return self._endpoint(adapter)

    def load(self) -> asyncio.Task[None]:
        """Begin loading, or join the loading under way. After a failure the next try waits a little, then longer."""
        if self._loading is None:
            if time.monotonic() < self._retry_at:
                raise ModelErrorException(self._failure)
            self._loading = asyncio.create_task(self._load(), name=f"load {self.model.id}")
            self._loading.add_done_callback(self._loaded)
        return self._loading

    async def settled(self, timeout_s: float) -> None:
        """Wait for the end of the load under way, whatever it is."""
        if self._loading:
            await asyncio.wait([self._loading], timeout=max(0.0, timeout_s))

    async def stop(self) -> None:
        """End the loading and the process, if any; the engine is cold after."""
        if self._loading:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        async with self._ending:
            process, self._process = self._process, None
            if process:
                await process.stop()
            self._forget()

    async def settle(self) -> None:
        """Called when a request broke on the engine: notice now if it died."""
        if self._process:
            await self._process.settle()

    async def _wait(self, loading: asyncio.Task[None]) -> None:
        """Wait for a load that others may be waiting for too: our going away does not end it."""
        done, _ = await asyncio.wait([loading], timeout=self.settings.load_wait_s)
        if not done:
            raise ModelNotReadyException(f"The model {self.model.id} is still loading. Try again in a few seconds.")
        if loading.cancelled():
            raise ModelNotReadyException(f"The model {self.model.id} is being unloaded. Try again.")
        loading.result()

    async def _load(self) -> None:
        try:
            await asyncio.sleep(self._gather_s)
            async with self._ending:
                pass
            info = await asyncio.to_thread(self._read)
            self.adapters = Adapters(self._wished())
            plan = self.plan = await self._admit(self, info, self._extra())
            begin = time.monotonic()
            self._process = await self._started(info, plan)
            self.turnstile.room = plan.pool if plan.shared else 0
        except (EngineFailed, ValueError, OSError) as error:
            raise self._failed(error) from error
        self._failures, self._failure = 0, ""
        self._on_ready(self)
        log.info("loaded %s in %.2f s with %s", self.model.id, time.monotonic() - begin, self.choice.label)

    def _read(self) -> GgufInfo:
        """The file's header, and what its vectors need on our side. A packaged model's file is made first."""
        if self.model.package:
            packaged.make(self.model.package, Path(self.model.source))
        info = read_info(self.model.source)
        if info.pooling:
            self._words = wordpiece_of(info)
            self._scores = PROBABILITIES.get(info.architecture, "")
        return info

    def _extra(self) -> int:
        """Bytes of what is loaded beside the model."""
        adapters = self.adapters.size_bytes if self.adapters else 0
        return adapters + (Path(self.model.mmproj).stat().st_size if self.model.mmproj else 0)

    async def _started(self, info: GgufInfo, plan: Plan) -> EngineProcess:
        """The chosen engine, or the wheel in place of one built here that no longer starts (a library that is gone)."""
        self.choice = choose(self.settings)
        try:
            return await self._start(info, plan)
        except EngineFailed as error:
            if self.settings.engine != "auto" or not self.choice.binary:
                raise
            log.error("%s does not start, the wheel takes its place: %s", self.choice.label, error)
            self.choice = wheel(f"{self.choice.label} does not start: outcrop engine build")
            return await self._start(info, plan)

    async def _start(self, info: GgufInfo, plan: Plan) -> EngineProcess:
        """The engine with all adapters but those that it refuses: it stops at the first of them."""
        assert self.adapters
        while True:
            try:
                return await self._start_with(self.adapters.loaded, info, plan)
            except EngineFailed as error:
                if not self.adapters.blame(error.log):
                    raise
                log.error("an adapter of %s cannot be loaded: %s", self.model.id, error)

    async def _start_with(self, loras: tuple[str, ...], info: GgufInfo, plan: Plan) -> EngineProcess:
        self._key = secrets.token_urlsafe(24)
        threads = self.settings.engine_threads or machine.cores()
        options = Options(
            model=self.model.source,
            key=self._key,
            context=plan.context,
            slots=plan.slots,
            pool=plan.pool,
            shared=plan.shared,
            threads=threads,
            lone_threads=self.settings.engine_threads or lone_threads(info, threads),
            # llama.cpp finds a kept prompt again by its text alone, and would go on from another adapter's.
            prompt_cache_mib=0 if loras else plan.prompt_cache >> 20,
            pooling=info.pooling,
            mmproj=self.model.mmproj or "",
            loras=loras,
            connections=self.turnstile.places + 8,
            binary=self.choice.binary,
            batch=plan.batch,
        )
        return await EngineProcess.start(COMMAND, options.line(), LOAD_S, self._gone)

    def _loaded(self, loading: asyncio.Task[None]) -> None:
        self._loading = None
        if loading.cancelled() or loading.exception():  # reading it keeps asyncio from reporting it as lost
            self._forget()

    def _forget(self) -> None:
        """Nothing runs any more."""
        self.plan = self.adapters = None

    def _gone(self, process: EngineProcess) -> None:
        """A process ended after it was ready: a crash unless we ended it. The next lease loads again."""
        if process is not self._process:
            return
        self._process = None
        if not self._loading:
            self._forget()
        log.error("the engine of %s died: %s", self.model.id, process.death())

    def _failed(self, error: Exception) -> ModelErrorException:
        """Remember a failed load, so that callers get its words at once for a while instead of a try each."""
        self._failures += 1
        self._retry_at = time.monotonic() + min(LONGEST_BACKOFF_S, 2.0 ** (self._failures - 1))
        self._failure = f"The model {self.model.id} cannot be loaded: {error}"
        log.error("%s", self._failure)
        return ModelErrorException(self._failure)
