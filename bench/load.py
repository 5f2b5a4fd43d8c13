"""The load generator, a process of its own: one JSON job on stdin, one JSON result on stdout.

Knows nothing of what it asks for. A job: `port`, `requests` (base64), `sink` (a name in client.SINKS), `connections`,
and either `seconds` (each connection asks again and again) or `each` (so many answers a connection); `marker` is what
a first token looks like. Times are seconds. Any answer but 200 is an error.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

from .client import SINKS, Connection
from .machine import pinned


@dataclass
class Result:
    """What one run of the generator saw."""

    wall: float
    cpu: float
    """CPU seconds of the generator itself."""
    answers: int
    events: int
    total: list[float] = field(repr=False)
    """Request sent to answer complete."""
    first: list[float] = field(repr=False)
    """Request sent to first token."""

    @property
    def rate(self) -> float:
        return self.answers / self.wall


def drive(port: int, requests: list[bytes], core: int | None = None, **job: Any) -> Result:
    """Run the generator in a process of its own, on `core` where that can be chosen."""
    told = {"port": port, "requests": [base64.b64encode(r).decode() for r in requests], **job}
    command = [*pinned(core), sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr[-2000:]}")
    return Result(**json.loads(done.stdout))


class Generator:
    """All connections of one job."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.requests = [base64.b64decode(text) for text in job["requests"]]
        self.port, self.connections = job["port"], job.get("connections", 1)
        self.seconds, self.each = job.get("seconds"), job.get("each", 0)
        self.sink, self.marker = SINKS[job.get("sink", "whole")], job.get("marker", "").encode()
        self.total: list[float] = []
        self.first: list[float] = []
        self.events = self.active = self.asked = 0

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[None] = loop.create_future()
        make = lambda: Connection(self.sink, self.marker, self._answered)  # noqa: E731
        made = [await loop.create_connection(make, "127.0.0.1", self.port) for _ in range(self.connections)]
        cpu, start = time.process_time(), time.perf_counter()
        self.deadline = start + self.seconds if self.seconds else float("inf")
        self.remaining = self.connections * self.each if self.each else sys.maxsize
        for _, connection in made:
            self._ask(connection)
        await self.finished
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        return Result(wall, cpu, len(self.total), self.events, self.total, self.first)

    def _ask(self, connection: Connection) -> None:
        self.active += 1
        self.remaining -= 1
        self.asked += 1
        connection.send(self.requests[self.asked % len(self.requests)])

    def _answered(self, connection: Connection) -> None:
        self.active -= 1
        if connection.broken or connection.status != 200:
            return self._fail(RuntimeError(f"answer {connection.status} ({connection.broken}): {connection.last!r}"))
        self.total.append(connection.ended - connection.sent)
        self.first.append(connection.first - connection.sent)
        self.events += connection.sink.events
        if self.remaining > 0 and connection.ended < self.deadline:
            self._ask(connection)
        elif not self.active and not self.finished.done():
            self.finished.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.finished.done():
            self.finished.set_exception(error)


def main() -> None:
    result = uvloop.run(Generator(json.load(sys.stdin)).run())
    json.dump(result.__dict__, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # open connections need no farewell


if __name__ == "__main__":
    main()
