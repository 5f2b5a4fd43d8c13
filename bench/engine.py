"""Engines side by side: the wheel, and a llama-server built here (or any given by path), in one run with ratios.

Knows the engines' HTTP API only; the model is random weights of Qwen2.5-0.5B's shape in Q8_0, made once.
    python -m bench.engine                     # the wheel against what `outcrop engine build` left
    python -m bench.engine /path/llama-server   # the wheel against another one
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from outcrop import config
from outcrop.engines import choice, engine, machine
from outcrop.engines.endpoint import KINDS, Endpoint
from outcrop.engines.llama import Options
from outcrop.engines.post import Client
from outcrop.engines.process import EngineProcess

SHAPE = {"width": 896, "layers": 24, "heads": 14, "kv_heads": 2, "feed_forward": 4864, "vocabulary": 151_936}
PREFIX_TOKENS = 1500


@dataclass
class Result:
    """What one engine reached: tokens a second, and milliseconds to the first token on a prefix it has seen."""

    prefill: float = 0.0
    decode: float = 0.0
    streams16: float = 0.0
    warm_prefix_ms: float = 1e9

    def best(self, other: Result) -> Result:
        """The better of two rounds, each figure for itself: a shared machine only ever makes them worse."""
        return Result(
            max(self.prefill, other.prefill),
            max(self.decode, other.decode),
            max(self.streams16, other.streams16),
            min(self.warm_prefix_ms, other.warm_prefix_ms),
        )


async def measure(model: Path, binary: str, threads: int, quick: bool) -> Result:
    options = Options(
        str(model), key="bench", context=2048, slots=16, pool=2048 * 16, shared=False, threads=threads,
        prompt_cache_mib=64, binary=binary,
    )  # fmt: skip
    process = await EngineProcess.start(engine.COMMAND, options.line(), 120, lambda _: None)
    try:
        async with Client(600) as http:
            return await _figures(
                Asker(http, Endpoint(process.address, KINDS["llama"], key="bench")), 4 if quick else 1
            )
    finally:
        await process.stop()


async def _figures(engine: Asker, divisor: int) -> Result:
    await engine.complete(16, 4)
    cold = await engine.complete(512 // divisor, 1)
    long = await engine.complete(16, 64 // divisor)
    prefix = PREFIX_TOKENS // divisor
    await engine.complete(prefix, 1, salt=7)
    began = time.perf_counter()
    await engine.complete(prefix, 1, salt=7, tail=(11, 12, 13))
    warm = (time.perf_counter() - began) * 1000
    each = 48 // divisor
    began = time.perf_counter()
    await asyncio.gather(*(engine.complete(16, each, salt=i) for i in range(16)))
    streams = 16 * each / (time.perf_counter() - began)
    return Result(cold["prompt_per_second"], long["predicted_per_second"], streams, warm)


@dataclass
class Asker:
    """One engine under measurement."""

    http: Client
    endpoint: Endpoint

    async def complete(self, prompt: int, answer: int, salt: int = 0, tail: tuple[int, ...] = ()) -> dict:
        """The engine's own timings of one completion; `salt` makes prompts that share no prefix."""
        tokens = [300 + (salt * 7919 + i * i) % 50_000 for i in range(prompt)]
        asked = {"prompt": [*tokens, *tail], "n_predict": answer}
        more = {"ignore_eos": True, "cache_prompt": True, "temperature": 0}
        return (await self.http.post(self.endpoint, "/completion", asked | more))["timings"]


def model_file(folder: Path) -> Path:
    path = folder / "bench-0.5b-q8_0.gguf"
    if not path.exists():
        import gguf

        from outcrop.engines.tiny_model import tiny_gguf

        print("making the model (529 MB of random weights)", file=sys.stderr)
        draft = path.with_suffix(".draft")
        tiny_gguf(draft, quantization=gguf.GGMLQuantizationType.Q8_0, **SHAPE)
        draft.replace(path)
    return path


def contestants(paths: list[str], home: Path) -> dict[str, str]:
    """Label -> binary ("" is the wheel), the wheel first."""
    rows = {choice.wheel("").label: ""}
    built = choice.runnable(choice.recorded(home))
    rows.update({path: path for path in paths} or ({built.label: built.binary} if built else {}))
    return rows


def show(results: dict[str, Result]) -> None:
    first = next(iter(results.values()))
    print(f"{'engine':44} {'prefill':>16} {'decode':>16} {'16 streams':>16} {'warm prefix':>18}")
    for label, r in results.items():
        cells = [(r.prefill, first.prefill), (r.decode, first.decode), (r.streams16, first.streams16)]
        text = " ".join(f"{mine:8.1f} ({mine / base:4.2f}x)" for mine, base in cells)
        print(f"{label[-44:]:44} {text} {r.warm_prefix_ms:8.0f} ms ({first.warm_prefix_ms / r.warm_prefix_ms:4.2f}x)")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binaries", nargs="*", help="llama-server paths; none means the one built here")
    parser.add_argument("--rounds", type=int, default=2, help="rounds, engines taking turns; the best figure counts")
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument("--quick", action="store_true", help="a quarter of the tokens")
    parser.add_argument("--model", type=Path, help="another GGUF with at least 51,000 tokens of vocabulary")
    args = parser.parse_args()
    home = config.load().home
    folder = home / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    model = args.model or model_file(folder)
    results: dict[str, Result] = {}
    for _ in range(args.rounds):
        for label, binary in contestants(args.binaries, home).items():
            got = await measure(model, binary, args.threads, args.quick)
            results[label] = results.get(label, got).best(got)
    show(results)
    facts = {"machine": platform.machine(), "threads": args.threads, "flags": sorted(machine.cpu_flags() & NOTABLE)}
    print(json.dumps({**facts, "results": {label: asdict(result) for label, result in results.items()}}))


NOTABLE = {"avx2", "avx512f", "avx512_vnni", "amx_int8", "asimd", "sve"}

if __name__ == "__main__":
    asyncio.run(main())
