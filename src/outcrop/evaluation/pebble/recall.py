"""Recall over a long context: a fact, then some hundred to fifteen hundred tokens of other talk, then the question."""

from __future__ import annotations

from random import Random

from outcrop.evaluation.pebble.item import Item, assistant, says, user, value
from outcrop.evaluation.pebble.memory import TOLD
from outcrop.evaluation.pebble.words import NOUNS, PLACES

SENTENCES = {"of 500 tokens": 30, "of 1,000 tokens": 65, "of 1,900 tokens": 115}
"""How many sentences of about 16 tokens lie between the fact and the question."""


def recall(rng: Random) -> Item:
    """A turn of filler, as long as its part says, between what is told and what is asked."""
    part = rng.choice(list(SENTENCES))
    told, asked, pool = rng.choice(TOLD)
    found = value(rng, pool)
    filler = " ".join(
        f"A {rng.choice(NOUNS)} was seen in {rng.choice([p for p in PLACES if p != found])}."
        for _ in range(SENTENCES[part])
    )
    messages = [user(told.format(v=found, n=found)), assistant("Noted."), user(filler), assistant("Noted.")]
    return Item([*messages, user(asked)], says(found), part)
