"""Row `ttft`: what Outcrop adds to the time to the first token, one stream.

Pairs of requests, one through Outcrop and one to the bare engine, the order changing; every prompt is new.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from statistics import median, quantiles

from . import ask, engines
from .client import Connection, Whole
from .table import Row

PAIRS = 300
WARM = 20
TOKENS = 4
LONGEST_S = 60


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        label, model = engines.small(Path(name))
        return engines.measured(model, Path(name), lambda ways: measure(ways, label))


async def measure(ways: engines.Ways, label: str) -> list[Row]:
    through = Asker(ways.server.port, ask.FIRST_DELTA)
    straight = Asker(ways.engine_port, ask.FIRST_CONTENT)
    pairs = []
    for number in range(PAIRS + WARM):
        ours, bare = ways.outcrop(text(2 * number), TOKENS), ways.bare(text(2 * number + 1), TOKENS)
        if number % 2:
            pairs.append((await through.first(ours), await straight.first(bare)))
        else:
            late = await straight.first(bare)
            pairs.append((await through.first(ours), late))
    return rows(pairs[WARM:], label)


def text(number: int) -> str:
    return f"{number} is the number of this question. Hello, my name is Ada. Which rock is the hardest one?"


def rows(pairs: list[tuple[float, float]], label: str) -> list[Row]:
    """`pairs` of seconds: through Outcrop, and bare."""
    added = [(ours - bare) * 1000 for ours, bare in pairs]
    bare = [bare * 1000 for _, bare in pairs]
    note = f"{label}, {len(pairs)} pairs; the engine alone: median {median(bare):.2f} ms, p99 {p99(bare):.2f} ms"
    data = {"added_ms": [round(ms, 3) for ms in added], "bare_ms": [round(ms, 3) for ms in bare]}
    return [
        Row("ttft", "added time to first token, median", median(added), "ms", 3, most=True, note=note, data=data),
        Row("ttft", "added time to first token, p99", p99(added), "ms", 15, most=True),
    ]


def p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


class Asker:
    """One question at a time."""

    def __init__(self, port: int, marker: str) -> None:
        self.port, self.marker = port, marker.encode()

    async def first(self, request: bytes) -> float:
        """Seconds from sending to the first token; returns when the answer is complete."""
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection = await self._open()
        connection.send(request)
        async with asyncio.timeout(LONGEST_S):
            await self.answered
        connection.transport.close()
        if connection.broken or connection.status != 200 or not connection.first:
            raise RuntimeError(f"answer {connection.status}, {connection.broken}: {connection.rest!r}")
        return connection.first - connection.sent

    async def _open(self) -> Connection:
        """A connection for one question, made before its clock starts: llama.cpp's server closes kept ones at will."""
        make = lambda: Connection(Whole, self.marker, self._done)  # noqa: E731
        _, connection = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", self.port)
        return connection

    def _done(self, connection: Connection) -> None:
        self.answered.set_result(None)
