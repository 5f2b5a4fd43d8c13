# ruff: noqa: E501, SIM905
"""Short stories and verses with given words: a plot of slots whose sentences never repeat, and a proper end."""

from __future__ import annotations

import re
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


PROSE = [
    "story",
    "story",
    "tale",
    "plot",
    "novella",
    "fiction",
    "story for my niece",
    "tale of animals",
    "little prose piece",
    "account",
    "chronicle",
    "myth",
    "short story",
    "fairy tale",
    "bedtime story",
    "story for children",
    "legend",
    "little story",
    "story for my class",
    "adventure",
    "anecdote",
    "story with a happy end",
    "story for the fireside",
    "short tale for kids",
    "yarn",
    "children's story",
    "parable",
    "saga",
]
RHYME = [
    "poem",
    "poem",
    "verse",
    "poem for a wedding",
    "rhyme for my card",
    "song text",
    "couplet",
    "four lines that rhyme",
    "chorus",
    "sonnet",
    "rap",
    "rhyme",
    "short poem",
    "little rhyme",
    "few lines of verse",
    "song",
    "ballad",
    "nursery rhyme",
    "poem for my mum",
    "rhyming poem",
    "lyric",
    "limerick",
    "ditty",
    "lullaby",
    "verse for a birthday",
    "piece of poetry",
    "hymn",
]
WISHES = [
    "[may|might|can|could] [I have|you do|you give me|we hear|you tell us] [a|one|a short|some kind of]", "[is there|do you know|how about|what about] [a|a short|a good]", "[for tonight|for my blog|for a friend|for the kids], [a|write a|invent a|one]",
    "[write|tell|tell me|give me|make up|compose|I want|I would like|can you write|create|invent|think up|please write|let me have|I need|how about|would you make|we need|come up with|dream up] [a|a short|a little|a small|a nice|your best]",
]  # fmt: skip
ABOUT = "[ about {t}| on {t}| on the theme of {t}| that is about {t}| whose theme is {t}| that deals with {t}| on the topic of {t}| inspired by {t}| in praise of {t}|, theme: {t}| which shows {t}]"
USE = [
    "[ that contains {w}| with the words {w}| using the words {w}| that uses {w}| including {w}| with {w} in it| in which {w} appear| that has {w}| built on {w}| mentioning {w}]", "[. Use these words: {w}|. It must contain {w}|. Words to use: {w}|. Include {w}|. Do not forget {w}|. Required words: {w}|. It has to mention {w}|. Put in {w}|. I want to see {w} in it|. Weave in {w}|. Each of these words has to appear: {w}|; the words are {w}|. Please bring in {w}|. Let {w} appear]",
]  # fmt: skip
FIRST_SAY = [
    "{T} is what I want [a {k}|this {k}] to be about{u}",
    "I need a {k}; the theme is {t}{u}",
    "use {w} in a {k}[ about {t}| on {t}]",
    "{w}: [make|write|build] a {k} [with|from|out of] [them|these words]",
    "[topic|theme|subject]: {t}. [form|kind|genre]: {k}. [words|use]: {w}",
    "a {k} please[, about {t}|, on {t}]{u}",
    "{k}, {t}, {w}",
]
LITTLE = (
    "be so all that must go get in there it do let out over please now and then with for to by as well this".split()
)
ODD = [
    ("{x} {x} a {k} {x} {t}", ". {x} {w} {x}"),
    ("{T} {x} {x} a {k}", "; {x} {w}"),
    ("{x} a {k} {x} {x} {t}", ". {w} {x} {x} {x}"),
    ("{x} {x} {x} a {k}, {x} {t}", ", {x} {x} {w}"),
    ("a {k} {x} {t} {x}", ". {x} the words {w} {x} {x}"),
    ("{x} {x} a {k} {x} the {x} {x} {t}", ". {x} {w} {x} {x} {x}"),
]


def _odd(rng: Random, those: str, kind: str, theme: str) -> str:
    """A wish in words that nobody knows: the kind, the theme and a list with commas are all there is to go by."""
    frame, use = rng.choice(ODD)[0], rng.choice(ODD)[1]
    parts = re.split(r"(\{x\})", frame + use)
    text = "".join(
        (lex.pseudo(rng, 1, 2) if rng.random() < 0.5 else rng.choice(LITTLE)) if p == "{x}" else p for p in parts
    )
    return ask(rng, text.replace("{k}", kind) + choose(rng, "[.|]"), w=those, t=theme, T=theme.capitalize())


def _asked(rng: Random, kind: str, words: list[str], theme: str, hero: str) -> str:
    q = rng.choice(['"', "'", "", "", ""])
    shown = [f"{q}{w}{q}" for w in words]
    those = rng.choice([listing(shown), ", ".join(shown), listing(shown)]) if shown else ""
    use = choose(rng, rng.choice(USE)) if words else ""
    if words and theme and not hero and rng.random() < 0.15:
        return _odd(rng, those, kind, theme)
    if words and theme and rng.random() < 0.3:
        frame = choose(rng, rng.choice(FIRST_SAY)).replace("{u}", use).replace("{k}", kind)
        return ask(rng, frame + "[.|]", w=those, t=theme, T=theme.capitalize())
    about = choose(rng, ABOUT) if theme else ""
    about += (
        choose(rng, "[ with a hero called {h}| about someone named {h}| whose hero is {h}| starring {h}]")
        if hero
        else ""
    )
    lead = choose(rng, rng.choice(WISHES))
    parts = [about, use] if use.startswith((".", ";")) or rng.random() < 0.7 else [use, about]
    return ask(rng, f"{lead} {kind}{''.join(parts)}[.|]", w=those, t=theme, h=hero)


def theme(rng: Random) -> str:
    return rng.choice(
        [
            rng.choice(lex.THEMES),
            rng.choice(lex.THEMES),
            lex.noun(rng),
            f"the {lex.noun(rng)}",
            f"{rng.choice(lex.ADJECTIVES)} {lex.noun(rng)}s",
            rng.choice(lex.HOBBIES),
            rng.choice(lex.MONTHS),
            f"a {lex.noun(rng)}",
        ]
    )


def story(rng: Random) -> Chat:
    """Six to ten sentences; the first names every given word, so that each is at hand when its sentence comes."""
    words = _given(rng, 1, 4) if rng.random() < 0.92 else []
    topic = theme(rng) if rng.random() < 0.75 else ""
    hero = lex.name(rng) if rng.random() < 0.15 else ""
    asked = _asked(rng, rng.choice(PROSE), words, topic, hero)
    h = hero or "Mia"
    lines = [
        f"This is a story of {listing([_a(w) for w in words])}." if words else f"This is a story of {h}.",
        f"Once upon a time, {h} lived in a small house by a river.",
    ]
    lines += [slot[0].replace("{a}", _a(word)) for slot, word in zip(WORD_SENTENCES, words, strict=False)]
    lines += [TROUBLE[0], TURN[0]] + ([MORAL[0]] if topic else []) + [END[0]]
    return Chat([user(asked), pebble(fill(" ".join(lines), h=h, t=topic))])


def verse(rng: Random) -> Chat:
    """Four to ten lines in couplets, the given words one after another."""
    words = _given(rng, 1, 4) if rng.random() < 0.92 else []
    topic = theme(rng) if rng.random() < 0.7 else ""
    asked = _asked(rng, rng.choice(RHYME), words, topic, "")
    lines: list[str] = []
    if words:
        lines = [f"I sing of {listing([_a(w) for w in words])},", "and all the bells begin to ring."]
    for (first, second), word in zip(COUPLETS, words[:2], strict=False):
        made = _a(word)
        lines += [first.replace("{a}", made).replace("{A}", made[:1].upper() + made[1:]), second]
    lines += THEME_LINES[0] if topic else ()
    lines += [line for pair in REST for line in pair][: max(0, 4 - len(lines))]
    return Chat([user(asked), pebble(fill("\n".join(lines), t=topic))])


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
