"""Row `requests`: whole Converse requests a second on one core, signatures checked, beside LiteLLM's proxy.

Both stand before the same stub engine, take turns, and are kept on the same core; stub and generator share the other.
An answer is TOKENS tokens long. Outcrop reads it as a stream (it always does), LiteLLM as one JSON body. The stub
stands for an OpenAI-compatible server that keeps its connections; llama.cpp closes them after each stream, so Outcrop
opens one for each request to it: `llama` is that way to the same stub.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from . import ask, house, litellm, machine
from .load import Result, drive
from .table import Row

ROUNDS, SECONDS, CONNECTIONS, TOKENS = 5, 3, 32, 16
PAIRS = 200
"""Requests one after the other, for the added latency."""
MODEL, LLAMA = "bench.stub", "bench.llama"
TEXT = "Name a rock that is older than the hills."

Drive = Callable[..., Result]


def run() -> list[Row]:
    mine, other = machine.apart()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        version = litellm.installed()
        stub = stack.enter_context(house.stub(folder, other))
        url = f"http://127.0.0.1:{stub.port}"
        key = house.furnish(folder / "home", [house.remote(MODEL, url), house.remote(LLAMA, url, kind="llama")])
        ours = stack.enter_context(house.outcrop(folder / "home", mine))
        theirs = stack.enter_context(litellm.proxy(folder, stub.port, mine))
        questions = {
            "outcrop": (ours.port, ask.converse(ours.port, key, MODEL, TEXT, TOKENS)),
            "llama": (ours.port, ask.converse(ours.port, key, LLAMA, TEXT, TOKENS)),
            "litellm": (theirs.port, ask.completion(theirs.port, litellm.MODEL, TEXT, TOKENS, litellm.MASTER_KEY)),
            "stub": (stub.port, ask.completion(stub.port, "default", TEXT, TOKENS, None)),
            "stub streamed": (stub.port, ask.completion(stub.port, "default", TEXT, TOKENS, None, stream=True)),
        }
        return measure(questions, {"outcrop": ours, "llama": ours, "litellm": theirs}, other, version)


def measure(
    questions: dict[str, tuple[int, bytes]], servers: dict[str, house.Served], core: int | None, version: str
) -> list[Row]:
    def one(name: str, **job: int) -> Result:
        port, request = questions[name]
        return drive(port, [request], core, **job)

    for name in questions:
        one(name, connections=CONNECTIONS, seconds=1)  # warm
    rates: dict[str, list[float]] = {name: [] for name in questions}
    busy: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name in questions:
            before = servers[name].cpu() if name in servers else 0.0
            result = one(name, connections=CONNECTIONS, seconds=SECONDS)
            rates[name].append(result.rate)
            if name in servers:
                busy[name].append(result.answers / (servers[name].cpu() - before))
    alone = {name: median(one(name, each=PAIRS).total) * 1000 for name in questions}
    data = {"rates": rates, "per_cpu_second": busy, "alone_ms": alone, "litellm": version}
    return _rows({n: median(r) for n, r in rates.items()}, {n: median(r) for n, r in busy.items()}, alone, data)


def _rows(rate: dict[str, float], busy: dict[str, float], alone: dict[str, float], data: dict[str, Any]) -> list[Row]:
    ceiling = (
        f"generator and stub alone on their core: {rate['stub']:,.0f}/s whole, {rate['stub streamed']:,.0f}/s streamed"
    )
    added = {"outcrop": alone["outcrop"] - alone["stub streamed"], "litellm": alone["litellm"] - alone["stub"]}
    note = f"best round {max(data['rates']['outcrop']):,.0f}/s; {busy['outcrop']:,.0f} a CPU second; {ceiling}"
    rounds = zip(data["rates"]["outcrop"], data["rates"]["litellm"], strict=True)
    ratio = median(ours / peer for ours, peer in rounds)
    theirs = f"{data['litellm']}; {busy['litellm']:,.0f} a CPU second"
    return [
        Row("requests", "Converse on one core, SigV4", rate["outcrop"], "/s", 1000, note=note, data=data),
        Row("requests", "the same, a connection for each request", rate["llama"], "/s", note="as llama.cpp needs it"),
        Row("requests", "LiteLLM's proxy, same core and stub", rate["litellm"], "/s", note=theirs),
        Row("requests", "ratio", ratio, "×", 10, note="median of the rounds"),
        Row("requests", "added latency, Outcrop, one at a time", added["outcrop"], "ms"),
        Row("requests", "added latency, LiteLLM, one at a time", added["litellm"], "ms"),
    ]
