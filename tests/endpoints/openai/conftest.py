"""OpenAI's door in process: the stub for an engine, real records and objects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outcrop.catalog import Model, Snapshot
from outcrop.config import Settings
from outcrop.endpoints.openai import openai_door
from outcrop.errors import ValidationException
from outcrop.inference import Inference
from outcrop.store.objects import Objects
from outcrop.store.records import Records
from outcrop.store.resources import Resources
from tests.api.runtime import FakeEngines, FakeLog, anybody
from tests.stub_engine import StubEngine
from tests.wire.asgi import Answer, Client, FakeTelemetry

MODEL = Model(id="test.tiny-v1", name="Tiny", provider="Test", source="/nowhere", input_modalities=("TEXT", "IMAGE"))
HELLO = [{"role": "user", "content": "hi"}]


class OneModel:
    """A catalog of one model and an alias of it."""

    def __init__(self, model: Model) -> None:
        self.one = Snapshot({model.id: model}, {"gpt-test": model.id})

    async def resolve(self, name: str) -> Model:
        if (model := self.one.find(name)) is None:
            raise ValidationException("The provided model identifier is invalid.")
        return model

    async def snapshot(self) -> Snapshot:
        return self.one


class House:
    """The door and what is behind it. `post` and `get` answer with the whole answer of a path after /v1."""

    def __init__(self, stub: StubEngine, records: Records, home: Path, **settings: Any) -> None:
        self.stub = stub
        self.settings = Settings(home=home, **settings)
        self.objects = Objects(self.settings)
        self.engines, self.telemetry, self.log = FakeEngines(stub.endpoint), FakeTelemetry(), FakeLog()
        catalog: Any = OneModel(MODEL)
        self.inference = Inference(self.settings, catalog, self.engines, self.objects)  # type: ignore[arg-type]
        self.resources = Resources(records)
        self.services: Any = SimpleNamespace(
            settings=self.settings,
            telemetry=self.telemetry,
            catalog=catalog,
            inference=self.inference,
            objects=self.objects,
            resources=self.resources,
            invocation_log=self.log,
        )
        self.client = self.opened()

    def opened(self) -> Client:
        """A door of its own, as another process would have."""
        return Client(openai_door(self.services, anybody))

    async def post(self, path: str, hang_up: asyncio.Event | None = None, **body: Any) -> Answer:
        told = json.dumps({"model": MODEL.id, **body}).encode()
        return await self.client("POST", f"/v1{path}", told, hang_up=hang_up)

    async def get(self, path: str) -> Answer:
        return await self.client("GET", f"/v1{path}")

    async def delete(self, path: str) -> Answer:
        return await self.client("DELETE", f"/v1{path}")

    async def chat(self, **body: Any) -> Answer:
        return await self.post("/chat/completions", **{"messages": HELLO, **body})

    async def respond(self, **body: Any) -> Answer:
        return await self.post("/responses", **{"input": "hi", **body})

    @property
    def note(self) -> dict[str, Any]:
        return self.telemetry.finished[-1][0].note


def events(answer: Answer) -> list[Any]:
    """The JSON of a stream's events; [DONE] as it stands."""
    told = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in told]


def refused(answer: Answer, status: int, says: str = "", **members: Any) -> None:
    """The answer is an error in OpenAI's shape."""
    error = answer.json()["error"]
    assert (answer.status, set(error)) == (status, {"message", "type", "param", "code"}), answer.body
    assert says in error["message"], error
    assert {**error, **members} == error


@pytest.fixture
async def house(stub: StubEngine, tmp_path: Path) -> AsyncIterator[House]:
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path / 'outcrop.db'}")
    made = House(stub, records, tmp_path)
    yield made
    await made.inference.close()
    await records.close()
    assert made.engines.held == 0, "an engine was not given back"
