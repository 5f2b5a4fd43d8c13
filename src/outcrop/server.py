"""Sockets and signals: the app on a cleartext and a TLS port until it is told to stop.

Knows nothing of what the app does. Granian speaks HTTP/1.1 and h2 on both ports, h2 also without TLS when the client
opens with its preface (the AWS SDK for JavaScript does).
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import warnings
from collections.abc import Callable
from typing import Any

from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from .config import Settings
from .tls import Tls

HEADER_TIMEOUT_MS = 10_000
"""How long a client may take to send its request head."""


async def serve(app: Any, settings: Settings, certificate: Tls | None, busy: Callable[[], int]) -> None:
    """Serve until SIGTERM or SIGINT, then let the requests under way finish for up to `drain_s`.

    `busy` tells how many requests are under way. A second signal ends the wait. OSError when a port is taken.
    """
    stop = _signals()
    door = Door(app)
    _refuse_taken(settings.host, settings.port, *([settings.tls_port] if certificate else []))
    servers = [_server(door, settings.host, settings.port)]
    if certificate is not None:
        servers.append(_server(door, settings.host, settings.tls_port, certificate))
    _spare_the_collector()
    running = [asyncio.create_task(server.serve()) for server in servers]
    ended = asyncio.create_task(stop.wait())
    await asyncio.wait([*running, ended], return_when=asyncio.FIRST_COMPLETED)
    stop.clear()
    door.closed = True
    await _drain(busy, settings.drain_s, stop)
    for server in servers:
        server.stop()
    ended.cancel()
    await asyncio.gather(*running)


class Door:
    """The app, until it is closed: from then on a new request is told to go elsewhere."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.closed = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not self.closed:
            return await self.app(scope, receive, send)
        headers = [
            (b"content-type", b"application/json"),
            (b"x-amzn-errortype", b"ServiceUnavailableException"),
            (b"retry-after", b"5"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"message":"The service is shutting down."}'})


def _refuse_taken(host: str, *ports: int) -> None:
    """OSError when somebody listens on one of the ports: Granian itself would share it (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        socket.create_server((host, port), family=family).close()


def _spare_the_collector() -> None:
    """What was made by now stays until the end: no collection walks it again, and collections are rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def _signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _drain(busy: Callable[[], int], seconds: float, hurry: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while busy() and loop.time() < deadline and not hurry.is_set():  # noqa: ASYNC110 (busy is a number, not an event)
        await asyncio.sleep(0.02)


def _server(app: Any, host: str, port: int, certificate: Tls | None = None) -> Server:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            websockets=False,
            backlog=1024,
            log_enabled=False,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
            http2_settings=HTTP2Settings(
                keep_alive_interval=20_000, max_concurrent_streams=1024, max_headers_size=65_536
            ),
            ssl_protocol_min=SSLProtocols.tls12,
            ssl_cert=certificate and certificate.cert,
            ssl_key=certificate and certificate.key,
        )
