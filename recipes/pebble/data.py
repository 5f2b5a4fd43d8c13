# ruff: noqa: E501
"""Lessons: which tasks are taught, mixed by tokens (not by documents), and packed into shards.

Knows nothing of what a task says. A shard is a pure function of its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
from recipes.pebble import variants
from recipes.pebble.chat import LEARN, SKIP, Chat, Span, render
from recipes.pebble.tasks import (
    copying,
    facts,
    forced,
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
Shares = dict[Task, float]
LENGTHS = (
    256,
    512,
    1024,
    2048,
)  # a document goes to the shortest row that holds it, and gaps are filled with shorter ones: padding costs time
STEP = 4096  # tokens of one step: every file holds just so many, so that a compiled model meets few shapes


def babble(rng: Random, vocabulary: int) -> Document:
    """Random tokens, then the same again, two to four times: nothing but copying can lower this loss, so the heads that copy form in hundreds of steps."""
    phrase = rng.sample(range(vocabulary), rng.randint(8, 40))
    again = rng.randint(1, 3)
    return phrase * (1 + again), [SKIP] * len(phrase) + [LEARN] * len(phrase) * again


MAIN: Shares = {
    talk.small_talk: 1.8, talk.persona: 0.6, facts.told: 7, facts.far: 8, memory.dialogue: 1.5, memory.scene: 1, memory.from_system: 1.2, memory.long_dialogue: 0.5,
    tools.call: 2.5, tools.among: 14, tools.direct: 3.5, tools.two_calls: 1, tools.no_call: 1.5, forced.forced: 3, records.by_schema: 3, records.by_grammar: 11, records.several: 3, records.rows: 0.3,
    lists.given: 11, lists.counted: 3, lists.about: 4.5, orders.from_category: 0.3, orders.from_list: 0.5, orders.units: 0.8, orders.reply_rule: 0.4,
    sources.grounded: 12, sources.long_passage: 0.6, safety.harmful: 3.2, safety.harmless: 4.5, stories.story: 3, stories.verse: 2.5, stories.human: 0.2,
    sums.drill: 2.5, sums.bare: 0.8, sums.problem: 7.5, sums.logic: 2.2,
    copying.many_look_ups: 1, copying.repeat: 0.8, copying.page: 1, copying.sources: 3, copying.long_table: 2.5, babble: 2.5,
}  # fmt: skip

# Before anything else, half of the time: hardly more than finding and copying. Looked for among all the lessons, the longer matches that a look-up needs were not found.
DRILLED, DRILLS = 2, {
    copying.many_look_ups: 15, copying.long_table: 12, copying.page: 10, copying.repeat: 4, copying.sources: 5, facts.far: 4,
}  # fmt: skip


# After everything else, at a lower rate: what clients do most weighs more, and lessons come in the guises of ``variants``.
LAST_SEED = 10_000  # of the first shard of these
LAST: Shares = {
    **MAIN, forced.forced: 4, forced.vague: 5, records.by_grammar: 14, tools.among: 16, tools.direct: 4, sources.grounded: 14, safety.harmful: 5, safety.harmless: 6,
    babble: 0.5, sums.drill: 1.5,
}  # fmt: skip
DEMANDED = {forced.forced, forced.vague, records.by_grammar, records.several}  # answers whose form the engine demands


def mix(seed: int) -> Shares:
    """The share of every task in shard ``seed``."""
    if seed >= LAST_SEED:
        return LAST
    shares = MAIN.copy()
    if seed < DRILLED:
        for task, share in DRILLS.items():
            shares[task] += share * sum(MAIN.values()) / sum(DRILLS.values())
    return shares


def spans(rng: Random, task: Task, last: bool = False) -> list[Span]:
    """One document of a task; among the last lessons, perhaps in another guise."""
    made = task(rng)
    if last and isinstance(made, Chat) and rng.random() < (0.5 if task in DEMANDED else 0.1):
        made = variants.unthought(made)
    parts = render(made) if isinstance(made, Chat) else made
    return variants.foreign(rng, parts) if last and rng.random() < 0.06 else parts


def texts(seed: int, count: int) -> Iterator[str]:
    """Whole documents as text, for the tokenizer and for looking at."""
    rng = Random(f"main-{seed}")
    tasks = {task: share for task, share in MAIN.items() if task is not babble}
    for task in rng.choices(list(tasks), list(tasks.values()), k=count):
        yield "".join(text for text, _ in spans(rng, task))


def encode(tokenizer: Tokenizer, parts: list[Span]) -> Document:
    """Token ids and weights of a document, tokenised whole: a token has the weight of the character it starts at."""
    made = tokenizer.encode("".join(text for text, _ in parts), add_special_tokens=False)
    ends = np.cumsum([len(text) for text, _ in parts])
    owner = np.searchsorted(ends, [start for start, _ in made.offsets], side="right")
    weights = np.array([weight for _, weight in parts] + [0])
    return made.ids, weights[owner].tolist()


def documents(tokenizer: Tokenizer, seed: int, tokens: int, shares: Shares | None = None) -> Iterator[Document]:
    """Documents until about ``tokens`` tokens: always of the task furthest below its share."""
    rng, shares = Random(f"main-{seed}"), shares or mix(seed)
    spent = dict.fromkeys(shares, 0.0)
    total = 0
    while total < tokens:
        task = min(spent, key=spent.__getitem__)
        document = (
            babble(rng, tokenizer.get_vocab_size())
            if task is babble
            else encode(tokenizer, spans(rng, task, last=seed >= LAST_SEED))
        )
        spent[task] += len(document[0]) / shares[task]
        total += len(document[0])
        yield document


def build(
    tokenizer: Tokenizer, seed: int, tokens: int, folder: Path, step: int = STEP, shares: Shares | None = None
) -> int:
    """Write shard ``seed``, a file a step, all of one row length; returns the tokens in it.

    Rows that fill no whole step are left out, one step a length at the most.
    """
    made = list(documents(tokenizer, seed, tokens, shares))
    rng = np.random.default_rng(seed)
    for length, rows in fit(made, LENGTHS).items():
        whole = shard(rows, length)
        count = max(1, step // length)
        steps = np.split(rng.permutation(len(rows))[: len(rows) // count * count], max(1, len(rows) // count))
        for i, chosen in enumerate(
            steps if len(rows) >= count else []
        ):  # named by how far through the shard they come, so that all lengths end together
            write(folder / f"{seed:04d}-{10_000 * i // len(steps):04d}-{length}.npy", whole[:, chosen])
    return sum(len(ids) for ids, _ in made)


def build_by_name(tokenizer: Path, folder: Path, tokens: int, step: int, seed: int) -> str:
    """``build`` for a process of its own, which is given a path and tells in words what it did."""
    return f"lessons {seed}: {build(Tokenizer.from_file(str(tokenizer)), seed, tokens, folder, step)} tokens"
