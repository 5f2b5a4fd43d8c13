"""Creative content: a story or a verse on a theme that contains given words, ends properly and repeats nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from outcrop.evaluation.pebble.item import Item, has, user
from outcrop.evaluation.pebble.words import NOUNS, THEMES


def creative(rng: Random) -> Item:
    """A story or a verse on a theme with given words."""
    words, theme, verse = rng.sample(NOUNS, rng.randint(1, 4)), rng.choice(THEMES), rng.random() < 0.4
    kind = (
        rng.choice(["four-liner", "poem for a card", "song verse"])
        if verse
        else rng.choice(["narrative", "fable", "story for my nephew"])
    )
    text = rng.choice(
        [
            "Could I get a {k} around {t}? Make sure {w} come up.",
            "{t} should be the topic of a {k}; work in {w}.",
            "Surprise me with a {k} about {t}. The words {w} must all be in it.",
        ]
    )
    shown = words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
    asked = text.format(k=kind, t=theme, w=shown)
    return Item([user(asked[:1].upper() + asked[1:])], lambda r: _good_text(r.text, words, verse))


def _good_text(text: str, words: Sequence[str], verse: bool) -> bool:
    parts = [
        s.strip().lower() for s in (text.strip().split("\n") if verse else re.split(r"(?<=[.!?])\s+", text.strip()))
    ]
    ended = text.rstrip().endswith((".", "!", "?", '"'))
    return ended and len(parts) >= 4 and len(parts) == len(set(parts)) and all(has(text, w) for w in words)
