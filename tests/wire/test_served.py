"""The gateway under Granian, over real sockets: half-open clients, lying lengths, hang-ups, h2 without TLS."""

from __future__ import annotations

import asyncio
import json
import shutil
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from granian.constants import Interfaces
from granian.server.embed import Server

from outcrop.wire.gateway import HUNG_UP, Gateway
from outcrop.wire.operation import Call, Handler, Identity
from tests.live import free_ports

from .asgi import fake_services
from .test_gateway import BODY, CONVERSE, EVENT, REPLY, STREAM


class Served:
    """A gateway on a port, and what happened in it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.started, self.cancelled, self.closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.seen: list[Any] = []
        self.services = fake_services(body_timeout_s=0.2, max_body_mib=1)

    async def authenticate(self, request: Any) -> Identity:
        self.seen.append(request)
        return Identity()

    async def converse(self, call: Call, request: Any) -> Any:
        if request["modelId"] == "slow":
            self.started.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return REPLY

    async def converse_stream(self, call: Call, request: Any) -> Any:
        return {"stream": self.endless()}

    async def endless(self) -> AsyncIterator[Any]:
        try:
            while True:
                yield EVENT
                await asyncio.sleep(0.001)
        finally:
            self.closed.set()

    async def talk(self, data: bytes, wait_s: float = 20) -> bytes:
        """Send bytes, return all that comes back until the server closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await asyncio.wait_for(_until_quiet(reader), wait_s)
        finally:
            writer.close()


async def _until_quiet(reader: asyncio.StreamReader) -> bytes:
    found = await reader.read(65536)
    try:
        while more := await asyncio.wait_for(reader.read(65536), 0.5):
            found += more
    except (TimeoutError, ConnectionError):
        pass
    return found


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    [port] = free_ports(1)
    served = Served(port)
    handlers = {CONVERSE: Handler(served.converse), STREAM: Handler(served.converse_stream)}
    app = Gateway(served.services, served.authenticate, handlers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = Server(
            app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
        )
        task = asyncio.create_task(server.serve())
    await _listening(port)
    try:
        yield served
    finally:
        server.stop()
        await asyncio.wait_for(task, 10)


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def head(target: str, length: int | str = len(BODY)) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "host: me:1", "content-type: application/json", f"content-length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def finished(served: Served, count: int) -> list[Any]:
    for _ in range(1000):
        if len(served.services.telemetry.finished) >= count:
            break
        await asyncio.sleep(0.02)
    return served.services.telemetry.finished


async def test_bad_clients_over_real_sockets() -> None:
    async with serving() as served:
        stalled = await served.talk(head("/model/m/converse", 100) + b"{")
        assert status(stalled) == 408
        assert b"RequestTimeoutException" in stalled

        assert status(await served.talk(head("/model/m/converse", 2 << 20) + b"{")) == 413
        assert status(await served.talk(head("/model/m/converse", "abc") + b"{")) == 400
        too_long = b"%x\r\n%s\r\n" % (2 << 20, b" " * (2 << 20))
        chunked = b"POST /model/m/converse HTTP/1.1\r\nhost: me\r\ncontent-type: application/json\r\n"
        assert status(await served.talk(chunked + b"transfer-encoding: chunked\r\n\r\n" + too_long)) == 413

        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(head("/model/slow/converse") + BODY)
        await writer.drain()
        await asyncio.wait_for(served.started.wait(), 20)
        writer.transport.abort()
        await asyncio.wait_for(served.cancelled.wait(), 20)

        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(head("/model/m/converse-stream") + BODY)
        assert b"eventstream" in await reader.read(65536)
        writer.transport.abort()
        await asyncio.wait_for(served.closed.wait(), 20)

        codes = [code for _, code, _ in await finished(served, 5)]
        assert codes.count(HUNG_UP) == 2
        answer = await served.talk(head("/model/a%2Db/converse?x=%20y") + BODY)
        assert status(answer) == 200
        last = served.seen[-1]
        assert (last.raw_path, last.query, last.headers["host"]) == ("/model/a%2Db/converse", "x=%20y", "me:1")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl speaks h2 without TLS")
async def test_h2_with_prior_knowledge() -> None:
    async with serving() as served:
        url = f"http://127.0.0.1:{served.port}/model/a%2Db/converse"
        args = ["-s", "--http2-prior-knowledge", "-H", "content-type: application/json", "-d", BODY.decode(), url]
        curl = await asyncio.create_subprocess_exec("curl", *args, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(curl.communicate(), 10)
        assert json.loads(out) == REPLY
        assert served.seen[-1].headers["host"] == f"127.0.0.1:{served.port}"
        assert served.seen[-1].raw_path == "/model/a%2Db/converse"
