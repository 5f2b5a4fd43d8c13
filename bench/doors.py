"""Row `doors`: requests and streamed tokens a second through each door, beside Converse's, on one core.

All stand before the same stub engine and are asked the same question, signed the same way; they take turns. To add a
door: one line in DOORS.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from . import ask, house, machine
from .load import drive
from .table import Row

ROUNDS, SECONDS, CONNECTIONS = 16, 1, 32
"""Many short rounds, every other one backwards: where a machine's speed drifts, it drifts for all."""
WHOLE_TOKENS, STREAM_TOKENS = 16, 256
TARGET = 0.9
MODEL = "bench.stub"
TEXT = "Name a rock that is older than the hills."
CHAT = [{"role": "user", "content": TEXT}]


Measured = dict[str, list[float]]


@dataclass(frozen=True)
class Door:
    """Where a door is asked and how it is told the number of tokens; `streamed` makes the body one of a stream."""

    path: str
    tokens: str
    body: dict[str, Any]
    streamed_path: str = ""

    def request(self, port: int, key: house.Secret, tokens: int, stream: bool) -> bytes:
        path = self.streamed_path if stream and self.streamed_path else self.path
        told = {**self.body, **_placed(self.tokens, tokens), **({"stream": True} if stream else {})}
        if self.streamed_path:
            told.pop("stream", None)
        data = json.dumps(told).encode()
        return ask.post(port, path, ask.signed(f"http://127.0.0.1:{port}{path}", data, key), data)


def _placed(place: str, value: int) -> dict[str, Any]:
    outer, _, inner = place.partition(".")
    return {outer: {inner: value}} if inner else {outer: value}


DOORS = {
    "Converse": Door(
        f"/model/{MODEL}/converse",
        "inferenceConfig.maxTokens",
        {"messages": [{"role": "user", "content": [{"text": TEXT}]}]},
        f"/model/{MODEL}/converse-stream",
    ),
    "OpenAI chat completions": Door("/v1/chat/completions", "max_tokens", {"model": MODEL, "messages": CHAT}),
    "OpenAI responses": Door("/v1/responses", "max_output_tokens", {"model": MODEL, "input": TEXT, "store": False}),
    "Anthropic messages": Door("/anthropic/v1/messages", "max_tokens", {"model": MODEL, "messages": CHAT}),
}
"""Name -> door; the first is what the others are measured by."""


def run() -> list[Row]:
    mine, other = machine.apart()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stub = stack.enter_context(house.stub(folder, other))
        key = house.furnish(folder / "home", [house.remote(MODEL, f"http://127.0.0.1:{stub.port}")])
        ours = stack.enter_context(house.outcrop(folder / "home", mine))
        return [*_rows(ours, key, other, False), *_rows(ours, key, other, True)]


def _rows(server: house.Served, key: house.Secret, core: int | None, stream: bool) -> list[Row]:
    tokens = STREAM_TOKENS if stream else WHOLE_TOKENS
    asked = {name: door.request(server.port, key, tokens, stream) for name, door in DOORS.items()}
    for request in asked.values():
        drive(server.port, [request], core, connections=CONNECTIONS, seconds=1)  # warm
    rates: dict[str, list[float]] = {name: [] for name in asked}
    busy: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(ROUNDS):
        for name, request in sorted(asked.items(), reverse=bool(turn % 2)):
            before = server.cpu()
            result = drive(server.port, [request], core, connections=CONNECTIONS, seconds=SECONDS)
            rates[name].append(result.rate)
            busy[name].append(result.answers / (server.cpu() - before))
    return [_row(name, rates, busy, tokens, stream) for name in asked]


def _row(name: str, rates: Measured, busy: Measured, tokens: int, stream: bool) -> Row:
    first = next(iter(rates))
    factor, unit = (tokens, "tokens/s") if stream else (1, "requests/s")
    what = f"{name}, {'streamed' if stream else 'whole'}"
    note = f"{median(busy[name]) * factor:,.0f} a CPU second"
    if name == first:
        data = {"rates": rates, "per_cpu_second": busy}
        return Row("doors", what, median(rates[name]) * factor, f" {unit}", note=note, data=data)
    note = f"{median(rates[name]) * factor:,.0f} {unit}; {note}: {_against(busy, name, first):.2f} of {first}'s"
    return Row("doors", f"{what}: against {first}", _against(rates, name, first), "", TARGET, note=note)


def _against(measured: Measured, name: str, first: str) -> float:
    """The median of the rounds' ratios."""
    return median(one / other for one, other in zip(measured[name], measured[first], strict=True))
