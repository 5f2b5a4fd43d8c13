"""The whole service in process, on a home of its own: botocore's serialiser and parser around the gateway."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from outcrop import app
from outcrop.config import Settings
from outcrop.jobs.supervisor import Jobs
from outcrop.services import Services
from outcrop.wire import spec
from outcrop.wire.gateway import Gateway
from outcrop.wire.operation import Identity
from tests.wire.asgi import Client
from tests.wire.judge import read, sent

FAKE_WORKER = (sys.executable, "-m", "tests.jobs.fake_worker")


async def anybody(request: Any) -> Identity:
    return Identity()


class Api:
    """`await api("GetCustomModel", modelIdentifier=...)` answers what a boto3 caller would get, ["Error"] included."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.client = Client(Gateway(services, anybody))

    async def __call__(self, name: str, service: str = "bedrock", **params: Any) -> dict[str, Any]:
        operation = spec.load(service).operation(name)
        method, path, query, headers, body = sent(operation, params)
        raw = await self.client(method, f"{path}?{query}" if query else path, body, headers)
        return read(operation, raw.status, raw.headers, raw.body)


@asynccontextmanager
async def served(home: Path, **settings: Any) -> AsyncIterator[Api]:
    """A service without a model loaded, whose jobs are done by tests/jobs/fake_worker.py."""
    with mock.patch.object(app, "Jobs", partial(Jobs, command=FAKE_WORKER)):
        async with app.open_services(Settings(home=home, **{"model": "", **settings})) as services:
            yield Api(services)
