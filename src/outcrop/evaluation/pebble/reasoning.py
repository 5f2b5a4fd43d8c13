"""Complex reasoning: word problems of two to four steps and small logic, the steps in the reasoning."""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random

from outcrop.evaluation.pebble.item import Item, has, user
from outcrop.evaluation.pebble.words import NAMES, NOUNS


def reasoning(rng: Random) -> Item:
    """Word problems of two to four steps and small logic; the steps must stand in the reasoning."""
    if rng.random() < 0.25:
        return _logic(rng)
    who, other, thing = rng.choice(NAMES), rng.choice(NAMES), rng.choice(NOUNS)
    things = thing + "s"
    amount = rng.randint(5, 60)
    told = [
        rng.choice(
            [f"{who} stores {amount} {things} in a cupboard.", f"On a shelf of {who}'s stand {amount} {things}."]
        )
    ]
    if rng.random() < 0.25:
        boxes, each = rng.randint(2, 9), rng.randint(2, 12)
        amount, told = boxes * each, [f"{who} ordered {boxes} cartons, and in every carton are {each} {things}."]
    for _ in range(rng.randint(1, 3)):
        n = rng.randint(1, 30)
        if rng.random() < 0.5 or amount <= n:
            amount, line = (
                amount + n,
                rng.choice([f"A parcel with another {n} {things} turns up.", f"{other} contributes {n} on top."]),
            )
        else:
            amount, line = (
                amount - n,
                rng.choice([f"{n} must be handed back to {other}.", f"Sadly {n} of the {things} vanish."]),
            )
        told.append(line)
    if rng.random() < 0.25 and amount <= 40:
        price = rng.randint(2, 5)
        amount, question = amount * price, f"At {price} euros apiece, what sum do they bring?"
    else:
        question = rng.choice(
            [f"Count the {things} that {who} ends up with.", f"What is {who}'s stock of {things} after all this?"]
        )
    wanted = amount
    return Item(
        [user(" ".join([*told, question]))],
        lambda r: bool(r.reasoning) and re.findall(r"\d+", r.text)[-1:] == [str(wanted)],
    )


def _logic(rng: Random) -> Item:
    names = rng.sample(NAMES, rng.choice([3, 3, 4]))
    more, most, least = rng.choice(
        [
            ("calmer", "calmest", "least calm"),
            ("taller", "tallest", "shortest"),
            ("older", "oldest", "youngest"),
            ("faster", "fastest", "slowest"),
        ]
    )
    facts = [f"{a} is {more} than {b}." for a, b in pairwise(names)]
    rng.shuffle(facts)
    top = rng.random() < 0.5
    wanted = names[0] if top else names[-1]
    return Item(
        [user(" ".join(facts) + f" Of all of them, who would be the {most if top else least}?")],
        lambda r: bool(r.reasoning) and has(r.text, wanted) and not any(has(r.text, n) for n in names if n != wanted),
    )
