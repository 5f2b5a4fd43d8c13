"""Row `tokens`: tokens a second through ConverseStream against the bare engine, at 1, 8 and 32 streams.

Both ways lead to one engine process. Shots take turns and change their order; the ratio is the median over pairs.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from statistics import median

from . import engines
from .load import Result, drive
from .table import Row

PAIRS = 5
LENGTHS = {"shape": {1: 128, 8: 48, 32: 24}, "small": {1: 768, 8: 384, 32: 192}}
"""Streams -> tokens of an answer: a shot lasts a few seconds at most."""
TARGETS = {"shape": 0.97, "small": 0.85}


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        label, small = engines.small(folder)
        rows = engines.measured(engines.shape_150m(folder), folder, lambda ways: measure(ways, "150M shape", "shape"))
        return rows + engines.measured(small, folder, lambda ways: measure(ways, label, "small"))


async def measure(ways: engines.Ways, label: str, size: str) -> list[Row]:
    return [await level(ways, label, size, streams, tokens) for streams, tokens in LENGTHS[size].items()]


async def level(ways: engines.Ways, label: str, size: str, streams: int, tokens: int) -> Row:
    """One number of streams."""
    shots = Shots(ways, streams, tokens)
    await shots.bare(), await shots.outcrop()  # warm
    pairs = []
    for turn in range(PAIRS):
        first, second = (shots.bare, shots.outcrop) if turn % 2 else (shots.outcrop, shots.bare)
        one, two = await first(), await second()
        pairs.append((two, one) if turn % 2 else (one, two))
    ours, bare = median(ours for ours, _ in pairs), median(bare for _, bare in pairs)
    note = f"{ours:,.0f} against {bare:,.0f} tokens/s; {shots.deltas:.2f} deltas a token"
    data = {"pairs": pairs, "streams": streams, "tokens": tokens, "model": label}
    ratio = median(ours / bare for ours, bare in pairs)
    what = f"{label}, {streams} stream{'s' if streams > 1 else ''}: ConverseStream / bare engine"
    return Row("tokens", what, ratio, "", TARGETS[size], note=note, data=data)


class Shots:
    """Each shot starts all streams at once, with prompts nobody has asked before: no way profits from the other's."""

    def __init__(self, ways: engines.Ways, streams: int, tokens: int) -> None:
        self.ways, self.streams, self.tokens = ways, streams, tokens
        self.deltas = 0.0
        self._asked = 0

    async def bare(self) -> float:
        """Tokens a second."""
        result = await self._shot(self.ways.engine_port, self.ways.bare, "lines")
        return self.streams * self.tokens / result.wall

    async def outcrop(self) -> float:
        result = await self._shot(self.ways.server.port, self.ways.outcrop, "frames")
        self.deltas = (result.events / self.streams - 4) / self.tokens  # the others begin and end the answer
        return self.streams * self.tokens / result.wall

    async def _shot(self, port: int, question, sink: str) -> Result:
        self._asked += self.streams
        texts = [f"{self._asked + i}: name a rock, and another." for i in range(self.streams)]
        requests = [question(text, self.tokens) for text in texts]
        return await asyncio.to_thread(drive, port, requests, connections=self.streams, each=1, sink=sink)
