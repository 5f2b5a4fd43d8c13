"""Row `engine`: the llama-server built for this machine against the wheel, as `bench/engine.py` measures them.

The targets are those of a CPU with AMX: on another they are not set, and the table says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from . import machine
from .table import Row

TARGETS = {"prefill": 5.0, "streams16": 4.0, "decode": None}
NAMES = {"prefill": "prefill", "streams16": "tokens/s over 16 streams", "decode": "decode, one stream"}


def run() -> list[Row]:
    done = subprocess.run([sys.executable, "bench/engine.py"], stdout=subprocess.PIPE, text=True, check=True)
    facts = json.loads(done.stdout.splitlines()[-1])
    labels = list(facts["results"])
    if len(labels) < 2:
        raise RuntimeError("there is no built engine on this home: `outcrop engine build` makes one (five minutes)")
    return [_row(figure, labels, facts) for figure in NAMES]


def _row(figure: str, labels: list[str], facts: dict[str, Any]) -> Row:
    """The built engine is the one after the wheel."""
    wheel, built = (facts["results"][label][figure] for label in labels[:2])
    amx = any(flag.startswith("amx") for flag in machine.describe()["flags"])
    note = f"{built:,.1f} against {wheel:,.1f}; {labels[1]}" + ("" if amx else "; the target is for a CPU with AMX")
    target = TARGETS[figure] if amx else None
    return Row(
        "engine", f"built / wheel, 0.5B Q8_0: {NAMES[figure]}", built / wheel, "×", target, note=note, data=facts
    )
