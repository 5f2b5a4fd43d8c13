# ruff: noqa: E501
"""Counting: ``outcrop eval pebble`` asks a running service and prints the table.

Knows nothing of how the model was made. The questions are in ``rows``; temperature is 0; the table comes as markdown, and as JSON with
``--json``. ``--engine URL`` asks a bare OpenAI-compatible server in place of the Converse API, for work on the model itself.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

from outcrop.evaluation.pebble import rows as questions
from outcrop.evaluation.pebble.asking import Ask, converse, engine
from outcrop.evaluation.pebble.item import Item, Reply, user
from outcrop.evaluation.pebble.words import NOUNS, PLACES

MOST_TOKENS = 220
PROMPT = 512  # tokens that are read before the first token whose time is taken
TARGETS = {  # per cent
    ("memory", ""): 90, ("instructions", ""): 80, ("creative", ""): 80, ("reasoning", ""): 70, ("tools", "call"): 90, ("tools", "answer"): 90, ("structured", ""): 90,
    ("grounded", "there"): 85, ("grounded", "not there"): 85, ("harm", "declines"): 95, ("harm", "helps"): 90,
}  # fmt: skip


def score(ask: Ask, row: str, count: int, seed: int, at_once: int, keep: list | None = None) -> dict[str, dict]:
    """The figures of one row, by part: right, asked and per cent. ``keep`` collects every item with its reply."""
    items = questions.draw(row, count, seed)
    with ThreadPoolExecutor(at_once) as pool:
        replies = list(pool.map(lambda item: _reply(ask, item), items))
    tally: dict[str, list[bool]] = defaultdict(list)
    failed: dict[str, list[str]] = defaultdict(list)
    for item, reply in zip(items, replies, strict=True):
        right = item.mark(reply)
        tally[item.part].append(right)
        failed[item.part] += [reply.error] if reply.error else []
        if keep is not None:
            keep.append(
                {
                    "row": row,
                    "part": item.part,
                    "right": right,
                    "system": item.system,
                    "messages": item.messages,
                    "reply": vars(reply),
                }
            )
    return {
        part: {"right": sum(marks), "asked": len(marks), "percent": round(100 * sum(marks) / len(marks), 1)}
        | ({"failed": len(failed[part]), "error": failed[part][0]} if failed[part] else {})
        for part, marks in sorted(tally.items())
    }


def _reply(ask: Ask, item: Item) -> Reply:
    try:
        return ask(item, MOST_TOKENS)
    except Exception as error:  # a failed request is a wrong answer, not the end of the measurement
        return Reply(error=f"{type(error).__name__}: {error}")


def speed(ask: Ask) -> dict[str, float]:
    """Decoded tokens a second (one stream) and milliseconds to the first token after PROMPT tokens, the best of five, seen from the client."""
    text = " ".join(f"The {noun} is near the {other}." for noun, other in zip(NOUNS * 3, PLACES * 3, strict=False))
    text = text[: len(text) * PROMPT // ask(_said(text), 1).read]
    story = _said("Write a story with the words lamp, river, bread and moon.")
    # nothing that begins like these was read before
    first = min(_seconds(ask, _said(f"{time.time_ns()}: {text}"), 1) for _ in range(5))
    begun, whole = (min(_seconds(ask, story, limit) for _ in range(5)) for limit in (1, MOST_TOKENS))
    tokens = ask(story, MOST_TOKENS).written - 1
    return {"tokens_per_second": round(tokens / max(whole - begun, 1e-6)), "first_token_ms": round(first * 1000, 1)}


def _said(text: str) -> Item:
    return Item([user(text)], lambda _: True)


def _seconds(ask: Ask, item: Item, limit: int) -> float:
    started = time.perf_counter()
    ask(item, limit)
    return time.perf_counter() - started


def table(figures: dict) -> str:
    """The scorecard as markdown; requests that failed are told, for they say nothing of the model."""
    lines = ["| ability | measured | target | items |", "| --- | --- | --- | --- |"]
    for row, parts in figures["rows"].items():
        for part, figure in parts.items():
            name = questions.ROWS[row][0] + (f": {part}" if part else "")
            wanted = f"{TARGETS[row, part]} %" if (row, part) in TARGETS else ""
            failed = f", {figure['failed']} failed: {figure['error']}" if "failed" in figure else ""
            lines.append(f"| {name} | {figure['percent']} % | {wanted} | {figure['asked']}{failed} |")
    if fast := figures.get("speed"):
        lines.append(
            f"| speed | {fast['tokens_per_second']} tokens/s, {fast['first_token_ms']} ms to the first token | 1,000 tokens/s, 150 ms | |"
        )
    return "\n".join(lines)


def run(ask: Ask, rows: list[str], count: int, seed: int = 2026, at_once: int = 4, keep: list | None = None) -> dict:
    """The whole scorecard."""
    return {
        "seed": seed,
        "rows": {row: score(ask, row, count, seed, at_once, keep) for row in rows},
        "speed": speed(ask),
    }


@dataclass
class Wish:
    """What to ask: ``rows`` by name, ``items`` a figure; ``json`` and ``replies`` are files to write."""

    rows: str = ",".join(questions.ROWS)
    items: int = 200
    seed: int = 2026
    at_once: int = 4
    json: Path | None = None
    replies: Path | None = None


def report(ask: Ask, wish: Wish) -> None:
    """Measure, print the table, and write the figures and every question with its reply where asked to."""
    keep: list = []
    figures = run(ask, wish.rows.split(","), wish.items, wish.seed, wish.at_once, keep)
    print(table(figures))
    if wish.json:
        wish.json.write_text(json.dumps(figures, indent=1))
    if wish.replies:
        wish.replies.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in keep))


def main(argv: list[str] | None = None) -> None:
    """The scorecard of an endpoint or an engine by its URL, with the AWS SDK's own credentials."""
    parser = argparse.ArgumentParser(description="Print Pebble's scorecard.")
    parser.add_argument("--endpoint", default="http://127.0.0.1:8484", help="a running Outcrop")
    parser.add_argument("--engine", help="a bare OpenAI-compatible server, in place of --endpoint")
    parser.add_argument("--model", default="outcrop.pebble-v1")
    for field in fields(Wish):
        kind = Path if field.name in ("json", "replies") else type(field.default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    given = vars(parser.parse_args(argv))
    url, endpoint, model = (given.pop(name) for name in ("engine", "endpoint", "model"))
    report(engine(url) if url else converse(endpoint, model), Wish(**given))
