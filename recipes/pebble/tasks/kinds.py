# ruff: noqa: E501, SIM905
"""Records whose keys tell the kind of a value and share no word with the text: ``ferry_name`` is whoever is named, ``where_packed`` the place.

Knows nothing of schemas or prompts (``records`` does).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.grammar import choose, fill, whole

BASES = "pack wash paint deliver carry order repair train want clean plant watch pick measure stack film pour follow help visit call greet guard push pull lift wrap paste mark check load mail park copy print test tow brush trim answer thank film race sketch knock".split()
ENDS = ["", "er", "er", "or", "ist", "ant", "man", "woman", "eer", "ess"]
VALUES: dict[str, tuple[str, Callable[[Random], object]]] = {
    "name": ("string", lex.name),
    "place": ("string", lex.place),
    "noun": ("string", lex.noun),
    "code": ("string", lex.code),
    "int": ("integer", lambda rng: rng.randint(1, rng.choice([12, 99, 99, 999]))),
}
# {n} any noun, {u} the noun that is counted in the text, {g} who does something, {b} and {d} a verb, {a} an adjective: none but {u} is a word of the text
KEYS = {
    "name": "{g}|{g}|{g}|{n}_name|{n}_name|{g}_name|name_of_{n}|name_of_{g}|{d}_by|who_{d}|{a}_{g}|{n}_{g}|{a}_person|{n}_person|{d}_{n}|{g}_of_{n}",
    "place": "{n}_[town|city|place|village|port|location|site]|{n}_[town|city|place]|where_{d}|where_{d}|{d}_[in|at|near]|{a}_[town|city|place]|{g}_[town|city]|[town|city|place]_of_{n}|where_{n}_is|[town|city]_name|{b}_where",
    "noun": "{d}_[object|item|thing|article]|{d}_[object|item|thing]|{a}_[object|item|thing]|{b}|{b}|what_{d}|{n}_[object|item|thing|kind]|{g}_[object|item|thing]|{b}_what|{n}|{n}",
    "code": "{n}_[code|id|number|ref|tag|serial]|{n}_[code|id]|{a}_[code|number]|{g}_[code|id|number]|[code|id|number]_of_{n}|{d}_[code|id]",
    "int": "{u}s|{u}s|{u}s_{d}|number_of_{u}s|{u}_count|how_many_{u}s|{u}s_[late|early|left|ahead|behind|gone|in_all|so_far]|{n}_in_{u}s|{a}_{u}s|{n}_[count|size|number|total]",
}
CLAUSES = """{name} {d} {int} {u}s [in|near|outside|around] {place}
    {int} {u}s [were|had been] {d} by {name}
    {int} {u}s [were|had been|got] {d} in {place}
    [a|one|the {a}] {noun} [was|had been|got] {d} [in|near|outside|at a market in] {place}
    [a|one|the {a}] {noun} [was|had been|got] {d} by {name}[, {int} {u}s ago|]
    the {n} {d} {name} [today|again|at noon|at last|last week|yesterday|for fun]
    the {n} [needs|has|lost|got|holds] {int} {u}s
    {n} {code} [belongs to|is for|was made by|stays with|comes from|was {d} by] {name}
    {n} {code} [waits|lies|was left|remains|was {d}|ended up] in {place}
    {n} {code} [needs|has|lost|got|cost|made|took] {int} {u}s
    {n} {code} [holds|hides|is] [a|one] {noun}
    [say hello to|thanks to|greetings from|a word from|ask|write to|we like|nobody knows|look at] {name}
    it was {name} who {d} [the|a] {noun}
    {name}, [back|now|at last|still] in {place}, {d} [a|the|our] {noun}
    in {place} {name} {d} [a|the|one] {noun}
    [everyone|nobody|we all|the {n}] but {name} {d} [a|the|one] {noun}
    the {n} [told|asked|met|helped|heard] {name} [after|within|for] {int} {u}s
    [don't forget|do take|we want|remember|please {b}|{b}] [a|the|one] {noun}
    [off|on the way|a trip|moving|back] to {place}[ again| now| today|]
    [it is|it was|that makes|there are|only|about|more than|nearly|up to] {int} {u}s
    the {n} is [called|named] {name}[ now|]
    [Mr|Mrs|Ms|Dr|old|young|our|dear] {name} {d} [a|the|one] {noun} [in|near] {place}
    {name} [and|with] [a|the|one] {noun}
    {place}, [where|and there] [a|the|one] {noun} was {d}
    {place} [gets|sees|had|is home to] {int} {u}s
    [where is|here is|look for|we need|mind] {code}[?|]
    with {name} [in|at|near] {place}
    {name} [paid|gave|kept|took|earned|promised] {int} {u}s
    {name} [turned|came|went|moved|flew|walked] [from|to|over to|through] {place}""".split("\n")


def past(base: str) -> str:
    return (
        base + "d"
        if base.endswith("e")
        else base[:-1] + "ied"
        if base[-1] == "y" and base[-2] not in "aeiou"
        else base + "ed"
    )


def _words(rng: Random, unit: str) -> dict[str, str]:
    """Fresh words for the slots that are not values."""
    base = rng.choice(BASES) if rng.random() < 0.6 else lex.pseudo(rng, 1, 2)
    stem = rng.choice([base, base, lex.pseudo(rng, 1, 2), rng.choice(lex.NOUNS)])
    agent = rng.choice(
        [
            stem.rstrip("e") + rng.choice(ENDS),
            rng.choice(lex.JOBS),
            f"{rng.choice(lex.NOUNS)}_{rng.choice(['keeper', 'owner', 'maker', 'lover', 'buyer', 'seller', 'worker'])}",
        ]
    )
    noun = rng.choice(lex.NOUNS) if rng.random() < 0.7 else lex.noun(rng)
    return {
        "n": noun.replace(" ", "_"),
        "u": unit,
        "g": agent,
        "b": base,
        "d": past(base),
        "a": rng.choice(lex.ADJECTIVES),
    }


def sentence(rng: Random) -> tuple[str, dict[str, tuple[str, object]]]:
    """One or two clauses, and the values in them by key with their JSON type; a key's words are drawn apart from the text's."""
    unit = (
        rng.choice(["day", "hour", "euro", "metre", "kilo", "mile", "room", "week", "year"])
        if rng.random() < 0.3
        else lex.noun(rng).rstrip("s")
    )
    texts: list[str] = []
    values: dict[str, object] = {}
    for template in rng.sample(CLAUSES, rng.choice([1, 2, 2, 3])):
        text = choose(rng, template.strip())
        kinds = [kind for kind in re.findall(r"{(\w+)}", text) if kind in VALUES]
        if values.keys() & set(kinds):
            continue
        values |= {kind: VALUES[kind][1](rng) for kind in kinds}
        texts.append(fill(text, **_words(rng, unit), **values))
    fields: dict[str, tuple[str, object]] = {}
    for kind, value in values.items():
        key = fill(choose(rng, rng.choice(whole(KEYS[kind]))), **_words(rng, unit))
        fields.setdefault(key, (VALUES[kind][0], value))
    if len(fields) > 2 and rng.random() < 0.25:
        del fields[rng.choice(list(fields))]
    joint = rng.choice([", ", "; ", ". ", " and ", ", and "])
    return joint.join(t[:1].upper() + t[1:] if joint == ". " else t for t in texts), fields
