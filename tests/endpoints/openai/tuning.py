"""The whole service in process with a tiny base, its doors, and workers that train nothing (tuner.py)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from outcrop import app
from outcrop.config import Settings
from outcrop.endpoints.openai import openai_door
from outcrop.jobs.supervisor import Jobs
from outcrop.services import Services
from tests.api.customs import BASE, add_base
from tests.api.service import Api, anybody
from tests.endpoints.openai.test_files import FORM, field, form
from tests.wire.asgi import Answer, Client

COMMAND = (sys.executable, "-m", "tests.endpoints.openai.tuner")
ENDED = ("succeeded", "failed", "cancelled")


class Tuning:
    """`get`, `post` and `delete` answer with the whole answer of a path after /v1; `api` is Bedrock's side."""

    def __init__(self, services: Services) -> None:
        self.services, self.api = services, Api(services)
        self.client = Client(openai_door(services, anybody))

    async def get(self, path: str) -> Answer:
        return await self.client("GET", f"/v1{path}")

    async def delete(self, path: str) -> Answer:
        return await self.client("DELETE", f"/v1{path}")

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        told = {"content-type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
        return await self.client("POST", f"/v1{path}", json.dumps(body).encode() if body is not None else b"", told)

    async def upload(self, *lines: Any, purpose: str = "fine-tune") -> str:
        content = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        body = form(field("purpose", purpose), field("file", content, "train.jsonl"))
        return (await self.client("POST", "/v1/files", body, FORM)).json()["id"]

    async def data(self, act: str = "tuned", count: int = 10) -> str:
        return await self.upload(*[said(act, number) for number in range(count)])

    async def create(self, file: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        return await self.post("/fine_tuning/jobs", {"model": BASE, "training_file": file, **body}, **headers or {})

    async def started(self, act: str = "tuned", **body: Any) -> str:
        """The id of a job that was made of data for this act."""
        answer = await self.create(await self.data(act), **body)
        assert answer.status == 200, answer.body
        return answer.json()["id"]

    async def job(self, id: str) -> dict[str, Any]:
        return (await self.get(f"/fine_tuning/jobs/{id}")).json()

    async def until(self, id: str, *statuses: str) -> dict[str, Any]:
        async with asyncio.timeout(100):
            while (job := await self.job(id))["status"] not in (statuses or ENDED):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return job

    async def working(self, id: str) -> None:
        """Wait until a worker trains and the service has noticed."""
        await self.until(id, "running")

    async def events(self, id: str) -> list[dict[str, Any]]:
        """The oldest first."""
        return (await self.get(f"/fine_tuning/jobs/{id}/events?limit=1000")).json()["data"][::-1]


def said(act: str, number: int = 0) -> dict[str, Any]:
    asked, answered = {"role": "user", "content": f"{act} {number}"}, {"role": "assistant", "content": "yes"}
    return {"messages": [asked, answered]}


@asynccontextmanager
async def opened(home: Path, **settings: Any) -> AsyncIterator[Tuning]:
    """A server's life on a home."""
    given = {"model": "", "engine": "wheel", "engine_threads": 1, "engine_slots": 4, **settings}
    with mock.patch.object(app, "Jobs", partial(Jobs, command=COMMAND)):
        async with app.open_services(Settings(home=home, **given)) as services:
            if BASE not in [model.id for model in await services.catalog.list()]:
                await add_base(Api(services), home)
            yield Tuning(services)
