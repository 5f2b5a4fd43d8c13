"""How much of its lessons a model has learnt: new values in taught templates, exact match of the last reply.

Knows nothing of the scorecard, which asks in words never taught; the two together tell learning from phrasing.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from recipes.pebble import data
from recipes.pebble.serving import served

LONGEST = 4000  # characters: what no context holds is not asked
START, END = "<|im_start|>assistant\n", "<|im_end|>"


def question(rng: Random, task: data.Task) -> tuple[str, str]:
    """A conversation up to one of the replies that are learnt, and that reply."""
    parts = data.spans(rng, task)
    text = "".join(part for part, _ in parts)
    learnt = [weight for part, weight in parts for _ in part]
    begins = [found.end() for found in re.finditer(re.escape(START), text) if learnt[found.end()]]
    begin = rng.choice(begins)
    return text[:begin], text[begin:].partition(END)[0]


def complete(url: str, prompt: str, warmth: float = 0.0) -> str:
    body = json.dumps({"prompt": prompt, "n_predict": 160, "temperature": warmth, "seed": 1, "special": True}).encode()
    request = urllib.request.Request(url + "/completion", body, {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))["content"].removesuffix(END)


def questions(count: int, seed: int) -> list[tuple[data.Task, str, str]]:
    """So many of a task of average share, whose reply is one reply: the task, the prompt, the reply."""
    skipped = {
        data.stories.human,
        data.sums.drill,
        data.babble,
        data.forced.forced,
        data.records.by_grammar,
        data.records.several,
    }  # the last three need a grammar for their keys
    shares = {task: share for task, share in data.MAIN.items() if task not in skipped}
    mean = sum(shares.values()) / len(shares)
    drawn = [
        (task, *question(Random(f"{seed}-{i}"), task))
        for task, share in shares.items()
        for i in range(max(1, round(count * share / mean)))
    ]
    return [(task, prompt, reply) for task, prompt, reply in drawn if len(prompt) < LONGEST]


def measure(model: Path, count: int = 60, seed: int = 7_000_000) -> dict[str, float]:
    """Per cent of exact replies, by the module and name of the task."""
    asked = questions(count, seed)
    with served(model) as url, ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda item: complete(url, item[1]), asked))
    right: dict[str, list[bool]] = defaultdict(list)
    for (task, _, wanted), reply in zip(asked, replies, strict=True):
        right[_name(task)].append(reply == wanted)
    return {name: round(100 * sum(marks) / len(marks), 1) for name, marks in right.items()}


def score(model: Path, count: int = 30, seed: int = 7_000_000) -> float:
    """The mean of ``measure`` over the tasks, each as much as its share of the lessons."""
    figures = measure(model, count, seed)
    shares = {_name(task): share for task, share in data.MAIN.items() if _name(task) in figures}
    return sum(figures[name] * share for name, share in shares.items()) / sum(shares.values())


def _name(task: data.Task) -> str:
    return f"{task.__module__.rsplit('.', 1)[1]}.{task.__name__}"


if __name__ == "__main__":
    for name, figure in measure(Path(sys.argv[1])).items():
        print(f"{name:28} {figure:5} %")
