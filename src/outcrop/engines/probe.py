"""Whether an engine really works here: it must load a model and generate, and agree with the wheel on what it says.

Knows nothing of how the engine was made. A build for the wrong processor dies of SIGILL only when it computes.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from ..errors import ServiceError
from . import engine
from .endpoint import KINDS, Endpoint
from .llama import Options
from .post import Client
from .process import EngineFailed, EngineProcess

PEBBLE = Path(__file__).parents[1] / "models" / "pebble-v1.gguf"
PROMPT = "The quick brown fox jumps over the lazy dog. " * 12
START_S = 120.0
TOLERANCE = 0.3
"""Largest difference in the log-probability of a likely token; packings and kernels round differently."""


def probe(binary: str) -> None:
    """Generate with `binary` and with the wheel and compare. Raises EngineFailed with the reason."""
    with tempfile.TemporaryDirectory(prefix="outcrop-probe-") as folder:
        for model in _models(Path(folder)):
            asyncio.run(_compare(model, binary))


def _models(folder: Path) -> list[Path]:
    """Packed weights wide enough for matrix instructions, and the model in the box."""
    import gguf

    from .tiny_model import tiny_gguf

    made = tiny_gguf(
        folder / "probe.gguf", width=256, heads=4, kv_heads=4, feed_forward=512, vocabulary=1024,
        quantization=gguf.GGMLQuantizationType.Q8_0,
    )  # fmt: skip
    return [made, PEBBLE] if PEBBLE.is_file() else [made]


async def _compare(model: Path, binary: str) -> None:
    mine, theirs = await _likely(model, binary), await _likely(model, "")
    shared = mine.keys() & theirs.keys()
    apart = max((abs(mine[token] - theirs[token]) for token in shared), default=TOLERANCE + 1)
    if len(shared) < len(theirs) // 2 or apart > TOLERANCE:
        raise EngineFailed(f"it computes something else than the wheel (log-probabilities {apart:.2f} apart)")


async def _likely(model: Path, binary: str) -> dict[int, float]:
    """The likeliest first tokens after a long prompt, and their log-probabilities; several tokens are generated."""
    options = Options(
        str(model), key="probe", context=1024, slots=2, pool=2048, shared=False, threads=2, prompt_cache_mib=0,
        binary=binary,
    )  # fmt: skip
    process = await EngineProcess.start(engine.COMMAND, options.line(), START_S, lambda _: None)
    try:
        answers = await asyncio.gather(*(_complete(process.address) for _ in range(2)))
    except ServiceError as error:
        await process.settle()
        raise EngineFailed(process.death() if not process.running else str(error)) from error
    finally:
        await process.stop()
    first = answers[0]["choices"][0]["logprobs"]["content"][0]
    return {token["id"]: token["logprob"] for token in first["top_logprobs"]}


async def _complete(address: str) -> dict[str, Any]:
    """Two at once, so that batched decoding is met too."""
    body = {"prompt": PROMPT, "max_tokens": 16, "temperature": 0, "logprobs": 10, "ignore_eos": True}
    async with Client(START_S) as http:
        return await http.post(Endpoint(address, KINDS["llama"], key="probe"), "/v1/completions", body)
