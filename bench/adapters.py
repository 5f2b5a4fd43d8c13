"""Row `adapters`: twenty adapters on one base: memory over the base's, speed beside the base's, time to arrive.

A base of random weights (Q8_0, 0.3 GB, so that weights and not overhead weigh) and twenty random adapters of rank 8.
Shots take turns: eight streams on the base, over eight adapters, under one adapter. Memory is the process's share of
what it maps (PSS), after every adapter has answered.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import gguf
import psutil
from tests.tiny_adapter import tiny_adapter

from outcrop.catalog import Model
from outcrop.config import Settings
from outcrop.engines.pool import Engines
from outcrop.engines.post import Client
from outcrop.engines.tiny_model import tiny_gguf

from .table import Row

ADAPTERS, STREAMS, SHOTS, TOKENS = 20, 8, 3, 32
WIDTH, LAYERS = 1024, 16


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_run(Path(name)))


async def _run(folder: Path) -> list[Row]:
    base, over = await asyncio.to_thread(_models, folder)
    engines = Engines(Settings(home=folder / "home", engine_slots=STREAMS, engine_context=512))
    try:
        await _speed(engines, [base] * STREAMS)
        alone = _memory(engines)
        for model in over:
            engines.expect(model)
        begin = time.monotonic()
        await _speed(engines, over[:1], tokens=1)
        arrival = time.monotonic() - begin
        await _speed(engines, over, tokens=1)
        many = _memory(engines)
        shots = [await _shot(engines, base, over) for _ in range(SHOTS)]
    finally:
        await engines.close()
    return _rows(alone, many, arrival, shots)


def _models(folder: Path) -> tuple[Model, list[Model]]:
    size: dict[str, Any] = {
        "width": WIDTH,
        "layers": LAYERS,
        "heads": 8,
        "kv_heads": 8,
        "feed_forward": 3072,
        "vocabulary": 32_000,
    }
    file = tiny_gguf(folder / "base.gguf", quantization=gguf.GGMLQuantizationType.Q8_0, **size)
    base = Model(id="bench.base-v1", name="base", provider="Bench", source=str(file), context_length=512)
    files = [tiny_adapter(folder / f"{i}.gguf", i, width=WIDTH, layers=LAYERS, rank=8) for i in range(ADAPTERS)]
    return base, [dataclasses.replace(base, id=file.stem, base=base.id, adapter=str(file)) for file in files]


async def _shot(engines: Engines, base: Model, over: Sequence[Model]) -> tuple[float, float, float]:
    """Tokens a second of eight streams: on the base, each under another adapter, all under one."""
    return (
        await _speed(engines, [base] * STREAMS),
        await _speed(engines, over[:STREAMS]),
        await _speed(engines, [over[0]] * STREAMS),
    )


async def _speed(engines: Engines, models: Sequence[Model], tokens: int = TOKENS) -> float:
    begin = time.monotonic()
    async with Client() as http:
        done = sum(await asyncio.gather(*(_answer(engines, http, model, tokens) for model in models)))
    return done / (time.monotonic() - begin)


async def _answer(engines: Engines, http: Client, model: Model, tokens: int) -> int:
    asked = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": tokens, "ignore_eos": True}
    async with engines.lease(model) as endpoint:
        answer = await http.post(endpoint, "/v1/chat/completions", {**asked, **endpoint.always})
    return answer["usage"]["completion_tokens"]


def _memory(engines: Engines) -> float:
    """MiB of the engine that answers now."""
    return psutil.Process(engines.status()[0].pid).memory_full_info().pss / 2**20


def _rows(alone: float, many: float, arrival: float, shots: list[tuple[float, float, float]]) -> list[Row]:
    over, one = median(shot[1] / shot[0] for shot in shots), median(shot[2] / shot[0] for shot in shots)
    memory = f"{many:.0f} MiB with {ADAPTERS} adapters, {alone:.0f} MiB without"
    speeds = f"{STREAMS} streams: base {median(shot[0] for shot in shots):.1f} tokens/s"
    data = {"shots": shots, "alone": alone, "many": many}
    return [
        Row("adapters", f"memory of {ADAPTERS} over the base", many / alone, "x", 1.3, True, memory, data),
        Row("adapters", f"{STREAMS} adapters to the base, tokens/s", over, "x", 0.8, False, speeds),
        Row("adapters", "one adapter to the base, tokens/s", one, "x", None, False, speeds),
        Row("adapters", "first answer of new adapters on a running base", arrival, "s", 10.0, True),
    ]
