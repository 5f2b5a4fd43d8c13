"""The runtime operations in process: botocore's serialiser and parser around the gateway, a stub for the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import EventStreamError

import outcrop.api.converse
import outcrop.api.invoke  # noqa: F401 - both register their operations
from outcrop.catalog import Model
from outcrop.config import Settings
from outcrop.engines.endpoint import Endpoint
from outcrop.errors import ResourceNotFoundException
from outcrop.inference import Inference
from outcrop.store.objects import Objects
from outcrop.wire import spec
from outcrop.wire.gateway import Gateway
from outcrop.wire.operation import Identity
from tests.wire.asgi import Answer, Client, FakeTelemetry
from tests.wire.judge import read, sent

MODEL = Model(id="test.tiny-v1", name="Tiny", provider="Test", source="/nowhere")
HELLO = [{"role": "user", "content": [{"text": "hi"}]}]


class FakeCatalog:
    def __init__(self, model: Model) -> None:
        self.model = model

    async def resolve(self, model_id: str) -> Model:
        if model_id != self.model.id:
            raise ResourceNotFoundException("no such model")
        return self.model


class FakeEngines:
    """One endpoint; `held` counts the leases that are out."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint, self.held, self.leases = endpoint, 0, []

    @asynccontextmanager
    async def lease(self, model: Model, *, slot: bool = True, tokens: int = 0) -> AsyncIterator[Endpoint]:
        self.held += 1
        self.leases.append(slot)
        try:
            yield self.endpoint
        finally:
            self.held -= 1


class FakeLog:
    def __init__(self) -> None:
        self.enabled, self.records = False, []

    def record(self, call: Any, error: BaseException | None) -> None:
        self.records.append((dict(call.note), error))


async def anybody(request: Any) -> Identity:
    return Identity()


class Runtime:
    """`await runtime("Converse", messages=...)` answers what a boto3 caller would get; modelId is filled in."""

    def __init__(self, endpoint: Endpoint, home: Path, model: Model = MODEL, **settings: Any) -> None:
        self.model = model
        self.settings = Settings(home=home, **settings)
        self.objects = Objects(self.settings)
        self.engines = FakeEngines(endpoint)
        self.catalog: Any = FakeCatalog(model)
        self.inference = Inference(self.settings, self.catalog, self.engines, self.objects)  # type: ignore[arg-type]
        self.telemetry, self.log = FakeTelemetry(), FakeLog()
        services: Any = SimpleNamespace(
            settings=self.settings,
            telemetry=self.telemetry,
            catalog=self.catalog,
            inference=self.inference,
            objects=self.objects,
            invocation_log=self.log,
        )
        self.client = Client(Gateway(services, anybody))
        self.raw = Answer()

    async def __call__(self, name: str, *, hang_up: asyncio.Event | None = None, **params: Any) -> dict[str, Any]:
        operation = spec.load("bedrock-runtime").operation(name)
        method, path, query, headers, body = sent(operation, {"modelId": self.model.id, **params})
        target = f"{path}?{query}" if query else path
        raw = self.raw = Answer()
        await self.client(method, target, body, headers, hang_up=hang_up, answer=raw)
        if hang_up is not None and hang_up.is_set():
            return {}
        try:
            return read(operation, raw.status, raw.headers, raw.body)
        except EventStreamError as error:  # botocore raises it out of the iteration
            return {"failed": error.response["Error"]["Code"]}

    def change(self, **traits: Any) -> None:
        self.catalog.model = self.model = replace(self.model, **traits)

    @property
    def note(self) -> dict[str, Any]:
        return self.telemetry.finished[-1][0].note


@asynccontextmanager
async def runtime_on(endpoint: Endpoint, home: Path, **options: Any) -> AsyncIterator[Runtime]:
    runtime = Runtime(endpoint, home, **options)
    try:
        yield runtime
    finally:
        await runtime.inference.close()
        assert runtime.engines.held == 0, "an engine was not given back"
