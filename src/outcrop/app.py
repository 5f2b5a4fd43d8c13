"""Settings in, one ASGI app out: the only file that knows everybody.

Knows nothing of sockets and signals: `server.py` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from . import api  # noqa: F401 - importing the families registers their operations
from .api.async_invoke import answered
from .api.customization import taught
from .asynchronous import INVOCATION, AsyncInvokes, over
from .catalog import Catalog
from .config import Settings
from .custom import CustomModels, Deployments, Imports
from .endpoints.anthropic import anthropic_door
from .endpoints.door import Door
from .endpoints.openai import files, openai_door, stored
from .endpoints.openai.fine_tuning.results import deliver
from .endpoints.s3 import s3_door
from .endpoints.s3.door import S3Door
from .endpoints.system import system_app
from .engines.pool import Engines
from .inference import Inference
from .invocation_log import InvocationLog
from .jobs.supervisor import Jobs
from .keys import Keys
from .retention import Retention
from .services import Services
from .store.home import Home
from .store.objects import Objects
from .store.records import Records
from .store.resources import Resources
from .telemetry import Telemetry
from .wire.auth import Authenticator
from .wire.gateway import Gateway

ASGI = Callable[[dict[str, Any], Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]]

SYSTEM_PATHS = frozenset({"/metrics", "/healthz", "/readyz", "/status"})


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything that requests share, opened in order of need and closed in reverse."""
    async with AsyncExitStack() as stack:
        Home.open(settings.home)
        records = await Records.open(settings.database)
        stack.push_async_callback(records.close)
        keys = await Keys.open(records, settings.home, settings.account_id)
        await keys.ensure_first()
        catalog = Catalog(records, settings)
        engines = Engines(settings)
        stack.push_async_callback(engines.close)
        await _preload(settings, catalog, engines)
        telemetry = Telemetry(settings, engines.status)
        objects = Objects(settings)
        inference = Inference(settings, catalog, engines, objects)
        stack.push_async_callback(inference.close)
        invocation_log = await InvocationLog.open(settings, records, objects, telemetry.registry)
        stack.push_async_callback(invocation_log.close)
        resources = Resources(records)
        customs = CustomModels(settings, resources, catalog)
        catalog.beyond = customs.find
        deployments = Deployments(resources, customs, engines)
        stack.push_async_callback(deployments.close)
        await deployments.begin()
        imports = Imports(settings, resources, objects, customs)
        stack.push_async_callback(imports.close)
        await imports.begin()
        jobs = Jobs(settings, resources, objects)
        stack.push_async_callback(jobs.close)
        async_invokes = AsyncInvokes(resources, objects)
        stack.push_async_callback(async_invokes.close)
        services = Services(
            settings=settings,
            records=records,
            resources=resources,
            keys=keys,
            catalog=catalog,
            engines=engines,
            objects=objects,
            inference=inference,
            telemetry=telemetry,
            invocation_log=invocation_log,
            jobs=jobs,
            deployments=deployments,
            imports=imports,
            async_invokes=async_invokes,
        )
        await jobs.begin(partial(taught, services), keys, partial(deliver, services), deployments.serve)
        await async_invokes.begin(partial(answered, services))
        old = {stored.KIND: lambda _: True, INVOCATION: over}  # no response takes days
        retention = Retention(resources, settings.retention_days, old, [partial(files.sweep, services)])
        stack.push_async_callback(retention.close)
        retention.begin()
        yield services


async def _preload(settings: Settings, catalog: Catalog, engines: Engines) -> None:
    """Begin loading the default model while the rest of the service starts."""
    if settings.model:
        engines.load(await catalog.resolve(settings.model))


def build(services: Services) -> ASGI:
    """The ASGI app: S3 by what a request is signed for, other doors by path, the Bedrock protocol for all the rest."""
    authenticate = Authenticator(services.keys, services.settings)
    gateway = Gateway(services, authenticate, verifier=authenticate.events)
    system = system_app(services, authenticate)
    doors: list[S3Door | Door] = [
        s3_door(services),  # first: its paths are names of buckets, any names
        openai_door(services, authenticate),
        anthropic_door(services, authenticate),
    ]

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        door = next((door for door in doors if door.serves(scope)), None)
        rest = system if scope.get("path") in SYSTEM_PATHS else gateway
        await (door or rest)(scope, receive, send)

    return app
