"""A task that no model knows: requests to a made-up help desk, each answered with the code of its intent.

Knows nothing of training. Held-out requests name other people and things, in sentences whose parts were put together
otherwise; the codes mean nothing, so nothing but the training data tells them.
"""

from __future__ import annotations

import random

INTENTS: dict[str, tuple[str, ...]] = {
    "ZK-41": ("reset my password", "I forgot my password", "my password no longer works", "set a new password for me"),
    "QF-07": ("cancel my order", "I no longer want my order", "please stop my order", "take back my order"),
    "MX-93": ("where is my parcel", "my parcel has not come", "track my parcel", "my parcel is late"),
    "LB-28": ("I want a refund", "give me my money back", "refund what I paid", "when do I get my money back"),
    "VT-56": ("change my address", "I moved to a new address", "my address is wrong", "update my address"),
    "RD-12": ("close my account", "delete my account", "I want to leave and end my account", "remove my account"),
    "HW-84": ("the app crashes", "the app does not start", "the app is frozen", "the app shows an error"),
    "NP-35": ("talk to a person", "I want to speak with a human", "connect me to an agent", "is a real person there"),
}
OPENINGS = ("", "hello, ", "hi there, ", "good morning, ", "please help, ", "quick question: ", "excuse me, ", "hey, ")
NAMES = "Ada Ben Cleo Dan Eva Finn Gina Hugo Iris Jon Kim Leo Mia Nils Olga Paul".split()  # noqa: SIM905
ENDINGS = ("", " today", " right now", ", thanks", " as soon as possible", ", {name} here", ", this is {name}", "?")


def requests(count: int, seed: int, beside: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """`count` different (request, code), none of which is in `beside`."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        code = draw.choice([*INTENTS])
        ending = draw.choice(ENDINGS).format(name=draw.choice(NAMES))
        text = f"{draw.choice(OPENINGS)}{draw.choice(INTENTS[code])}{ending}"
        if text not in beside:
            found[text] = code
    return [*found.items()]


def split() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """500 requests to learn from and 100 that are not among them."""
    train = requests(500, 1)
    return train, requests(100, 2, frozenset(text for text, _ in train))
