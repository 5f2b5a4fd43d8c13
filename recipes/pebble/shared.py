# ruff: noqa: E501
"""Openly licensed human text beside the repository (``../shared/data``), where it is present; the recipe goes on without it.

Knows nothing of tasks. Licences: ``../shared/data/SOURCES.md`` and the model card.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

from outcrop.evaluation.pebble.words import HELD_OUT

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data"
HELD_STEMS = (
    "stalk",
    "counterfeit",
    "poison",
    "arson",
    "set fire",
    "blackmail",
    "kidnap",
    "extort",
    "traffick",
    "vandal",
    "graffiti",
    "impersonat",
    "perjur",
    "brib",
)


@cache
def _lines(name: str) -> list[str]:
    """The lines of a file, or none, with a word on stderr about what is missing."""
    path = ROOT / name
    if not path.exists():
        print(f"recipes.pebble: {path} is missing; going on without it (see {ROOT}/SOURCES.md)", file=sys.stderr)
        return []
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [line for line in text.splitlines(keepends=True) if line.strip()]


def _jsonl(name: str) -> list[dict]:
    return [json.loads(line) for line in _lines(name)]


def _csv(name: str) -> list[dict]:
    return list(csv.DictReader(_lines(name)))


@cache
def stories_of_numbers() -> list[dict]:
    """GSM8K, train part: ``question`` and ``answer`` (MIT)."""
    return _jsonl("text/gsm8k_train.jsonl.gz")


@cache
def dialogues() -> list[list[list[str]]]:
    """Taskmaster 3 and 4, a part: turns of [speaker, text] (CC BY 4.0)."""
    return [record["turns"] for record in _jsonl("text/taskmaster_dialogues.jsonl.gz")]


@cache
def words() -> list[str]:
    """The rarer words of those texts, in the order of the alphabet: real spellings to copy, whatever they mean."""
    texts = [t for turns in dialogues() for _, t in turns] + [r["question"] for r in stories_of_numbers()]
    counts = Counter(w for text in texts for w in re.findall(r"\b[a-z]{4,11}\b", text))
    rare = [w for w, times in counts.most_common()[400:] if times > 2]
    return sorted(w for w in rare if not any(w.startswith(held) for held in HELD_OUT))


@cache
def harmful() -> list[str]:
    """Requests to decline, less the families kept for the scorecard: AdvBench, HarmBench (MIT), XSTest dev (CC BY 4.0)."""
    found = [r["Behavior"] for r in _csv("safety/advbench_behaviors.csv")]
    found += [
        r["Behavior"] for r in _csv("safety/harmbench_behaviors_text_all.csv") if r["FunctionalCategory"] == "standard"
    ]
    found += [r["prompt"] for r in _csv("safety/xstest_dev.csv") if r["label"] == "unsafe"]
    return [text for text in found if len(text) < 160 and not any(stem in text.lower() for stem in HELD_STEMS)]


@cache
def beyond() -> list[str]:
    """Harmless requests that need a larger model: self-instruct (Apache-2.0), benign security questions (MIT)."""
    found = [
        r["instruction"]
        for name in ("selfinstruct_seed_tasks", "selfinstruct_user_oriented")
        for r in _jsonl(f"text/{name}.jsonl")
    ]
    cyber = json.loads("".join(_lines("safety/benign_cyber_dev.json")) or "[]")
    found += [r["mutated_prompt"] for r in cyber]
    found += [r["prompt"] for r in _csv("safety/xstest_dev.csv") if r["label"] == "safe"]
    return [text for text in found if len(text) < 220 and not any(stem in text.lower() for stem in HELD_STEMS)]
