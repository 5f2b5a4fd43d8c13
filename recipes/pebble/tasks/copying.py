# ruff: noqa: E501, SIM905
"""Copy what stands in the context, and find it by its key. Everything is random, so nothing else can lower the loss."""

from __future__ import annotations

from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, compact, pebble, user
from recipes.pebble.grammar import ask

REPEAT = """[repeat|say|write|print|echo|type|copy|spell out|output|return] [this|the following|exactly this|this text|these words|what follows]: {x}
    [repeat|say|write|print|echo] after me: {x}
    [please |can you |could you |]{q}{x}{q} - [repeat|say|echo] [that|it|this][ exactly| word for word|]
    [say|write|print|type|answer with|reply with|respond with] {q}{x}{q}[ and nothing else| only| and stop|]
    [what|which text] [is|stands|comes] [between|inside] the [quotes|marks]: "{x}"?
    [just |only ]say {x}""".split("\n")


def quote(rng: Random) -> str:
    return rng.choice(["", "", '"', "'"])


def repeat(rng: Random) -> Chat:
    """One value, or several, said back as it stands."""
    x = " ".join(lex.anything(rng) for _ in range(rng.randint(1, 5)))
    if rng.random() < 0.15:
        times = rng.randint(2, 4)
        word = ["", "", "twice", "three times", "four times"][times]
        return Chat(
            [
                user(ask(rng, f"[repeat|say|write|print] {{x}} {word}[, separated by spaces|]", x=x)),
                pebble(" ".join([x] * times)),
            ]
        )
    return Chat([user(ask(rng, rng.choice(REPEAT).strip(), x=x, q=quote(rng))), pebble(x)])


def many_look_ups(rng: Random) -> Chat:
    """One table, several questions over turns: dense practice."""
    pairs = list(
        {
            (lex.noun(rng) if rng.random() < 0.6 else lex.name(rng)): lex.anything(rng)
            for _ in range(rng.randint(3, 8))
        }.items()
    )
    messages = [Message("system", "\n".join(f"{k}: {v}" for k, v in pairs))]
    for key, value in rng.sample(pairs, len(pairs)):
        messages += [user(ask(rng, "[what is {k}|{k}|and {k}|look up {k}|find {k}][?|]", k=key)), pebble(value)]
    return Chat(messages)


def page(rng: Random) -> Chat:
    """A page of random values copied whole: the densest practice there is, and what makes copying appear early."""
    joint = rng.choice([" ", ", ", "\n", "; ", " | "])
    values = [lex.anything(rng) for _ in range(rng.randint(6, 16))]
    if rng.random() < 0.3:
        text = "".join(
            rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789_-.:/ ") for _ in range(rng.randint(20, 70))
        ).strip()
    elif rng.random() < 0.3:
        text = compact({lex.noun(rng): lex.anything(rng) for _ in range(rng.randint(3, 8))})
    else:
        text = joint.join(values)
    order = ask(rng, "[copy|repeat|say again|write out|echo|print][ this| the text| it|]:")
    return Chat([user(f"{order}\n{text}"), pebble(text)])


def sources(rng: Random) -> Chat:
    """Numbered lines of a thing, what it does and to whom; asked by two keys, answered with the line and its number: the bare form of a cited answer."""
    things = [lex.invented(rng) if rng.random() < 0.5 else lex.noun(rng) for _ in range(rng.randint(1, 4))]
    deeds = [lex.noun(rng) for _ in range(rng.randint(2, 5))]
    pairs = [(thing, deed) for thing in things for deed in deeds]
    chosen = rng.sample(pairs, min(len(pairs), rng.randint(2, 7)))
    lines = {pair: f"{pair[0]} {pair[1]} {lex.anything(rng)}" for pair in chosen}
    number = {pair: i for i, pair in enumerate(chosen, 1)}
    page = "\n".join(f"[{number[pair]}] {line}" for pair, line in lines.items())
    messages = [Message("system", page)] if rng.random() < 0.5 else []
    asked = [rng.choice(pairs) if rng.random() < 0.4 else rng.choice(chosen) for _ in range(rng.randint(4, 8))]
    for thing, deed in asked:
        question = f"{thing} {deed}?" if rng.random() < 0.5 else f"{deed} {thing}?"
        found = (
            f"{lines[thing, deed]} [{number[thing, deed]}]." if (thing, deed) in lines else "The passage does not say."
        )
        messages += [user(question if messages else f"{page}\n\n{question}"), pebble(found)]
    return Chat(messages)


def long_table(rng: Random) -> Chat:
    """A page of hundreds of entries, then a dozen questions: far look-ups, many for one reading."""
    key = rng.choice([lex.noun, lex.name, lex.invented])
    pairs = list({key(rng): lex.anything(rng) for _ in range(rng.randint(20, 110))}.items())
    joint = rng.choice([": ", " is ", " = ", ", "])
    page = rng.choice(["\n", "\n", "; ", ". "]).join(k + joint + v for k, v in pairs)
    messages = [user(page), pebble(rng.choice(["Noted.", "Thank you.", "I see."]), learn=False)]
    for k, v in rng.sample(pairs, 12):
        messages += [user(ask(rng, "[what is {k}|{k}|and {k}|look up {k}|find {k}][?|]", k=k)), pebble(v)]
    return Chat(messages)
