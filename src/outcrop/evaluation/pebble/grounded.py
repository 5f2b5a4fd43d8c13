# ruff: noqa: E501
"""Grounded answers: from numbered sources with their citation, or that it is not there."""

from __future__ import annotations

import re
from random import Random

from outcrop.evaluation.pebble.item import Item, has, user, value
from outcrop.evaluation.pebble.words import NAMES, NOUNS, PLACES

CLAIMS = [  # sentence, question
    ("{e} was renovated by {v}.", "Who was it that renovated {e}?", NAMES), ("{e} attracts {n} visitors a year.", "{e} draws how many visitors a year?", "number"), ("Every summer {e} hosts a fair in {v}.", "In what town does {e} host its fair?", PLACES),
    ("{e} keeps a {v} at its entrance.", "What is kept at the entrance of {e}?", NOUNS), ("The nearest town to {e} is {v}.", "Which town is nearest to {e}?", PLACES), ("{e} employs {n} people.", "What number of people does {e} employ?", "number"),
    ("The founder of {e} is {v}.", "Could you name the founder of {e}?", NAMES), ("{e} is famous for its {v}.", "For what is {e} famous?", NOUNS), ("Tickets for {e} cost {n} euros.", "What do tickets for {e} cost?", "number"), ("{e} was painted by {v}.", "Which artist painted {e}?", NAMES),
]  # fmt: skip
ENTITIES = [
    "the Quarry Observatory",
    "Fenwick Abbey",
    "the Larkspur Canal",
    "the Old Customs House",
    "Mossgate Arena",
    "the Heron Foundation",
    "Bramble Hall",
    "the Copper Pavilion",
]


def grounded(rng: Random) -> Item:
    """Three to six numbered sources; the answer must hold the value and the number of its source, or say that it is not there."""
    count = rng.randint(3, 6)
    pairs = rng.sample([(e, c) for e in rng.sample(ENTITIES, 3) for c in CLAIMS], count + 1)
    *known, (lost, claim) = pairs
    values = [value(rng, pool) for _, (_, _, pool) in known]
    lines = [
        f"[{i}] {s.format(e=e, v=v, n=v)}" for i, ((e, (s, _, _)), v) in enumerate(zip(known, values, strict=True), 1)
    ]
    lines = [line[:4] + line[4:5].upper() + line[5:] for line in lines]
    absent = rng.random() < 0.4
    place = rng.randrange(count)
    question = claim[1].format(e=lost) if absent else known[place][1][1].format(e=known[place][0])
    question = question[:1].upper() + question[1:]
    frame = rng.choice(
        [
            "Going by these excerpts and nothing else, reply and cite.\n{s}\n\n{q}",
            "{s}\n\nBased on the above, with a citation: {q}",
            "My files:\n{s}\n\nI'd like to find out: {q}",
        ]
    )
    asked = user(frame.format(s="\n".join(lines), q=question))
    if absent:
        return Item([asked], lambda r: _admits(r.text), "not there")
    return Item(
        [asked],
        lambda r: (
            has(r.text, values[place]) and f"[{place + 1}]" in r.text and len(set(re.findall(r"\[\d+\]", r.text))) == 1
        ),
        "there",
    )


def _admits(text: str) -> bool:
    said = text.lower()
    return any(
        w in said
        for w in (
            "does not say",
            "doesn't say",
            "not say",
            "not mentioned",
            "not in the",
            "no information",
            "cannot find",
            "not there",
            "do not know",
        )
    )
