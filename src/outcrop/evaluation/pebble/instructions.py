"""Detailed instructions: one to three conditions that a program can check."""

from __future__ import annotations

import re
from random import Random

from outcrop.evaluation.pebble.item import Item, has, user
from outcrop.evaluation.pebble.words import NAMES, NOUNS

SEPARATORS = [
    ("put a semicolon between each", ";"),
    ("use a comma and a space as the separator", ","),
    ("divide them by slashes", "/"),
    ("place every one on a line of its own", "\n"),
]


def instructions(rng: Random) -> Item:
    """One to three conditions that a program can check."""
    return rng.choice(
        [_words_in_order, _words_in_case, _how_many, _without, _again, _bullets, _exact_end, _unit, _sentences]
    )(rng)


def _words_in_order(rng: Random) -> Item:
    words = rng.sample(NOUNS, rng.randint(3, 5))
    backwards, (how, mark) = rng.random() < 0.5, rng.choice(SEPARATORS)
    text = rng.choice(
        [
            "Take the words {w} and arrange them {o}; {h}.",
            "Here are some words: {w}. Please return them arranged {o} and {h}.",
        ]
    )
    order = "from the last one to the first" if backwards else "by the alphabet"
    wanted = words[::-1] if backwards else sorted(words)
    return Item(
        [user(text.format(w=", ".join(words), o=order, h=how))],
        lambda r: [x.strip() for x in r.text.split(mark)] == wanted,
    )


def _words_in_case(rng: Random) -> Item:
    words = rng.sample(NOUNS, rng.randint(2, 4))
    up, (how, mark) = rng.random() < 0.6, rng.choice(SEPARATORS)
    text = rng.choice(["Reproduce {w} using {c} throughout; {h}.", "I want {w} back, every letter {d}, and {h}."])
    case = ("block capitals", "a capital") if up else ("small letters", "lowercase")
    wanted = [w.upper() if up else w for w in words]
    shown = ", ".join(words if up else [w.capitalize() for w in words])
    return Item(
        [user(text.format(w=shown, c=case[0], d=case[1], h=how))],
        lambda r: [x.strip() for x in r.text.split(mark)] == wanted,
    )


def _how_many(rng: Random) -> Item:
    n, kind = (
        rng.randint(2, 6),
        rng.choice(["animals", "fruits", "colours", "sports", "jobs", "countries", "vegetables", "drinks"]),
    )
    how, mark = rng.choice(SEPARATORS)
    text = rng.choice(
        [
            "I'd be grateful for {n} examples of {k}; {h}.",
            "Can you come up with {n} different {k}? For the layout, {h}.",
        ]
    )
    return Item(
        [user(text.format(n=n, k=kind, h=how))],
        lambda r: (
            len({x.strip().lower() for x in r.text.strip().split(mark) if x.strip()}) == n
            and r.text.count(mark) == n - 1
        ),
    )


def _without(rng: Random) -> Item:
    words = rng.sample(NOUNS, rng.randint(3, 5))
    gone = rng.choice(words)
    text = rng.choice(["From {w}, give back everything apart from {g}.", "Copy out {w}, omitting {g}."])
    kept = [w for w in words if w != gone]
    return Item(
        [user(text.format(w=", ".join(words), g=gone))], lambda r: not has(r.text, gone) and _in_order(r.text, kept)
    )


def _in_order(text: str, words: list[str]) -> bool:
    places = [text.lower().find(w.lower()) for w in words]
    return -1 not in places and places == sorted(places)


def _again(rng: Random) -> Item:
    word, n = rng.choice(NOUNS), rng.randint(2, 5)
    how, mark = rng.choice(SEPARATORS)
    text = rng.choice(
        ["Let me see the word {w} {n} times over; {h}.", "I need {w} written {n} times in a row, and {h}."]
    )
    return Item(
        [user(text.format(w=word, n=n, h=how))],
        lambda r: [x.strip().lower() for x in r.text.strip().split(mark)] == [word] * n,
    )


def _bullets(rng: Random) -> Item:
    words = rng.sample(NOUNS, rng.randint(2, 5))
    numbered = rng.random() < 0.5
    text = rng.choice(["Format {w} as a list with {k}, one entry per row.", "Make {w} into a list that uses {k}."])
    kind = "numbers (1., 2., ...)" if numbered else "a dash in front of each entry"
    wanted = [f"{i}. {w}" if numbered else f"- {w}" for i, w in enumerate(words, 1)]
    return Item(
        [user(text.format(w=", ".join(words), k=kind))],
        lambda r: [x.strip() for x in r.text.strip().split("\n")] == wanted,
    )


def _exact_end(rng: Random) -> Item:
    noun, end = rng.choice(NOUNS), f"{rng.choice(NAMES)} {rng.choice(NOUNS)}"
    if rng.random() < 0.5:
        return Item(
            [user(f"Say something about a {noun}, and let the very last words of it be {end}.")],
            lambda r: r.text.rstrip(" .!").endswith(end) and has(r.text, noun),
        )
    return Item(
        [user(f"Say something about a {noun}, and let the very first words of it be {end}.")],
        lambda r: r.text.startswith(end) and has(r.text, noun),
    )


def _unit(rng: Random) -> Item:
    n = rng.randint(2, 60)
    short, full = rng.choice(
        [("km", "kilometres"), ("kg", "kilograms"), ("cm", "centimetres"), ("min", "minutes"), ("l", "litres")]
    )
    if rng.random() < 0.5:
        return Item([user(f"Express {n} {short}, but spell the unit out.")], lambda r: has(r.text, f"{n} {full}"))
    return Item([user(f"Express {n} {full} and abbreviate the unit.")], lambda r: has(r.text, f"{n} {short}"))


def _sentences(rng: Random) -> Item:
    n, noun, banned = rng.randint(1, 4), rng.choice(NOUNS), rng.choice(["many", "people", "day", "like", "old"])
    word = rng.choice(NOUNS)
    text = f"On the subject of a {noun}, produce {n} sentence{'s' if n > 1 else ''}."
    kind = rng.randrange(3)
    text += [f' The word "{banned}" may not occur.', f' The word "{word}" has to occur.', " Use nothing but capitals."][
        kind
    ]
    extra = [lambda t: not has(t, banned), lambda t: has(t, word), lambda t: t == t.upper()][kind]
    return Item(
        [user(text)],
        lambda r: has(r.text, noun) and len(re.findall(r"[.!?](?:\s|$)", r.text.strip())) == n and extra(r.text),
    )
