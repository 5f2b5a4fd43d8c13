"""Row `events`: stream events a second through ConverseStream on one core.

The stub writes long answers in bursts; whole event-stream frames are counted where they arrive.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from . import ask, house, machine
from .load import Result, drive
from .table import Row

ROUNDS, SECONDS, CONNECTIONS, TOKENS = 5, 4, 8, 2000
MODEL = "bench.stub"


def run() -> list[Row]:
    mine, other = machine.apart()
    with tempfile.TemporaryDirectory() as name, house.stub(Path(name), other) as stub:
        home = Path(name) / "home"
        key = house.furnish(home, [house.remote(MODEL, f"http://127.0.0.1:{stub.port}")])
        with house.outcrop(home, mine) as server:
            return measure(server, stub, key, other)


def measure(server: house.Served, stub: house.Served, key: house.Secret, core: int | None) -> list[Row]:
    question = ask.converse(server.port, key, MODEL, "Go on.", TOKENS, stream=True)
    bare = ask.completion(stub.port, "default", "Go on.", TOKENS, None, stream=True)
    job = {"connections": CONNECTIONS, "seconds": SECONDS}
    drive(server.port, [question], core, **{**job, "seconds": 1}, sink="frames")  # warm
    rates, busy, ceilings = [], [], []
    for _ in range(ROUNDS):
        before = server.cpu()
        result = drive(server.port, [question], core, **job, sink="frames")
        check(result)
        rates.append(result.events / result.wall)
        busy.append(result.events / (server.cpu() - before))
        ceiling = drive(stub.port, [bare], core, **job, sink="lines")
        ceilings.append(ceiling.events / ceiling.wall)
    note = f"{median(busy):,.0f} a CPU second; generator and stub alone on their core: {median(ceilings):,.0f}/s"
    data = {"rates": rates, "per_cpu_second": busy, "ceilings": ceilings, "tokens": TOKENS, "connections": CONNECTIONS}
    return [Row("events", "ConverseStream events on one core", median(rates), "/s", 20_000, note=note, data=data)]


def check(result: Result) -> None:
    """Every answer must be whole: messageStart, TOKENS deltas, contentBlockStop, messageStop, metadata."""
    if result.events != result.answers * (TOKENS + 4):
        raise RuntimeError(f"{result.events} events in {result.answers} answers, not {TOKENS + 4} each")
