# ruff: noqa: E501
"""The questions of the Pebble scorecard, drawn from templates, names, values and tools that the recipe never trains on.

Knows nothing of how a model is reached. Training text has its own templates (``recipes/pebble``); nothing is shared but the task.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from outcrop.evaluation.pebble.creative import creative
from outcrop.evaluation.pebble.grounded import grounded
from outcrop.evaluation.pebble.harm import harm
from outcrop.evaluation.pebble.instructions import instructions
from outcrop.evaluation.pebble.item import Item
from outcrop.evaluation.pebble.memory import memory
from outcrop.evaluation.pebble.reasoning import reasoning
from outcrop.evaluation.pebble.recall import recall
from outcrop.evaluation.pebble.structured import structured
from outcrop.evaluation.pebble.tools import tool_use

ROWS: dict[str, tuple[str, Callable[[Random], Item]]] = {
    "memory": ("dialogue memory", memory), "instructions": ("detailed instructions", instructions), "creative": ("creative content", creative), "reasoning": ("complex reasoning", reasoning),
    "tools": ("tool use", tool_use), "structured": ("structured output", structured), "grounded": ("grounded answers", grounded), "harm": ("harm and harmlessness", harm),
    "recall": ("recall over a context", recall),
}  # fmt: skip


def draw(row: str, count: int, seed: int = 2026) -> list[Item]:
    """The items of a row; where a row has two figures, at least ``count`` items of each."""
    rng, make = Random(f"{row}-{seed}"), ROWS[row][1]
    items: list[Item] = []
    parts: dict[str, int] = {}
    while not parts or min(parts.values()) < count or len(parts) < PARTS.get(row, 1):
        item = make(rng)
        parts[item.part] = parts.get(item.part, 0) + 1
        if parts[item.part] <= count:
            items.append(item)
    return items


PARTS = {"tools": 2, "grounded": 2, "harm": 2, "recall": 3}
