# ruff: noqa: E501, SIM905
"""Detailed instructions: counts, order, format, case, forbidden and required words, units; one to three at once, all checkable."""

from __future__ import annotations

from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, compact, pebble, user
from recipes.pebble.grammar import ask, choose, say

NUMBERS = "zero one two three four five six seven eight nine ten".split()


def count_word(rng: Random, n: int) -> str:
    return str(n) if rng.random() < 0.5 else NUMBERS[n]


def plural(category: str) -> str:
    return lex.PLURALS.get(category, category + "s")


FORMATS = {
    "lines": ("one per line|each on a new line|on separate lines|with a line break after each|one on each line|line by line|on its own row|a new line for each|with line breaks|under each other|each on a fresh line|stacked vertically", "\n".join),
    "bullets": ('as a bullet list|with bullet points|as bullets|with a dash before each|as a list with dashes|in bullet form|using "-" bullets|dash before every item|start every line with a dash|as a dashed list', lambda items: "\n".join(f"- {x}" for x in items)),
    "numbers": ("as a numbered list|numbered|with numbers|with a number before each|numbered from 1|as an ordered list|with 1. 2. 3. in front|give each a number|number the items|count them 1, 2, 3", lambda items: "\n".join(f"{i}. {x}" for i, x in enumerate(items, 1))),
    "commas": ("separated by commas|comma-separated|with commas between them|in one line with commas|as a comma list|joined by commas|comma between items|split by commas|in a row with commas|with a comma after each but the last", ", ".join),
    "semicolons": ("separated by semicolons|with semicolons between them|joined by semicolons|using semicolons|semicolon-separated|split by semicolons|with ; between items|delimited by semicolons", "; ".join),
    "json": ("as a JSON array|as a JSON list|in JSON|as an array in JSON", compact),
    "slashes": ("separated by slashes|with slashes between them|joined by slashes|slash-separated|split by slashes|with a slash between items|using slashes", " / ".join),
    "pipes": ("separated by pipes|with a | between them".replace("|", "/").replace("/with a / between them", ""), " | ".join),
    "and": ('joined by the word "and"|with "and" between them|linked by "and"', " and ".join),
    "quotes": ("each in double quotes|in quotes|with quotes around each|each in quotation marks", lambda items: ", ".join(f'"{x}"' for x in items)),
    "brackets": ("each in round brackets|in parentheses|with parentheses around each", lambda items: " ".join(f"({x})" for x in items)),
}  # fmt: skip
CASES = {
    "upper": (
        "in upper case|in capitals|in capital letters|in uppercase|in all caps|all capitals|using capital letters only|in big letters|as if shouting|fully capitalised|entirely in caps|uppercase please",
        str.upper,
    ),
    "lower": (
        "in lower case|in lowercase|in small letters|without capitals|all lowercase|no capitals at all|lowercase only|in little letters|entirely in lower case",
        str.lower,
    ),
    "title": ("with a capital first letter|capitalised|each starting with a capital", str.capitalize),
}
SORTS = {
    "abc": (
        "in alphabetical order|alphabetically|sorted from A to Z|sorted alphabetically|in ABC order|ordered alphabetically|by first letter|a first and z last|in dictionary order|alphabetised",
        lambda items: sorted(items, key=str.lower),
    ),
    "zyx": (
        "in reverse alphabetical order|sorted from Z to A|from Z to A",
        lambda items: sorted(items, key=str.lower, reverse=True),
    ),
    "back": (
        "in reverse order|backwards|from last to first|in the opposite order|reversed|back to front|starting from the end|flip the order|last one first|turned around",
        lambda items: items[::-1],
    ),
}
UP = "from small to large|in ascending order|from lowest to highest|smallest first|sorted upwards|in increasing order"
DOWN = "from large to small|in descending order|from highest to lowest|largest first|in decreasing order|biggest first"


def join(rng: Random, head: str, hows: list[str]) -> str:
    """The order in one sentence or in several, the conditions in any order."""
    rng.shuffle(hows)
    style = rng.random()
    if not hows:
        return head
    if style < 0.5:
        return head + " " + ", ".join(hows)
    if style < 0.7:
        return ", ".join(hows) + ", " + head
    if style < 0.85:
        return (
            head
            + ". "
            + " ".join(
                choose(rng, f"[Do it|Write it|Make it|Answer|Put it|It should be|Write them|Give them] {how}.")
                for how in hows
            )
        )
    return head + ". [Rules|Format|Conditions|Note|Important]: " + "; ".join(hows)


def _picked(rng: Random, pool: dict, but: str = "") -> tuple[str, str]:
    key = rng.choice([k for k in pool if k != but])
    return key, choose(rng, f"[{pool[key][0]}]")


def dressed(rng: Random, items: list[str], limit: int) -> tuple[list[str], str, list[str]]:
    """Draw up to ``limit`` conditions of order, case and layout, and obey them."""
    kinds = rng.sample(["layout", "layout", "case", "case", "sort"], k=limit)
    hows, layout = [], "commas"
    if "sort" in kinds:
        key, how = _picked(rng, SORTS, "back")
        items, _ = SORTS[key][1](items), hows.append(how)
    if "case" in kinds:
        key, how = _picked(rng, CASES)
        items, _ = [CASES[key][1](x) for x in items], hows.append(how)
    if "layout" in kinds:
        layout, how = _picked(rng, FORMATS)
        hows.append(how)
    return items, FORMATS[layout][1](items), hows


def from_category(rng: Random) -> Chat:
    """Name n things of a kind, under conditions, perhaps without one of them."""
    category = rng.choice(list(lex.CATEGORIES))
    pool = list(lex.CATEGORIES[category])
    n = rng.randint(1, 6)
    extra: list[str] = []
    if rng.random() < 0.35:
        banned = rng.choice(pool[: n + 2])
        pool.remove(banned)
        extra.append(
            choose(
                rng,
                f'[but not {banned}|without {banned}|except {banned}|do not mention {banned}|leave out {banned}|avoid the word {banned}|no {banned}|never use the word {banned}|skip {banned}|the word "{banned}" is forbidden]',
            )
        )
    if rng.random() < 0.2:
        wanted = rng.choice(pool)
        pool.remove(wanted)
        pool.insert(0, wanted)
        extra.append(
            choose(
                rng,
                f"[including {wanted}|{wanted} must be among them|with {wanted} among them|one of them must be {wanted}|starting with {wanted}|first {wanted}]",
            )
        )
    _, text, hows = dressed(rng, pool[:n], rng.choice([0, 1, 1, 2, 2]))
    what = category if n == 1 else plural(category)
    head = choose(
        rng,
        f"[list|name|give me|write|tell me|write down|mention|I need|state|think of|enumerate|find|suggest|provide|show me|what are|pick|offer|I want|let me have|could you name] [exactly |just |some |]{count_word(rng, n)} {what}",
    )
    return Chat([user(ask(rng, join(rng, head, hows + extra) + "[.|]")), pebble(text)])


def from_list(rng: Random) -> Chat:
    """A list is given; sort it, cut it, change it."""
    if rng.random() < 0.2:
        return _numbers(rng)
    items = list({(lex.noun(rng) if rng.random() < 0.7 else lex.name(rng)): 0 for _ in range(rng.randint(2, 6))})
    shown = rng.choice([", ", ", ", " ", "\n", "; ", " and "]).join(items)
    extra, kept = [], items
    kind = rng.random()
    if kind < 0.2 and len(items) > 2:
        gone = rng.choice(items)
        kept = [x for x in items if x != gone]
        extra.append(
            choose(
                rng,
                f"[without {gone}|leave out {gone}|but not {gone}|remove {gone}|skip {gone}|drop {gone}|except {gone}|the word {gone} is forbidden]",
            )
        )
    elif kind < 0.4 and len(items) > 2:
        n = rng.randint(1, len(items) - 1)
        first = rng.random() < 0.6
        kept = items[:n] if first else items[-n:]
        extra.append(
            choose(
                rng,
                f"[only|just|no more than|nothing but] the {'[first|starting]' if first else '[last|final]'} {count_word(rng, n)}",
            )
        )
    elif kind < 0.5:
        added = lex.noun(rng)
        kept = [*items, added]
        extra.append(choose(rng, f"[add {added} at the end|with {added} added|append {added}|and put {added} last]"))
    elif kind < 0.6:
        kept = items[::-1]
        extra.append(choose(rng, f"[{SORTS['back'][0]}]"))
    _, text, hows = dressed(rng, kept, rng.choice([1, 1, 2]) if not extra else rng.choice([0, 1, 1, 2]))
    head = choose(
        rng,
        "[write|give me|print|show|list|repeat|return|output|rewrite|hand me|send back|type|present|set down|put|deliver|restate|let me have] [these|these words|the following|the words below|this list|the items below|the following items|those|all of these|my items]",
    )
    order = join(rng, head, hows + extra)
    text_in = rng.choice([f"{order}: {{x}}", f"{{x}}\n{order}", f"{order}\n{{x}}"])
    return Chat([user(ask(rng, text_in, x=shown)), pebble(text)])


def _numbers(rng: Random) -> Chat:
    numbers = rng.sample(range(1, 100), rng.randint(2, 5))
    up = rng.random() < 0.5
    done = [str(n) for n in sorted(numbers, reverse=not up)]
    how = choose(rng, f"[{UP if up else DOWN}]")
    layout, where = _picked(rng, FORMATS, "json") if rng.random() < 0.4 else ("commas", "")
    head = choose(rng, "[sort|order|arrange|put|write] [these numbers|the numbers|the following numbers]")
    return Chat(
        [
            user(ask(rng, f"{head} {how}{', ' + where if where else ''}: {{x}}", x=", ".join(map(str, numbers)))),
            pebble(FORMATS[layout][1](done)),
        ]
    )


SENTENCES = [
    "The {t} is {a}.", "Many people like the {t}.", "You can find a {t} in most towns.", "A {t} can make a day better.", "Some say that the {t} is very old.", "I think of the {t} with joy.", "There is always more to learn about the {t}.",
]  # fmt: skip


def sentences(rng: Random) -> Chat:
    """A given number of sentences on a topic, with or without certain words."""
    topic, n = lex.noun(rng), rng.randint(1, 4)
    adjective = rng.choice(lex.ADJECTIVES)
    lines = [s.replace("{t}", topic).replace("{a}", "lovely") for s in SENTENCES]
    hows: list[str] = []
    if rng.random() < 0.35:
        banned = rng.choice(["people", "towns", "find", "many", "day", "old", "better", lex.noun(rng), "some", "joy"])
        lines = [line for line in lines if banned not in line.lower()]
        hows.append(
            choose(
                rng,
                f"[without using the word {{q}}{banned}{{q}}|do not use the word {{q}}{banned}{{q}}|avoid the word {{q}}{banned}{{q}}|the word {{q}}{banned}{{q}} is forbidden|never say {{q}}{banned}{{q}}|leave out the word {{q}}{banned}{{q}}]",
            )
        )
    if rng.random() < 0.35:
        lines[0] = f"The {topic} is {adjective}."
        hows.append(
            choose(
                rng,
                f"[use the word {{q}}{adjective}{{q}}|include the word {{q}}{adjective}{{q}}|with the word {{q}}{adjective}{{q}} in it|it must contain {{q}}{adjective}{{q}}|mention {{q}}{adjective}{{q}}]",
            )
        )
    text_lines = lines[:n]
    text = " ".join(text_lines)
    if rng.random() < 0.25:
        key, how = _picked(rng, {k: FORMATS[k] for k in ("lines", "bullets", "numbers")})
        text, _ = FORMATS[key][1](text_lines), hows.append(how)
    if rng.random() < 0.2:
        key, how = _picked(rng, {k: CASES[k] for k in ("upper", "lower")})
        text, _ = CASES[key][1](text), hows.append(how)
    if rng.random() < 0.2:
        end = lex.phrase(rng)
        text, _ = (
            f"{text} {end}",
            hows.append(choose(rng, f"[end with|finish with|close with|the last words must be] {{q}}{end}{{q}}")),
        )
    if rng.random() < 0.15:
        start = lex.phrase(rng)
        text, _ = (
            f"{start} {text}",
            hows.append(choose(rng, f"[start with|begin with|open with|the first words must be] {{q}}{start}{{q}}")),
        )
    head = choose(
        rng,
        f"[write|give me|say|tell me|compose|produce] [exactly |]{count_word(rng, n)} [short |]sentence{'s' if n > 1 else ''} about {{t}}",
    )
    return Chat(
        [
            user(
                ask(rng, join(rng, head, hows) + ".", t=choose(rng, f"[the |a |]{topic}"), q=rng.choice(['"', "'", ""]))
            ),
            pebble(text),
        ]
    )


UNITS = [
    ("km", "kilometres"),
    ("m", "metres"),
    ("cm", "centimetres"),
    ("kg", "kilograms"),
    ("g", "grams"),
    ("l", "litres"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("mm", "millimetres"),
    ("ml", "millilitres"),
]
FACTORS = [
    ("km", "m", 1000),
    ("m", "cm", 100),
    ("kg", "g", 1000),
    ("l", "ml", 1000),
    ("h", "min", 60),
    ("min", "s", 60),
    ("cm", "mm", 10),
]


def units(rng: Random) -> Chat:
    """Amounts with their unit in full, in short, or in another unit."""
    n = rng.randint(2, 60)
    if rng.random() < 0.5:
        short, full = rng.choice(UNITS)
        if rng.random() < 0.5:
            return Chat(
                [
                    user(
                        ask(
                            rng,
                            "[write|give|say|print] {x} with the unit [in full|written out|spelled out|as a word][.|]",
                            x=f"{n} {short}",
                        )
                    ),
                    pebble(f"{n} {full}"),
                ]
            )
        return Chat(
            [
                user(
                    ask(
                        rng,
                        "[write|give|say|print] {x} with the unit [in short|abbreviated|as a symbol|in its short form][.|]",
                        x=f"{n} {full}",
                    )
                ),
                pebble(f"{n} {short}"),
            ]
        )
    big, small, factor = rng.choice(FACTORS)
    n = rng.randint(1, 9) if factor == 60 else n
    names = dict(UNITS)
    full = rng.random() < 0.5
    a, b = (names[big], names[small]) if full else (big, small)
    return Chat(
        [
            user(
                ask(
                    rng,
                    "[convert|change|turn] {x} [to|into] {b}[.|]|[how many|what is it in] {b} [are|is] {x}?|[what is|give] {x} in {b}[?|.]".split(
                        "|["
                    )[0]
                    if rng.random() < 0.4
                    else "[what is|give me|express|state] {x} in {b}[?|.|]",
                    x=f"{n} {a}",
                    b=b,
                )
            ),
            pebble(f"{n * factor} {b}"),
        ]
    )


def repeated(rng: Random) -> Chat:
    """Say something so many times, in some layout."""
    x, n = lex.anything(rng) if rng.random() < 0.5 else lex.noun(rng), rng.randint(2, 5)
    _, text, hows = dressed(rng, [x] * n, rng.choice([1, 1, 2]))
    text = text if hows else ", ".join([x] * n)
    head = choose(
        rng,
        "[repeat|say|write|print|type] {q}{x}{q} "
        + choose(rng, f"[{count_word(rng, n)} times|{'twice' if n == 2 else count_word(rng, n) + ' times'}]"),
    )
    return Chat([user(ask(rng, join(rng, head, hows) + "[.|]", x=x, q=rng.choice(['"', "'", '"', ""]))), pebble(text)])


def reply_rule(rng: Random) -> Chat:
    """A rule in the system prompt holds over turns."""
    from recipes.pebble.tasks import talk

    key, how = _picked(rng, {k: CASES[k] for k in ("upper", "lower")})
    messages = [
        Message(
            "system",
            say(rng, "[always |]{v} " + how + ".", v=choose(rng, "[answer|reply|write|respond|speak]")).capitalize(),
        )
    ]
    for _ in range(rng.choice([1, 2, 3])):
        asked, answered = talk.exchange(rng)
        messages += [user(asked), pebble(CASES[key][1](answered))]
    return Chat(messages)
