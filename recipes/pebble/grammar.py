# ruff: noqa: E501, SIM905
"""Sentences from templates: choices, slots and the small disorder of human typing.

Knows nothing of tasks or chats. A template such as ``[hi|hello], I am {name}`` holds choices in square brackets (they nest, and may be
empty) and slots in braces. Noise is laid over the template *before* the slots are filled, so that values stay exact.
"""

from __future__ import annotations

import re
from random import Random

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SPACES = re.compile(r" {2,}")
_WORD = re.compile(r"(?<![{\w'])[A-Za-z]{4,}(?![}\w'])")

OPENERS = (
    "hey, |hi, |hello, |hi! |hello! |hey! |ok, |ok so |okay, |so, |so |well, |um, |alright, |right, |now |now, |and |also, |oh, |quick question: |listen, |"
    "good morning, |hello there. |excuse me, |sorry, |one more thing: |just wondering, |hmm, |actually, |by the way, |yo, |hey there, |Pebble, |dear assistant, |"
    "first off, |to start, |next, |next up: |i need your help. |help me out: |here goes: |quick one: |let's see, |tell me this: |I have a question. |a small task: "
).split("|")
CLOSERS = (
    " thanks| thank you| please|, please|, thanks|, thank you| pls| thx| ok?|, ok?|, would you?| when you can| if you can| if possible| right now| for me| quickly|"
    ", will you?| if you don't mind| many thanks|, cheers| asap| today|, my friend|, I am curious"
).split("|")


def choose(rng: Random, template: str) -> str:
    """Resolve every ``[a|b]`` of a template, innermost first."""
    while "[" in template:
        template = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), template)
    return _SPACES.sub(" ", template)


def whole(asked: str) -> list[str]:
    """Split at the bars that stand outside brackets."""
    parts, depth, last = [], 0, 0
    for i, letter in enumerate(asked):
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and depth == 0:
            parts.append(asked[last:i])
            last = i + 1
    return [*parts, asked[last:]]


def fill(template: str, **slots: object) -> str:
    """Put the values into ``{name}`` slots; a value is never looked into."""
    return re.sub(r"\{(\w+)\}", lambda found: str(slots.get(found[1], found[0])), template)


def say(rng: Random, template: str, **slots: object) -> str:
    """One clean sentence of a template, as the assistant or a document would write it."""
    return fill(choose(rng, template).strip(" "), **slots)


def ask(rng: Random, template: str, **slots: object) -> str:
    """One sentence as a person might type it: openers, closers, case, punctuation, typos."""
    return fill(disorder(rng, choose(rng, template).strip(" ")), **slots)


def disorder(rng: Random, text: str) -> str:
    """Give a template the marks of a register; leaves slots alone."""
    if rng.random() < 0.12:
        text = rng.choice(OPENERS) + (text if text.startswith(("{", "I ")) else text[:1].lower() + text[1:])
    if rng.random() < 0.08:
        text = _before_stop(text, rng.choice(CLOSERS))
    if rng.random() < 0.15:
        text = _lower_outside_slots(text)
    elif rng.random() < 0.75:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.2:
        text = text.rstrip(".?!")
    elif rng.random() < 0.05:
        text += rng.choice(["!", "!!", "...", " :)", " ??", "?"])
    if rng.random() < 0.06:
        text = _WORD.sub(lambda found: _typo(rng, found[0]) if rng.random() < 0.2 else found[0], text)
    if rng.random() < 0.02:
        text = re.sub(r"(?<![{\w])[a-z ]+(?![\w}])", lambda found: found[0].upper(), text)
    return text


def _before_stop(text: str, closer: str) -> str:
    body = text.rstrip(".?!")
    return body + closer + text[len(body) :]


def _lower_outside_slots(text: str) -> str:
    return re.sub(r"\{\w+\}|[^{]+", lambda found: found[0] if found[0].startswith("{") else found[0].lower(), text)


def _typo(rng: Random, word: str) -> str:
    place = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + (word[place + 1 :] if kind == 1 else word[place] + word[place:])


def listing(items: list[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" {last} " + items[-1]
