# ruff: noqa: E501
"""A lesson in another guise: an answer that may not be thought about, a value in another script.

For the last lessons only (``data.LAST``): what is rare in the world, and would slow down the rest.
"""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import LEARN, SKIP, Chat, Span

VALUE = re.compile(r"(?<![\w{\"])[A-Z][a-z]{2,}(?![\w}])")  # a name, mostly


def unthought(chat: Chat) -> Chat:
    """The last reply after an empty thought, as the engine asks for it where the form of the answer is demanded or reasoning is switched off."""
    return Chat([*chat.messages[:-1], replace(chat.messages[-1], thought="")], chat.tools)


def foreign(rng: Random, parts: list[Span]) -> list[Span]:
    """Names that are read and then written, in other scripts wherever they stand; the same parts where there is none."""
    read = set(VALUE.findall("".join(text for text, weight in parts if weight == SKIP)))
    written = {word for text, weight in parts if weight == LEARN for word in re.findall(r"\b[A-Z][a-z]{2,}\b", text)}
    new = {word: lex.scripted(rng) for word in sorted(read & written)[:3]}
    if not new:
        return parts
    old = re.compile(r"\b(" + "|".join(new) + r")\b")
    return [(old.sub(lambda found: new[found[1]], text), weight) for text, weight in parts]
