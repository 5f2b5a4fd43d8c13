# ruff: noqa: E501
"""Lessons: which tasks are taught when, mixed by tokens (not by documents), and packed into shards.

Knows nothing of what a task says. A shard is a pure function of its lesson and its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
from recipes.pebble.chat import LEARN, SKIP, Chat, Span, render
from recipes.pebble.tasks import (
    copying,
    facts,
    lists,
    memory,
    orders,
    records,
    safety,
    sources,
    stories,
    sums,
    talk,
    tools,
)
from tokenizers import Tokenizer

from outcrop.training.packing import Document, fit, shard, write

Task = Callable[..., "Chat | list[Span] | Document"]
LENGTHS = (
    128,
    256,
    512,
    2048,
)  # a document goes to the shortest row that holds it: attention over padding and neighbours costs time


def babble(rng: Random, vocabulary: int) -> Document:
    """Random tokens, then the same again, two to four times: nothing but copying can lower this loss, so the heads that copy form in hundreds of steps."""
    phrase = rng.sample(range(vocabulary), rng.randint(8, 40))
    again = rng.randint(1, 3)
    return phrase * (1 + again), [SKIP] * len(phrase) + [LEARN] * len(phrase) * again


MAIN: dict[Task, float] = {
    talk.small_talk: 2.5, talk.persona: 0.6, facts.told: 9, memory.dialogue: 1.5, memory.scene: 1, memory.from_system: 1.2, memory.long_dialogue: 0.6,
    tools.call: 4, tools.among: 16, tools.direct: 5, tools.two_calls: 1, tools.no_call: 1.5, records.by_schema: 3, records.by_grammar: 9, records.rows: 0.3,
    lists.given: 9, lists.counted: 3, lists.about: 4.5, orders.from_category: 0.3, orders.from_list: 0.5, orders.units: 1.5, orders.reply_rule: 0.4,
    sources.grounded: 11, sources.long_passage: 0.4, safety.harmful: 4, safety.harmless: 5, stories.story: 3, stories.verse: 2.5, stories.human: 0.2,
    sums.drill: 3, sums.bare: 0.8, sums.problem: 5.5, sums.logic: 2, copying.many_look_ups: 1, copying.repeat: 1, copying.page: 1, babble: 2,
}  # fmt: skip


def spans(rng: Random, task: Task) -> list[Span]:
    """One document of a task."""
    made = task(rng)
    return render(made) if isinstance(made, Chat) else made


def texts(lesson: str, seed: int, count: int) -> Iterator[str]:
    """Whole documents as text, for the tokenizer and for looking at."""
    rng = Random(f"{lesson}-{seed}")
    tasks = {task: share for task, share in LESSONS[lesson].items() if task is not babble}
    for task in rng.choices(list(tasks), list(tasks.values()), k=count):
        yield "".join(text for text, _ in spans(rng, task))


def encode(tokenizer: Tokenizer, parts: list[Span]) -> Document:
    """Token ids and weights of a document, tokenised whole: a token has the weight of the character it starts at."""
    made = tokenizer.encode("".join(text for text, _ in parts), add_special_tokens=False)
    ends = np.cumsum([len(text) for text, _ in parts])
    owner = np.searchsorted(ends, [start for start, _ in made.offsets], side="right")
    weights = np.array([weight for _, weight in parts] + [0])
    return made.ids, weights[owner].tolist()


FIRST: dict[Task, float] = {
    babble: 8, copying.page: 3, copying.repeat: 1, copying.look_up: 0.5, copying.many_look_ups: 2, copying.change: 1, sums.drill: 1, memory.from_system: 1, tools.call: 1.5,
}  # fmt: skip
LESSONS = {"first": FIRST, "main": MAIN}


def documents(tokenizer: Tokenizer, lesson: str, seed: int, tokens: int) -> Iterator[Document]:
    """Documents until about ``tokens`` tokens: always of the task furthest below its share."""
    rng, tasks = Random(f"{lesson}-{seed}"), LESSONS[lesson]
    spent = dict.fromkeys(tasks, 0.0)
    total = 0
    while total < tokens:
        task = min(spent, key=spent.__getitem__)
        document = babble(rng, tokenizer.get_vocab_size()) if task is babble else encode(tokenizer, spans(rng, task))
        spent[task] += len(document[0]) / tasks[task]
        total += len(document[0])
        yield document


def build(tokenizer: Tokenizer, lesson: str, seed: int, tokens: int, folder: Path) -> int:
    """Write shard ``seed`` of a lesson, one file a row length; returns the tokens in it."""
    made = list(documents(tokenizer, lesson, seed, tokens))
    rng = np.random.default_rng(seed)
    for length, rows in fit(made, LENGTHS).items():
        whole = shard(rows, length)
        pieces = np.array_split(rng.permutation(whole.shape[1]), _parts(whole))
        for i, chosen in enumerate(
            pieces
        ):  # named by how far through the shard they come, so that all lengths end together
            write(folder / f"{seed:04d}-{10_000 * i // len(pieces):04d}-{length}.npy", whole[:, chosen])
    return sum(len(ids) for ids, _ in made)


def _parts(shard: np.ndarray) -> int:
    """Small files, so that the row lengths alternate in the order of their names: each about one step of 8,192 tokens."""
    return max(1, round(shard.shape[1] * (shard.shape[2] - 1) / 8192)) if shard.shape[1] else 1
