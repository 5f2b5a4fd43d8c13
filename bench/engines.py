"""Two ways to one engine: the engine itself, and Outcrop before it, which knows it as a remote model.

Starts the engine as the server would start its own, so that both ways end in the very same process.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from outcrop.catalog import Model
from outcrop.config import Settings
from outcrop.engines.endpoint import Endpoint
from outcrop.engines.pool import Engines
from outcrop.engines.tiny_model import tiny_gguf

from . import ask, house

PEBBLE = Path(house.__file__).parent.parent / "src/outcrop/models/pebble-v1.gguf"
ENDINGS = ("<|im_end|>", "<|endoftext|>", "</s>", "<think>", "</think>", "<tool_call>", "</tool_call>")
"""Tokens that would end an answer before its limit, or begin something else."""
SLOTS = 32
MODEL = "bench.engine"


@dataclass(frozen=True)
class Ways:
    """Makes the same question for both: at the engine's port, and at Outcrop's, with what keeps answers from ending."""

    engine: Endpoint
    server: house.Served
    key: house.Secret
    biased: dict[str, Any]

    @property
    def engine_port(self) -> int:
        return int(self.engine.url.rsplit(":", 1)[1])

    def bare(self, text: str, tokens: int) -> bytes:
        return ask.completion(self.engine_port, "default", text, tokens, self.engine.key, stream=True, **self.biased)

    def outcrop(self, text: str, tokens: int) -> bytes:
        return ask.converse(self.server.port, self.key, MODEL, text, tokens, stream=True, **self.biased)


def measured(model: Path, folder: Path, work: Callable[[Ways], Awaitable[Any]]) -> Any:
    """Run `work` on both ways to an engine of `model`."""
    return asyncio.run(_measured(model, folder, work))


async def _measured(model: Path, folder: Path, work: Callable[[Ways], Awaitable[Any]]) -> Any:
    settings = dataclasses.replace(Settings(), home=folder / "engine-home", engine_slots=SLOTS, idle_unload_s=0)
    engines = Engines(settings)
    try:
        async with engines.lease(Model(MODEL, "Bench", "bench", str(model)), slot=False) as endpoint:
            home = folder / f"home-{model.stem}"
            entry = house.remote(MODEL, endpoint.url, endpoint.key, "llama")
            key = await asyncio.to_thread(house.furnish, home, [entry])
            with house.outcrop(home) as server:
                return await work(Ways(endpoint, server, key, await asyncio.to_thread(endless, endpoint)))
    finally:
        await engines.close()


def endless(endpoint: Endpoint) -> dict[str, Any]:
    """The logit_bias that keeps an answer going to its limit."""
    single = [ids[0] for word in ENDINGS if len(ids := tokenize(endpoint, word)) == 1]
    return {"logit_bias": {str(token): -100 for token in single}}


def tokenize(endpoint: Endpoint, text: str) -> list[int]:
    body = json.dumps({"content": text, "add_special": False, "parse_special": True}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.key}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{endpoint.url}/tokenize", body, headers), timeout=30
    ) as answer:
        return json.load(answer)["tokens"]


def shape_150m(folder: Path) -> Path:
    """A Qwen3 shape of 150M parameters, random weights, Q8_0: as much work a token as a real one."""
    return tiny_gguf(
        folder / "shape-150m.gguf",
        width=768,
        layers=16,
        heads=12,
        kv_heads=4,
        feed_forward=3072,
        context=2048,
        vocabulary=16384,
        quantization=gguf.GGMLQuantizationType.Q8_0,
    )


def small(folder: Path) -> tuple[str, Path]:
    """Pebble, or a shape of its size with random weights where it is not there (a checkout before its training)."""
    if PEBBLE.exists():
        return "Pebble", PEBBLE
    shape = {"width": 256, "layers": 8, "heads": 4, "kv_heads": 2, "feed_forward": 768, "vocabulary": 4096}
    path = tiny_gguf(folder / "shape-6m.gguf", quantization=gguf.GGMLQuantizationType.Q8_0, **shape)
    return "a 6M shape (no Pebble here)", path
