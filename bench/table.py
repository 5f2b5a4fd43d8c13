"""The rows of a run: one markdown table for people, one JSON file for later runs.

Knows nothing of how numbers come about.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One measured number. `target` None: reported beside its neighbours, with no target of its own."""

    row: str
    what: str
    value: float
    unit: str = ""
    target: float | None = None
    most: bool = False
    """The target is the most it may be, not the least."""
    note: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    """What the number was made from; for the JSON only."""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.most else self.value >= self.target


def markdown(rows: list[Row], machine: dict[str, Any]) -> str:
    lines = [_machine(machine), "", "| row | what | measured | target | met | note |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *map(_line, rows)])


def write(rows: list[Row], machine: dict[str, Any], when: str) -> Path:
    """`when` is an ISO time; one file for each run."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{when.replace(':', '')}.json"
    path.write_text(
        json.dumps({"when": when, "machine": machine, "rows": [_json(row) for row in rows]}, indent=1) + "\n"
    )
    return path


def _json(row: Row) -> dict[str, Any]:
    return {**asdict(row), "met": row.met}


def _line(row: Row) -> str:
    target = "" if row.target is None else f"{'≤' if row.most else '≥'} {_number(row.target)} {row.unit}".strip()
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    return (
        f"| {row.row} | {row.what} | {_number(row.value)} {row.unit}".rstrip() + f" | {target} | {met} | {row.note} |"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores ({' '.join(machine['flags'])}), {machine['memory_gib']} GiB; "
        f"{machine['system']}; Python {machine['python']}; {versions}; Outcrop {machine['commit']}; "
        f"load average at the start {machine['load'][0]}, niceness {machine['niceness']}, "
        f"a million additions in Python {machine['loop_ms']} ms"
    )
