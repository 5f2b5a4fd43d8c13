# ruff: noqa: E501
"""Short stories and verses with given words: a plot of slots whose sentences never repeat, and a proper end."""

from __future__ import annotations

from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble import shared
from recipes.pebble.chat import LEARN, Chat, Span, pebble, user
from recipes.pebble.grammar import ask, choose, fill, listing

OPEN = [
    "Once upon a time, {h} lived in a small house by a {p}.",
    "One {d} morning, {h} went for a walk near the {p}.",
    "There once was a {k} called {h} who loved the {p}.",
    "Long ago, {h} lived alone beside the {p}.",
]
WORD_SENTENCES = [
    ["In the garden, {h} found {a}.", "On the way, {h} saw {a}.", "That day, {h} was given {a}."], ["Beside it lay {a}.", "Not far away there was {a}.", "Under a tree stood {a}."], ["Then a friend came along with {a}.", "An old man passed by and carried {a}.", "A child ran up and held {a}."],
    ["At noon they also came upon {a}.", "Behind the hill they noticed {a}.", "Near the gate waited {a}."], ["In the end there was even {a}.", "Last of all they saw {a}.", "By evening they had {a} as well."],
]  # fmt: skip
TROUBLE = [
    "Suddenly it began to rain, and the path was gone.",
    "But then a strong wind came and everything fell down.",
    "All at once it grew dark, and nobody knew the way.",
    "But something was missing, and {h} felt sad.",
]
TURN = [
    "{h} did not give up and asked for help.",
    "Together they looked for a way out.",
    "{h} took a deep breath and tried again.",
    "With a little patience, things got better.",
]
MORAL = [
    "That is how {h} learned about {t}.",
    "From that day on, {h} knew what {t} means.",
    "And so {h} understood that {t} matters most.",
]
END = [
    "They all went home happy. The end.",
    "Everyone was glad, and they lived happily ever after. The end.",
    "That night {h} slept well. The end.",
]
COUPLETS = [
    ("I saw {a} beside the sea,", "and it was looking back at me."), ("There was {a} upon the hill,", "and all the world was soft and still."), ("{A} was lying in the sun,", "and now the day had just begun."), ("I dreamed of {a} in the night,", "it filled the dark with gentle light."),
    ("You gave me {a} long ago,", "and it has kept me warm in snow."), ("We carried {a} through the rain,", "and we shall do it once again."),
]  # fmt: skip
REST = [
    ("The evening wind is cool and slow,", "it tells me things I want to know."),
    ("The little stars are shining clear,", "and all my dearest friends are here."),
]
THEME_LINES = [
    ("My song is all of {t},", "as free as birds and wild as sea."),
    ("For {t} is a lovely thing,", "it makes the heart stand up and sing."),
]


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _given(rng: Random, low: int, high: int) -> list[str]:
    return (
        rng.sample(lex.NOUNS, k)
        if (k := rng.randint(low, high)) and rng.random() < 0.6
        else list({lex.noun(rng): 0 for _ in range(k)})
    )


def _asked(rng: Random, kind: str, words: list[str], theme: str, hero: str) -> str:
    q = rng.choice(['"', "'", "", ""])
    shown = [f"{q}{w}{q}" for w in words]
    those = rng.choice([listing(shown), ", ".join(shown), listing(shown)]) if shown else ""
    about = (
        choose(rng, "[ about {t}| on {t}| on the theme of {t}| that is about {t}| whose theme is {t}]") if theme else ""
    )
    about += (
        choose(rng, "[ with a hero called {h}| about someone named {h}| whose hero is {h}| starring {h}]")
        if hero
        else ""
    )
    use = (
        choose(
            rng,
            "[ that contains {w}| with the words {w}| using the words {w}| that uses {w}| including {w}| with {w} in it| in which {w} appear|. Use these words: {w}|. It must contain {w}|. Words to use: {w}|. Include {w}]",
        )
        if words
        else ""
    )
    lead = choose(
        rng,
        "[write|tell|tell me|give me|make up|compose|I want|I would like|can you write|create|invent|think up|please write] [a|me a|a short|a little|a small|a nice]",
    )
    lead = (
        lead.replace("tell me me", "tell me")
        .replace("give me me", "give me")
        .replace("I want me", "I want")
        .replace("like me", "like")
    )
    return ask(rng, f"{lead} {kind}{about}{use}[.|]", w=those, t=theme, h=hero)


def story(rng: Random) -> Chat:
    """Six to ten sentences; the given words come in the order they were given."""
    words = _given(rng, 1, 4) if rng.random() < 0.85 else []
    theme = rng.choice(lex.THEMES) if rng.random() < 0.5 else ""
    hero = lex.name(rng) if rng.random() < 0.4 else ""
    asked = _asked(
        rng,
        rng.choice(["story", "tale", "short story", "fairy tale", "bedtime story", "story for children"]),
        words,
        theme,
        hero,
    )
    h = hero or rng.choice(["Mia", "Tom", "Lily", "Max"])
    lines = [choose(rng, rng.choice(OPEN)).replace("{d}", "sunny").replace("{p}", "river").replace("{k}", "child")]
    lines += [rng.choice(slot).replace("{a}", _a(word)) for slot, word in zip(WORD_SENTENCES, words, strict=False)]
    lines += [rng.choice(TROUBLE), rng.choice(TURN)] + ([rng.choice(MORAL)] if theme else []) + [rng.choice(END)]
    return Chat([user(asked), pebble(fill(" ".join(lines), h=h, t=theme))])


def verse(rng: Random) -> Chat:
    """Four to ten lines in couplets."""
    words = _given(rng, 1, 4) if rng.random() < 0.85 else []
    theme = rng.choice(lex.THEMES) if rng.random() < 0.4 else ""
    asked = _asked(
        rng,
        rng.choice(["poem", "verse", "rhyme", "short poem", "little rhyme", "few lines of verse", "song"]),
        words,
        theme,
        "",
    )
    lines: list[str] = []
    for (first, second), word in zip(rng.sample(COUPLETS, len(words)), words, strict=True):
        made = _a(word)
        lines += [first.replace("{a}", made).replace("{A}", made[:1].upper() + made[1:]), second]
    lines += rng.choice(THEME_LINES) if theme else ()
    lines += rng.choice(REST) if len(lines) < 4 else ()
    lines += [r for pair in REST for r in pair if r not in lines][:2] if len(lines) < 4 else []
    return Chat([user(asked), pebble(fill("\n".join(lines), t=theme))])


def human(rng: Random) -> list[Span]:
    """A page of human text, all of it learnt: dialogue or worked problems; a story's text where neither is at hand."""
    if shared.dialogues() and rng.random() < 0.6:
        text = "\n".join(turn[1] for turn in rng.choice(shared.dialogues()))
    elif shared.stories_of_numbers():
        record = rng.choice(shared.stories_of_numbers())
        text = record["question"] + "\n" + record["answer"].split("####")[0].replace("<<", "(").replace(">>", ") ")
    else:
        text = str(story(rng).messages[-1].text)
    return [(text, LEARN), ("<|endoftext|>", LEARN)]
