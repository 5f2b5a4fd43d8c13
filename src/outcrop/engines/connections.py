"""Connections by address: opened as needed, kept for a while, closed when nobody uses them.

Knows nothing of requests.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from .connection import Connection, connect

IDLE_S = 2.0
"""How long an unused connection is kept: less than servers keep theirs (5 s in cpp-httplib and uvicorn), so that no
request goes out on a connection that is just being closed."""
CONNECT_S = 10.0
"""How long opening one may take: an address that swallows packets must not hold a request for minutes."""


class Address(NamedTuple):
    host: str
    port: int
    tls: bool
    authority: str
    """Host and port as the Host header has them."""
    path: str
    """What stands before every path, without a trailing slash."""


@lru_cache(maxsize=256)
def address(url: str) -> Address:
    """Where a base URL leads. Raises ValueError for one that leads nowhere."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError(f"{url!r} is no http or https URL")
    authority = parts.netloc.rpartition("@")[2]
    return Address(parts.hostname, parts.port or (443 if tls else 80), tls, authority, parts.path.rstrip("/"))


class Connections:
    """Whoever takes one gives it back, whatever happened to it. Lives on one event loop; `close` ends them all."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._idle: dict[str, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._opening: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return sum(not connection.closed for connection in self._open)

    def kept(self, url: str) -> Connection | None:
        """The connection to `url` that was used last, for it is the likeliest to be open still."""
        idle = self._idle.get(url)
        while idle:
            connection = idle.pop()
            if not connection.closed:
                return connection
            self._open.discard(connection)
        return None

    async def new(self, url: str) -> Connection:
        """One more connection. Raises TimeoutError after CONNECT_S and OSError when nobody answers."""
        where = address(url)
        tls = await self._context() if where.tls else None
        async with asyncio.timeout(CONNECT_S):
            connection = await connect(where.host, where.port, tls)
        self._open.add(connection)
        return connection

    def give_back(self, url: str, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end and which may be used again; close any other."""
        if not (connection.complete and connection.reusable):
            connection.abort()
            self._open.discard(connection)
        else:
            self._keep(url, connection)

    def open_ahead(self, url: str) -> None:
        """Have one connection ready for the next request, where the server closes them after each. It is no more than
        a try: a request that finds none opens its own."""
        if not self._idle.get(url) and url not in self._opening:
            self._opening[url] = asyncio.create_task(self._ahead(url))

    async def _ahead(self, url: str) -> None:
        try:
            self._keep(url, await self.new(url))
        except (OSError, ValueError):
            pass
        finally:
            del self._opening[url]

    def _keep(self, url: str, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(url, []).append(connection)
        self._sweeper = self._sweeper or loop.call_later(IDLE_S, self._sweep)

    def close(self) -> None:
        """End every connection, also those in use."""
        if self._sweeper:
            self._sweeper.cancel()
        for task in self._opening.values():
            task.cancel()
        for connection in self._open:
            connection.fail(ConnectionError("the service is closing its connections"))
        self._open.clear()
        self._idle.clear()

    def _sweep(self) -> None:
        """Close what nobody used for IDLE_S."""
        loop = asyncio.get_running_loop()
        late = loop.time() - IDLE_S
        for url, idle in [*self._idle.items()]:
            for connection in [one for one in idle if one.closed or one.idle_since <= late]:
                idle.remove(connection)
                connection.abort()
                self._open.discard(connection)
            if not idle:
                del self._idle[url]
        self._sweeper = loop.call_later(IDLE_S / 2, self._sweep) if self._idle else None

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls
