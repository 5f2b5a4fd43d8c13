# ruff: noqa: E501
"""Dialogue memory: a fact told one to six turns before it is asked for."""

from __future__ import annotations

from random import Random

from outcrop.evaluation.pebble.item import Item, assistant, says, user, value
from outcrop.evaluation.pebble.words import NAMES, PLACES

TOLD = [  # (what is told, what is asked, value) with {v} the value
    ("Good evening, folks at the office know me as {v}.", "Before we finish, by what name am I known?", NAMES),
    ("You're speaking to {v} today.", "Which name did I introduce myself with?", NAMES),
    ("{v} is what my parents named me.", "Could I hear my own name from you?", NAMES),
    ("My daughter, {v}, starts school soon.", "Refresh my memory: the name of my daughter?", NAMES),
    ("We adopted a cat and named it {v}.", "How did we name our cat?", NAMES),
    ("My physiotherapist goes by {v}.", "Who is my physiotherapist?", NAMES),
    ("For ten years now my home has been in {v}.", "In what city is my home?", PLACES),
    ("I was born and raised in {v}.", "Do you recall the place I was raised in?", PLACES),
    ("Our holiday this year takes us to {v}.", "Where are we headed on holiday?", PLACES),
    ("Nothing beats {v}; that's my favourite thing to eat.", "What do I most like to eat?", ["lasagna", "paella", "ramen", "falafel", "gnocchi"]),
    ("If I had to pick a favourite colour it'd be {v}.", "Which colour would I pick as my favourite?", ["crimson", "indigo", "lavender", "maroon", "turquoise"]),
    ("On weekends you'll catch me doing {v}.", "Name the thing I do on weekends.", ["archery", "astronomy", "badminton", "calligraphy", "origami"]),
    ("My profession? {v}.", "State my profession.", ["architect", "botanist", "geologist", "sculptor", "optician"]),
    ("The PIN to the shed is {n}.", "Which PIN opens the shed?", "number"),
    ("We're seated at table {n} tonight.", "At which table are we seated tonight?", "number"),
    ("The gate at the airport is {n}.", "What's the gate at the airport?", "number"),
]  # fmt: skip
BETWEEN = [
    ("Lovely weather we're having.", "I hope you can enjoy the day."), ("What's 14 plus 9?", "14 + 9 = 23"), ("You're doing a fine job so far.", "Thank you, that is kind of you."), ("Let me think for a bit.", "Of course, take your time."),
    ("Could you name the capital of Belgium?", "The capital of Belgium is Brussels."), ("I had soup for lunch.", "I see. Please tell me more."), ("My train was delayed this morning.", "I am sorry to hear that."), ("How would you describe yourself?", "I am Pebble, a small language model from Outcrop."),
]  # fmt: skip


def memory(rng: Random) -> Item:
    """A fact told one to six turns before it is asked for; other facts and talk lie between."""
    turns = rng.randint(1, 6)
    facts = rng.sample(TOLD, 2)
    (told, asked, pool), (other, _, other_pool) = facts
    found, noise = value(rng, pool), value(rng, other_pool)
    messages = [user(told.format(v=found, n=found)), assistant("Noted.")]
    gap = [(other.format(v=noise, n=noise), "Noted.")] * (rng.random() < 0.5) + rng.sample(BETWEEN, 6)
    for said, answered in gap[: turns - 1]:
        messages += [user(said), assistant(answered)]
    return Item([*messages, user(asked)], says(found))
