# ruff: noqa: E501
"""What the lessons share with the scorecard: runs of words of its questions that a training text holds as well.

``python -m recipes.pebble.overlap`` prints the shared runs of five words by frequency; a test holds whole questions apart.
"""

from __future__ import annotations

import re
from collections import Counter

from recipes.pebble import data

from outcrop.evaluation.pebble import rows
from outcrop.evaluation.pebble.words import HELD_OUT

RUN = 5


def runs(text: str, length: int = RUN) -> set[tuple[str, ...]]:
    """Every run of so many words; held-out words and digits, which vary from question to question, count as one blank."""
    words = ["_" if w in HELD_OUT or w.isdigit() else w for w in re.findall(r"[a-z']+|\d+", text.lower())]
    return {run for run in zip(*(words[i:] for i in range(length)), strict=False) if run.count("_") < 2}


def asked(count: int = 60) -> dict[str, set[tuple[str, ...]]]:
    """The runs of a row's questions."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for row in rows.ROWS:
        texts = [m["content"][0].get("text", "") for item in rows.draw(row, count) for m in item.messages]
        found[row] = set().union(*(runs(text) for text in texts))
    return found


def shared(documents: int = 6000, seed: int = 77) -> dict[str, Counter]:
    """Shared runs by row, with how many of the documents hold each."""
    wanted = asked()
    counts: dict[str, Counter] = {row: Counter() for row in wanted}
    for text in data.texts(seed, documents):
        here = runs(text)
        for row, its in wanted.items():
            counts[row].update(here & its)
    return counts


def main() -> None:
    wanted = asked()
    for row, counts in shared().items():
        print(f"{row}: {len(counts)} of {len(wanted[row])} runs of {RUN} words shared")
        for run, times in counts.most_common(12):
            print(f"  {times:5} {' '.join(run)}")


if __name__ == "__main__":
    main()
