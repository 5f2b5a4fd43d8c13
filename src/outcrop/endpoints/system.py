"""The operator's door: GET /metrics, /healthz, /readyz and /status.

Knows nothing of models' answers. /metrics and the two probes are open, since scrapers and orchestrators sign nothing
and they hold counts only; /status is for this machine and for callers with a key.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .. import __version__
from ..errors import ServiceError
from ..wire.sigv4 import SignedRequest

if TYPE_CHECKING:
    from ..services import Services

METRICS = "text/plain; version=0.0.4; charset=utf-8"
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Headers of a request that a proxy on this machine brought from another one."""

Authenticate = Callable[[SignedRequest], Awaitable[Any]]


def system_app(services: Services, authenticate: Authenticate) -> Starlette:
    """The ASGI app. `authenticate` is the gateway's own (wire.auth.Authenticator)."""

    async def metrics(request: Request) -> Response:
        return Response(services.telemetry.metrics(), media_type=METRICS)

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        state = await _default_model(services)
        return JSONResponse(state, 200 if state["ready"] else 503)

    async def status(request: Request) -> Response:
        if not _from_here(request):
            try:
                await authenticate(_signed(request))
            except ServiceError as error:
                return JSONResponse({"message": error.message}, error.status)
        return JSONResponse(status_json(services))

    doors = {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz, "/status": status}
    return Starlette(routes=[Route(path, door, methods=["GET"]) for path, door in doors.items()])


def status_json(services: Services) -> dict[str, Any]:
    """What runs and what it does. Durations are seconds, memory is bytes."""
    telemetry = services.telemetry
    return {
        "version": __version__,
        "pid": os.getpid(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(telemetry.started)),
        "uptimeS": round(telemetry.uptime(), 1),
        "memory": psutil.Process().memory_info().rss,
        "region": services.settings.region,
        "model": services.settings.model,
        "requestsInFlight": telemetry.in_flight,
        "invocationLogging": services.invocation_log.enabled,
        "engines": [asdict(engine) for engine in services.engines.status()],
    }


def status_text(status: Mapping[str, Any]) -> str:
    """`status_json` for a person: a line about the service, a line for each engine."""
    logging = "on" if status["invocationLogging"] else "off"
    up, memory = _duration(status["uptimeS"]), _size(status["memory"])
    lines = [
        f"Outcrop {status['version']}, pid {status['pid']}, up {up}, {memory}",
        f"{status['requestsInFlight']} requests in flight, invocation logging {logging}",
        *(_engine_text(engine) for engine in status["engines"]),
    ]
    return "\n".join(lines if status["engines"] else [*lines, "no engine is loaded"])


def _engine_text(engine: Mapping[str, Any]) -> str:
    process = f"pid {engine['pid']}, {_size(engine['memory'])}, " if engine.get("pid") else ""
    load = f"{engine['active']} of {engine['slots']} slots, {engine['waiting']} waiting"
    return f"{engine['model']}: {engine['state']}, {process}{load} ({engine['engine']})"


async def _default_model(services: Services) -> dict[str, Any]:
    """Whether the default model answers, or would after loading: the first request then waits for it."""
    name = services.settings.model
    if not name:
        return {"ready": True, "model": "", "state": "none"}
    try:
        model = await services.catalog.resolve(name)
    except ServiceError as error:
        return {"ready": False, "model": name, "state": error.code}
    state = next((engine.state for engine in services.engines.status() if engine.model == model.id), "cold")
    return {"ready": state != "failed", "model": name, "state": state}


def _from_here(request: Request) -> bool:
    """Whether a program on this machine asks for itself: neither through a proxy, nor a browser that was lured here
    under another site's name (the Host header says)."""
    local = request.client is not None and _is_loopback(request.client.host)
    return local and _is_loopback(_host(request)) and not any(name in request.headers for name in FORWARDED)


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _signed(request: Request) -> SignedRequest:
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    headers = {name.lower(): value for name, value in request.headers.items()}
    place = path.decode("latin-1").partition("?")[0]
    return SignedRequest(request.method, place, request.url.query, headers, b"", request.url.scheme == "https")


def _duration(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if n]
    return " ".join(parts[:2]) or "0 s"


def _size(size: float) -> str:
    return f"{size / (1 << 20):.0f} MiB"
