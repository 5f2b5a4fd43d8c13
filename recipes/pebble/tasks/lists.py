# ruff: noqa: E501, SIM905
"""Orders about lists and sentences: which items, in what order, in which letters, set apart by what; each condition said in a way composed for it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, pebble, user
from recipes.pebble.grammar import ask, choose, listing, whole

Items = list[str]
Change = tuple[str, Callable[[Items], Items]]  # how it is said, what it does

MARKS = {
    "comma": (", ", "commas"),
    "semicolon": ("; ", "semicolons"),
    "slash": (" / ", "slashes"),
    "pipe": (" | ", "pipes"),
    "dash": (" - ", "dashes"),
    "plus sign": (" + ", "plus signs"),
}
ITEM = "[word|item|entry|one|of them|name|element]"
APART = [
    "[join|link|connect|separate|split|part|chain|combine|glue|delimit|string] [them|the words|the items|everything|all] [with|by|using|by means of|through] {s}", "[with|using] {s} [between them|in between|between the words|to separate them|as separators]", "{s} [between|go between|stand between|belong between|must be between] [them|the words|the items]",
    "a {m} [between|after|follows|goes after|comes after] [every two words|every word but the last|each word but the last|two words]", "{m}-separated", "[separated|delimited|joined|linked|split up] [by|with] [a {m}|{s}]", "[the separator is|separator:|as separator take|let the separator be|my separator is] [a {m}|{m}]", "[keep|have|set|hold] [them|the words] apart with [a {m}|{s}]",
    "[have|insert|set|type|write] [a {m}|{s}] [between them|in between|between the entries]", "[between them|between any two|in between] [a {m}|{s}]",
]  # fmt: skip
LINES = [
    "[one|a single|just one] [word|item|entry|name] [per|a|on a|for each] line", "[each|every one|all of them|each word|each item] [in|on] [a new|a separate|a different|its own|another] line", "[start|use|begin|take|open] a new line [for|with] [each|every|each word|every item]", "[under|below] [one another|each other]", "line [by|after] line", "as a column", "[with|use|put|insert] [a line break|line breaks] [between them|after each|after every word]",
    "[stack|pile] them [vertically|up]", "[separate|split|part] them [by|with] [line breaks|new lines|newlines]", "[one below the other|one under the other|row after row|in rows]",
]  # fmt: skip
ALPHABET = "[sort|order|arrange|put|rank|line up|organise|list] [them|the words|everything|these] [alphabetically|from A to Z|in alphabetical order|in order of the alphabet|by first letter|as in a dictionary|in ABC order|A first]|[sorted|ordered|arranged] [alphabetically|from A to Z|in alphabetical order|by first letter]|alphabetically|in alphabetical order|from A to Z"
BACKWARDS = "[turn|flip|put|write|list|order] [them|the order|the words|everything] [around|backwards|in reverse order|back to front|upside down|in the opposite order|the other way round]|[in reverse|in reversed order|backwards|back to front|last one first|with the last one first|in the opposite order|reversed|starting from the end|end to start|beginning with the last]"
UPPER = "[in|all in|entirely in|everything in] [capitals|capital letters|upper case|uppercase|big letters|all caps|large letters]|[make|turn|write|set] [every letter|all letters|everything|the letters] [big|upper case|uppercase|capital]|[use|with] [only |nothing but |just |][capitals|capital letters|upper case|big letters]|[capitalise|uppercase] [everything|them all|every letter]|as if you shouted|shout them"
LOWER = "[in|all in|entirely in|everything in] [lower case|lowercase|little letters|small type]|[make|turn|write|set] [every letter|all letters|everything|the letters] [little|lower case|lowercase|not capital]|[use|with] [no|not one|not a single] [capitals|capital letters|capital|upper case]|without [any |]capitals|lowercase [everything|them all|it all|only]"
BULLETS = "[with|using] [bullets|bullet points|dashes|a dash before each|hyphens]|as [bullets|a bullet list|bullet points|a dashed list|a bulleted list]|[start|begin|open] [each|every] [line|row|item] with a [dash|hyphen]|[a dash|a hyphen] [at the start of|before|opening] [each|every] [line|item|word]|in bullet form"
NUMBERS = "[with|using] [a number before each|numbers in front|1., 2., 3.]|as [a numbered list|an ordered list|a list with numbers]|[number|count|enumerate] [them|the items|each item|every line|the rows]|[give|put] [each|every one] [a number|its number][ in front|]|[start|begin] [each|every] [line|row|item] with [a number|its number]|numbered[ from 1|]"


def said(rng: Random, options: str) -> str:
    """One of the ways that stand between bars outside brackets, resolved."""
    return choose(rng, rng.choice(whole(options)))


def layout(rng: Random) -> tuple[str, Callable[[Items], str]]:
    kind = rng.random()
    if kind < 0.5:
        mark = rng.choice([*list(MARKS)[:3], *list(MARKS)[:3], *list(MARKS)[:3], *list(MARKS)[3:]])
        joint, plural = MARKS[mark]
        return choose(rng, rng.choice(APART)).replace("{s}", plural).replace("{m}", mark), joint.join
    if kind < 0.76:
        return choose(rng, rng.choice(LINES)), "\n".join
    if kind < 0.88:
        return said(rng, BULLETS), lambda items: "\n".join(f"- {x}" for x in items)
    return said(rng, NUMBERS), lambda items: "\n".join(f"{i}. {x}" for i, x in enumerate(items, 1))


def order(rng: Random) -> Change:
    if rng.random() < 0.4:
        return said(rng, ALPHABET), lambda items: sorted(items, key=str.lower)
    return said(rng, BACKWARDS), lambda items: items[::-1]


def letters(rng: Random) -> Change:
    if rng.random() < 0.55:
        return said(rng, UPPER), lambda items: [x.upper() for x in items]
    return said(rng, LOWER), lambda items: [x.lower() for x in items]


def selection(rng: Random, items: Items) -> Change:
    gone = rng.choice(items)
    if rng.random() < 0.7:
        return choose(
            rng,
            f"[without|except for|except|leaving out|skip|drop|but not|minus|other than|excluding|not|leave out|take out|remove|cross out|ignore|forget|but leave {gone} out, not] {gone}",
        ).replace(f"but leave {gone} out, not {gone}", f"but leave {gone} out"), lambda xs: [x for x in xs if x != gone]
    n = rng.randint(1, max(1, len(items) - 1))
    first = rng.random() < 0.5
    count = ["", "one", "two", "three", "four"][n] if rng.random() < 0.6 else str(n)
    return choose(
        rng, f"[only|just|nothing but|no more than] the {'[first|leading]' if first else '[last|final]'} {count}"
    ), lambda xs: xs[:n] if first else xs[-n:]


ALL = "[these|these words|the following|the words|this list|my words|those words|the items|what follows|my list]"
SAY = "[write|give me|print|show|list|repeat|return|output|rewrite|hand me|send back|type|present|restate|bring me|say|tell me|echo|deliver|read out|spit out|set down|hand back|state]"

SMALL = "as|up|out|back|for me|once more|so that it is|but|over|down|again|together|to get it|into a text".split("|")


def phrase(rng: Random, items: str, hows: Items) -> str:
    """The request around its conditions."""
    rng.shuffle(hows)
    how = rng.choice([", ", " and ", ", and ", "; "]).join(hows)
    verb, them = choose(rng, SAY), choose(rng, ALL)
    if rng.random() < 0.25:  # words that nobody knows: an order is known by its place, and the items by their commas
        verb = rng.choice([verb, f"{verb} {rng.choice(SMALL)}", *(lex.pseudo(rng, 1, 3) for _ in "abc")])
        items = rng.choice(
            [items, f"{rng.choice(SMALL)} {items}", f"{items} {rng.choice([*SMALL, lex.pseudo(rng, 1, 2)])}"]
        )
    return rng.choice([
        f"{verb} {items} {how}", f"{verb} {items}, {how}", f"{verb} {items}; {how}", f"{verb} {items}. {how.capitalize()}", f"{verb} {them} {how}: {items}", f"{verb} {them}: {items}. {how.capitalize()}", f"{items}: {how}", f"{items}. {verb.capitalize()} them {how}", f"{items} - {verb} them {how}",
        f"[I have|we have|look at|consider|my list is|there are|mine are] {items}. [please |now |then |]{verb} [them|it all|the words] {how}", f"{how}: {items}", f"{how}, {verb} {items}", f"[I want|I need|I'd like|let me see|can I have|may I have|let me have] {items} {how}", f"[I want|I need|I'd like|let me see] {items}, {how}", f"[can|could|would] you {verb} {items} {how}", f"[with|from|out of|for] {items}: {verb} [all|them|everything] {how}",
    ])  # fmt: skip


def words(rng: Random) -> Items:
    items = list({lex.noun(rng) if rng.random() < 0.85 else lex.name(rng): 0 for _ in range(rng.randint(2, 5))})
    style = rng.random()
    return [x.capitalize() for x in items] if style < 0.15 else [x.upper() for x in items] if style < 0.2 else items


def given(rng: Random) -> Chat:
    """A list comes with the request; one to three conditions on what comes back."""
    items = words(rng)
    kinds = rng.sample(["order", "letters", "selection"], rng.choice([0, 1, 1, 1, 2]))
    done, hows = items, []
    for kind in sorted(kinds, reverse=True):  # selection, order, letters
        how, change = {"order": order, "letters": letters}[kind](rng) if kind != "selection" else selection(rng, items)
        done = change(done)
        hows.append(how)
    how, join = layout(rng) if rng.random() < 0.75 or not hows else ("", ", ".join)
    hows += [how] if how else []
    shown = rng.choice([", ".join(items), ", ".join(items), listing(items), " ".join(items)])
    return Chat([user(ask(rng, choose(rng, phrase(rng, "{x}", hows)) + "[.|]", x=shown)), pebble(join(done))])


def counted(rng: Random) -> Chat:
    """So many things of a kind, or one word so many times, laid out as asked."""
    how, join = layout(rng)
    n = rng.randint(2, 6)
    count = str(n) if rng.random() < 0.6 else ["", "", "two", "three", "four", "five", "six"][n]
    if rng.random() < 0.5:
        kind = rng.choice(list(lex.CATEGORIES))
        plural = {
            "colour": "colours",
            "piece of clothing": "clothes",
            "piece of furniture": "pieces of furniture",
            "country": "countries",
        }.get(kind, f"{kind}s")
        items = lex.CATEGORIES[kind][:n]
        core = choose(
            rng,
            f"[name|list|give me|think of|I need|what are|tell me|could I have|do you know|write down|find|suggest|mention|show me|pick|let me have|I would like|enumerate] {count} [different ||kinds of |][{plural}|{plural}|{plural} you know|names of {plural}|words for {plural}]",
        )
    else:
        word = lex.noun(rng)
        items = [word] * n
        times = {2: "[twice|two times|2 times]", 3: "[three times|3 times|thrice]"}.get(n, f"{count} times")
        core = choose(
            rng,
            f"[write|say|repeat|print|type|give me|output|I want|put down|show me|produce] [the word |the noun |]{word} {times}[ in all| in total||]",
        )
    text = rng.choice(
        [
            f"{core}, {how}",
            f"{core}. {how.capitalize()}",
            f"{core}; {how}",
            f"{core} {how}",
            f"{how}: {core}",
            f"{core} and {how}",
        ]
    )
    return Chat([user(ask(rng, choose(rng, text) + "[.|]")), pebble(join(items))])


PLAIN = [
    "The {t} is lovely.",
    "A {t} can be found in the town.",
    "I think of the {t} with joy.",
    "There is more to learn about the {t}.",
]
SPARE = ["The {t} is fine.", "One sees a {t} at times.", "My friend has a {t}.", "Let us talk about the {t}."]
COMMON = [
    "lovely",
    "found",
    "town",
    "think",
    "joy",
    "more",
    "learn",
    "there",
    "with",
    "can",
    "about",
    "nice",
    "good",
    "very",
    "small",
    "new",
    "big",
    "some",
    "they",
    "often",
    "time",
    "world",
    "great",
    "water",
    "house",
    "way",
]


def _about(line: str, topic: str) -> str:
    line = line.replace("{t}", topic)
    return (
        line.replace(f"A {topic}", f"An {topic}").replace(f" a {topic}", f" an {topic}")
        if topic[0] in "aeiou"
        else line
    )


def about(rng: Random) -> Chat:
    """A given number of sentences on a thing, with one condition on their words, letters, beginning or end."""
    topic, n = lex.noun(rng), rng.randint(1, 4)
    lines = [_about(line, topic) for line in PLAIN]
    kind = rng.choice(["ban", "word", "upper", "end", "start", "none"])
    rule, before, after = "", "", ""
    if kind == "ban":
        banned = rng.choice(COMMON)
        spare = iter(SPARE)
        lines = [
            _about(next(spare), topic) if banned in line.lower().split() or f"{banned}." in line else line
            for line in lines
        ]
        rule = (
            choose(
                rng,
                f"[do not use|avoid|never use|leave out|without|stay clear of|no use of|keep out|you must not say|not allowed:|forbidden:|skip] the word {{q}}{banned}{{q}}|[the word |]{{q}}{banned}{{q}} [is forbidden|is banned|must not appear|is not allowed|should be absent|is off limits]".split(
                    "|[the word"
                )[0],
            )
            if rng.random() < 0.6
            else choose(
                rng,
                f"the word {{q}}{banned}{{q}} [is forbidden|is banned|must not appear|is not allowed|should be absent|is off limits|shall be missing]",
            )
        )
    if kind == "word":
        wanted = lex.noun(rng)
        lines[0] = f"The {topic} is near the {wanted}."
        rule = (
            choose(rng, f"[use|include|mention|work in|bring in|do not forget|with|add] the word {{q}}{wanted}{{q}}")
            if rng.random() < 0.5
            else choose(
                rng,
                f"the word {{q}}{wanted}{{q}} [must be in it|must appear|should come up|is required|is a must|needs to be there]",
            )
        )
    if kind == "upper":
        rule = said(rng, UPPER)
    end = f"{lex.name(rng)} {lex.noun(rng)}" if rng.random() < 0.5 else lex.phrase(rng)
    if kind == "end":
        rule, after = (
            choose(
                rng,
                f"[end|finish|close|stop|conclude] [it |][with|on] {{q}}{end}{{q}}|[the last words|the ending|the final words|the close] [must be|is|are|should be|shall read] {{q}}{end}{{q}}".split(
                    "|[the last"
                )[0],
            )
            if rng.random() < 0.5
            else choose(
                rng,
                f"[its last words|the ending|the final words|the close|the end of it] [must be|should be|shall be|has to be] {{q}}{end}{{q}}",
            ),
            " " + end,
        )
    if kind == "start":
        rule, before = (
            choose(rng, f"[start|begin|open|set out] [it |][with|on] {{q}}{end}{{q}}")
            if rng.random() < 0.5
            else choose(
                rng,
                f"[its first words|the beginning|the opening|the opening words|the start of it] [must be|should be|shall be|has to be] {{q}}{end}{{q}}",
            ),
            end + " ",
        )
    body = before + " ".join(lines[:n]) + after
    text = body.upper() if kind == "upper" else body
    count = ["", "one", "two", "three", "four"][n] if rng.random() < 0.5 else str(n)
    some = (
        f"{count} [short |simple |full |]sentence{'s' if n > 1 else ''}"
        if n > 1 or kind not in ("end", "start")
        else "[a sentence|a line|a remark|one sentence|a few words|anything]"
    )
    head = choose(
        rng,
        f"[write|give me|say|tell me|compose|make|form|I want|I need|put together|let me have|come up with|offer|state|create] {some} [about|on|on the topic of|concerning|that deal with|regarding] [a|the] {topic}",
    ).replace("that deal with", "about" if n == 1 else "that deal with")
    if rng.random() < 0.2:
        head = choose(rng, f"[topic|theme]: {topic}. [length|size|amount]: {count} sentence{'s' if n > 1 else ''}")
    joined = (
        rng.choice(
            [
                f"{head}. {rule.capitalize()}",
                f"{head}, {rule}",
                f"{head}; {rule}",
                f"{head} and {rule}",
                f"{rule.capitalize()}. {head.capitalize()}",
            ]
        )
        if rule
        else head
    )
    return Chat([user(ask(rng, joined + ".", q=rng.choice(['"', "'", "", ""]))), pebble(text)])
