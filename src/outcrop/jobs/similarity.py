"""How alike two texts are, from 0 to 1: the measures that OpenAI's text_similarity grader names.

Knows nothing of graders. ROUGE: Lin 2004, F1 over lower-case words. GLEU: Wu et al. 2016, arXiv 1609.08144, section 6.
fuzzy_match is the share of characters in a longest common subsequence (the `ratio` of rapidfuzz).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

LONGEST_GRAM = 4
"""Words in a row that GLEU counts."""


def fuzzy_match(given: str, wanted: str) -> float:
    return _shared(_common(given, wanted), len(given), len(wanted))


def rouge(size: int, given: str, wanted: str) -> float:
    ours, theirs = _grams(_words(given), size), _grams(_words(wanted), size)
    return _shared((ours & theirs).total(), ours.total(), theirs.total())


def rouge_l(given: str, wanted: str) -> float:
    ours, theirs = _words(given), _words(wanted)
    return _shared(_common(ours, theirs), len(ours), len(theirs))


def gleu(given: str, wanted: str) -> float:
    """The smaller of precision and recall over all runs of one to LONGEST_GRAM words."""
    sides = [Counter[tuple[str, ...]]() for _ in range(2)]
    for side, words in zip(sides, (given.split(), wanted.split()), strict=True):
        for size in range(1, LONGEST_GRAM + 1):
            side.update(_grams(words, size))
    longer = max(side.total() for side in sides)
    return (sides[0] & sides[1]).total() / longer if longer else 1.0


METRICS: dict[str, Callable[[str, str], float]] = {
    "fuzzy_match": fuzzy_match,
    "gleu": gleu,
    **{f"rouge_{size}": partial(rouge, size) for size in range(1, 6)},
    "rouge_l": rouge_l,
}
LEFT_OUT = {
    "cosine": "OpenAI measures it by an embedding model of its own",
    "bleu": "OpenAI does not say how it smooths it; gleu is near",
    "meteor": "it needs WordNet",
}
"""Measures that OpenAI has and this service does not -> why."""


def _shared(common: int, ours: int, theirs: int) -> float:
    """F1: twice what is common over both sizes; two empty sides are alike."""
    return 2 * common / (ours + theirs) if ours + theirs else 1.0


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _grams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _common(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The length of a longest common subsequence, a row of its table at once in the bits of one number (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for at, one in enumerate(ours):
        places[one] = places.get(one, 0) | 1 << at
    whole = row = (1 << len(ours)) - 1
    for one in theirs:
        matches = row & places.get(one, 0)
        row = ((row + matches) | (row - matches)) & whole
    return len(ours) - row.bit_count()
