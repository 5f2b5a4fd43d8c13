# ruff: noqa: E501
"""Bare arithmetic, then word problems whose steps are thought aloud, then small logic."""

from __future__ import annotations

import itertools
import operator
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import LEARN, Chat, Span, pebble, user
from recipes.pebble.grammar import ask, choose, say

SIGNS = {
    "+": "[plus|added to|and]",
    "-": "[minus|less|take away]",
    "*": "[times|multiplied by]",
    "/": "[divided by|over]",
}


def operation(rng: Random) -> tuple[int, str, int, int]:
    """a, sign, b and the exact result, none of them negative; mostly of one or two digits."""
    sign = rng.choice("++--*/")
    top = rng.choice([10, 20, 50, 100, 100, 100, 300])
    if sign in "+-":
        a, b = rng.randint(0, top), rng.randint(0, top)
        a, b = (max(a, b), min(a, b)) if sign == "-" else (a, b)
        return a, sign, b, a + b if sign == "+" else a - b
    a, b = rng.randint(1, 12), rng.randint(2, 12) if rng.random() < 0.8 else rng.choice([10, 15, 20, 25, 30, 50])
    return (a, "*", b, a * b) if sign == "*" else (a * b, "/", b, a)


def worked(a: int, sign: str, b: int) -> str:
    """The sum by its digits, units first, so that every step is one of a hundred small facts: ``47 + 28: 7 + 8 = 15, 4 + 2 + 1 = 7, so 75``."""
    if sign == "/" or (a < 10 and b < 10) or (sign == "*" and a > 9 and b > 9):
        return f"{a} {sign} {b} = {_exact(a, sign, b)}"
    if sign == "*" and a < b:
        a, b = b, a
    steps = _by_digits(a, b, sign)
    return f"{a} {sign} {b}: {', '.join(steps)}, so {_exact(a, sign, b)}"


def _exact(a: int, sign: str, b: int) -> int:
    return {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv}[sign](a, b)


def _by_digits(a: int, b: int, sign: str) -> list[str]:
    steps, carry, first = [], 0, True
    while a or (b and sign != "*") or first:
        u, v = a % 10, b if sign == "*" else b % 10
        if sign == "-":
            u -= carry
            carry = int(u < v)
            u += 10 * carry
            steps.append(f"{u} - {v} = {u - v}")
        else:
            done = (u * v if sign == "*" else u + v) + carry
            steps.append(f"{u} {sign} {v}" + (f" + {carry}" if carry else "") + f" = {done}")
            carry = done // 10
        a, b, first = a // 10, b if sign == "*" else b // 10, False
    return steps


def drill(rng: Random) -> list[Span]:
    """A page of worked sums: plain text, all of it learnt."""
    lines = []
    for _ in range(rng.randint(4, 14)):
        a, sign, b, _ = operation(rng)
        lines.append(worked(a, sign, b))
    return [("\n".join(lines), LEARN), ("<|endoftext|>", LEARN)]


def bare(rng: Random) -> Chat:
    """One sum asked for in signs or words."""
    a, sign, b, c = operation(rng)
    shown = rng.choice([f"{a} {sign} {b}", f"{a}{sign}{b}", f"{a} {choose(rng, SIGNS[sign])} {b}", f"{a} {sign} {b}"])
    if sign == "*" and rng.random() < 0.3:
        shown = shown.replace("*", rng.choice("x×"))
    text = ask(
        rng, "[what is|what's|calculate|compute|work out|how much is|solve|tell me|evaluate|find|] {s}[?| =|]", s=shown
    )
    return Chat([user(text), pebble(f"{a} {sign} {b} = {c}", thought=worked(a, sign, b))])


class Tale:
    """A word problem under construction: its sentences, its thoughts and its running amount.

    A thought is a sentence said again and the sum it asks for: what comes next is then copying, and the sign is chosen right after the words that want it.
    """

    def __init__(self, rng: Random):
        self.rng = rng
        self.who, self.other = lex.name(rng), lex.name(rng)
        self.pronoun = rng.choice(["he", "she", "they"])
        self.thing = rng.choice(lex.NOUNS + lex.FRUITS + lex.CLOTHES) if rng.random() < 0.7 else lex.pseudo(rng, 1, 2)
        self.things = plural(self.thing)
        self.amount = rng.randint(2, rng.choice([10, 20, 60, 90]))
        self.told: list[str] = []
        self.steps: list[str] = []

    def tell(self, template: str, **slots: object) -> None:
        text = say(
            self.rng,
            template,
            w=self.who,
            o=self.other,
            t=self.things,
            p=self.pronoun,
            P=self.pronoun.capitalize(),
            h=_have(self.pronoun),
            v=lex.pseudo(self.rng, 1, 2),
            **slots,
        )
        self.told.append(text[:1].upper() + text[1:])

    def step(self, sign: str, by: int) -> None:
        """The sum that the last sentence asks for."""
        self.think(worked(self.amount, sign, by))
        self.amount = _exact(self.amount, sign, by)

    def think(self, work: str) -> None:
        self.steps.append(f"{self.told[-1]} -> {work}")


def plural(word: str) -> str:
    if word.endswith(("s", "x", "sh", "ch")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def _have(pronoun: str) -> str:
    return "have" if pronoun == "they" else "has"


STARTS = [
    "{w} [has|owns|starts with|begins with|starts out with|holds|keeps] {n} {t}.", "[There are|We see|There were] {n} {t} in [{w}'s|the] [box|bag|shop|room|garden|house].", "{w} [bought|found|collected|picked|made|got|counted|packed] {n} {t}.",
    "[At first|In the morning|On Monday|To begin with|One day], {w} [has|had|owned] {n} {t}.", "{w}'s [box|bag|shelf|basket|shop|jar] [has|holds|contains|had] {n} {t}.", "{n} {t} [belong to|are owned by] {w}.",
]  # fmt: skip
STARTS += [
    "[In|On|Inside|At] {w}'s [desk|room|cellar|van|bag|garage|pantry|window|kitchen] [there are|are|lie|you find|one finds] {n} {t}.", "{w} [puts|places|hides|stacks|lays|lines up] {n} {t} [in a drawer|on a table|in a crate|in the barn|on the floor].",
    "[The|A] [drawer|box|barn|crate|case|basket] of {w} [holds|contains|is filled with] {n} {t}.", "{w} [wins|inherits|carries|catches|bakes|draws|paints|saves] {n} {t}[ in a week| today| at first|].", "{n} {t} [stand|lie|wait|are kept] [at|with|near] {w}.", "[Imagine|Suppose|Say] {w} [has|owns] {n} {t}.",
]  # fmt: skip
MORE = [
    "{p} [buys|gets|finds|picks|receives|collects|makes|adds|earns|wins] {n} more[ {t}|].", "{o} [gives|hands|sends|brings|mails|lends] {w} {n} [more|more {t}|{t}|extra {t}].", "[Then|Later|After that|Next|The next day][,|] {w} [gets|buys|finds|wins|picks up] {n} [more|more {t}|{t}|others].",
    "{n} [more|new|extra] {t} [arrive|are added|come in|are delivered].", "[A friend|An aunt|A neighbour|{o}] [adds|brings|gives] {n} more.",
]  # fmt: skip
MORE += [
    "[{o}|A stranger|The teacher|Grandma|The postman] [throws in|passes on|drops off|leaves|presents|delivers|chips in] {n}[ more| extra| others| {t}|].", "[A box|A truck|A van|A crate] [brings|carrying] {n} [more|new|extra|further] {t} [arrives|comes|is unloaded].", "[Luckily|Happily|By chance|Soon][,|] {n} [more|new|extra|further] {t} [show up|are found|are brought|join].",
    "[Plus|And then] {n} [more|from {o}|extra].", "{o} [lets {w} have|makes {w} a gift of] {n}[ more|].",
]  # fmt: skip
LESS = [
    "{p} [gives|hands|sells|lends] {n}[ of them|] to {o}.", "{w} [loses|sells|eats|uses|breaks|drops|spends|throws away|gives away|donates] {n}[ of them| {t}|].", "[Then|Later|After that|Next|The next day][,|] {n}[ of them| {t}|] [are lost|are sold|go missing|are taken|are used|break|are given away].",
    "{o} [takes|borrows|buys|steals|wants and gets] {n}[ of them| {t}|].",
]  # fmt: skip
LESS += [
    "[Unluckily|Alas|By accident|Oddly][,|] {n}[ of them| {t}|] [disappear|are stolen|fall off|get wet|are ruined|get broken|burn].", "{n}[ of them| {t}|] [go back|are returned|are sent off|are passed on][ to {o}|].", "{o} [carries off|needs|keeps|asks for and receives|is given] {n}[ of them| {t}|].",
    "[A dog|The wind|A thief|The cat] [takes|ruins|carries away] {n}[ of them| {t}|].", "{w} [has to return|must give up|parts with|hands over|misplaces|tosses out] {n}[ of them| {t}|].",
]  # fmt: skip
GAINING = "[acquires|obtains|gains|harvests|orders|borrows|discovers|digs up|unpacks|knits|gathers|brings home|is given|is lent|is sent|takes in|stocks up on|wins|fetches|inherits|is paid|unwraps|gets hold of]"
LOSING = "[ships|burns|lends out|forgets|cuts up|wears out|spills|surrenders|forfeits|scraps|discards|melts|trades in|leaves behind|wastes|smashes|gets rid of|posts|hands out|pays|gambles away|tears up]"
ARRIVING = "[appear|are born|come along|are left at the door|are unloaded|are put with them|go in|fly in|land there|come by post|are found in the attic|are thrown in]"
LEAVING = "[rot|sink|melt|run off|fall out|get lost|are eaten by mice|are taken out|leave|are thrown out|blow away|crack|go bad|are carried off|expire]"
WHEN = "[Then|Later|After that|Next|Soon|One day|On Friday|At noon|That night|A week later|By luck|||||]"
MORE += [
    WHEN + " {w} " + GAINING + " {n}[ more| further| new| other|] [{t}|of them|].", WHEN + " {p} " + GAINING + " {n}[ more| further| new| other|].", WHEN + " {n} [more|further|new|other] [{t}|] " + ARRIVING + ".",
]  # fmt: skip
LESS += [
    WHEN + " {w} " + LOSING + " {n}[ of them| {t}| of the {t}|].", WHEN + " {p} " + LOSING + " {n}[ of them| of the {t}|].", WHEN + " {n}[ of them| of the {t}|] " + LEAVING + ".",
]  # fmt: skip
# verbs that nobody knows: only the small words beside the number tell more from less
MORE += [
    WHEN + " [{w}|{p}|{o}] {v}s [another|a further|an additional|an extra] {n}[ {t}|].", WHEN + " [another|a further|an additional] {n} {t} {v}[ in| there| up| by|].",
    WHEN + " {o} {v}s {n} [more|extra|in addition|as well|besides|too|to the pile|to these].", WHEN + " {n} {t} {v} [in addition|as well|besides|too|on top of these].",
]  # fmt: skip
LESS += [
    WHEN + " [{w}|{p}|{o}] {v}s {n} of [them|the {t}|these].", WHEN + " {n} of [them|the {t}|these] {v}[ away| off| out|].", WHEN + " {n} [are|were|get|have to be|need to be] {v}ed [back|away|off|out][ to {o}| by {o}|].",
    WHEN + " {p} {v}s {n} [back|away|off|out][ to {o}|].",
]  # fmt: skip
DOUBLE = [
    "[Then|Later|After that|Next][,|] {p} [doubles|manages to double] [the number|this number|the amount|that].",
    "[Then|Later|Next] the number of {t} [doubles|is doubled].",
]
TRIPLE = ["[Then|Later|After that|Next][,|] the number [triples|is tripled|becomes three times as large]."]
HALVE = [
    "[Then|Later|After that][,|] {p} [gives away|loses|sells|uses] half[ of them| of the {t}|].",
    "[Half of them|Half of the {t}] [are sold|are lost|break|go to {o}].",
]
TOTAL = [
    "How many {t} [does {w} have|are there|has {w} got|are left|does {w} own|remain][ now| in the end| at the end| in total| altogether|]?", "[What is|Find|Give|Tell me] the [number of {t} in the end|final number of {t}|number of {t} {w} has now].", "How many [are there now|are left|does {w} have now]?", "[Now|In the end], how many {t} [are there|does {w} have]?",
]  # fmt: skip
TOTAL += [
    "[Work out|Calculate|Say|State] [how many {t} {w} has|the {t} that remain|how many {t} are left|{w}'s {t} at the close][.|]", "[With|And with] how many {t} does {w} [finish|stay|remain]?", "[What|How big|How large] is [the number|the pile|the total] of {t} [then|now|at last|in the end]?", "How many {t} [can {w} count|does {w} keep|stay with {w}][ now| then| in the end|]?",
]  # fmt: skip
SHARE = [
    "{w} [shares|splits|divides] [them|the {t}] [equally|evenly|fairly] [among|between] {n} [friends|people|children|boxes|bags]. How many {t} [does each get|go to each|are in each|does each one get]?"
]
COST = [
    "[If|When|Suppose] [each|every|one] [of them|{s}] [costs|is|goes for|brings] {n} [euros|dollars|coins|pounds], [what do they cost|how much money is that|what are they worth|what is the price of all|how much do all of them bring][ in total| together|]?",
    "[Each|Every|One] [of them|{s}|{s}] [costs|is worth|sells for|is priced at] {n} [dollars|euros|coins|pounds]. [How much do they cost|What is the total cost|How much are they worth|How much is that] [in total|altogether|together|]?",
]


def problem(rng: Random) -> Chat:
    """A word problem of two to four steps; the steps stand in the thought, the answer after it."""
    tale = Tale(rng)
    if rng.random() < 0.2:
        _group(tale)
    else:
        tale.tell(rng.choice(STARTS), n=tale.amount)
        tale.think(str(tale.amount))
    wanted = rng.choice([1, 2, 2, 3, 3, 4])
    while len(tale.steps) < wanted:
        _event(tale)
    _question(tale)
    if rng.random() < 0.1:
        tale.told, tale.steps = [t.lower() for t in tale.told], [t.lower() for t in tale.steps]
    question = " ".join(tale.told)
    if rng.random() < 0.3:
        question = ask(
            rng,
            "[solve this|here is a problem|a puzzle|work this out|help me with this|think about this]: {q}",
            q=question,
        )
    return Chat([user(question), pebble(f"The answer is {tale.amount}.", thought="\n".join(tale.steps))])


def _group(tale: Tale) -> None:
    """Boxes of things: start over with a product."""
    boxes, each = tale.rng.randint(2, 10), tale.rng.randint(2, 12)
    box = choose(tale.rng, "[boxes|bags|crates|packs|shelves|rows|jars|baskets]")
    tale.tell(
        "{w} [has|buys|owns|fills|packs] {a} {b} [with|of|holding] {e} {t}[ each| in each|].", a=boxes, b=box, e=each
    )
    tale.amount = boxes
    tale.step("*", each)


def _event(tale: Tale) -> None:
    rng, kind = tale.rng, tale.rng.random()
    if kind < 0.4 or tale.amount < 3:
        n = rng.randint(1, rng.choice([10, 30, 60]))
        tale.tell(rng.choice(MORE), n=n)
        tale.step("+", n)
    elif kind < 0.8:
        n = rng.randint(1, tale.amount - 1)
        tale.tell(rng.choice(LESS), n=n)
        tale.step("-", n)
    elif kind < 0.88 and tale.amount < 60:
        tale.tell(rng.choice(DOUBLE))
        tale.step("*", 2)
    elif kind < 0.92 and tale.amount < 40:
        tale.tell(rng.choice(TRIPLE))
        tale.step("*", 3)
    elif tale.amount % 2 == 0:
        tale.tell(rng.choice(HALVE))
        tale.step("/", 2)


def _question(tale: Tale) -> None:
    rng = tale.rng
    divisors = [d for d in range(2, 11) if tale.amount % d == 0 and tale.amount // d <= 20]
    kind = rng.random()
    if kind < 0.2 and divisors and tale.amount > 3:
        n = rng.choice(divisors)
        tale.tell(rng.choice(SHARE), n=n)
        tale.step("/", n)
    elif kind < 0.4 and tale.amount <= 50:
        n = rng.randint(2, 12) if tale.amount <= 12 else rng.choice([2, 3, 4, 5, 10])
        tale.tell(rng.choice(COST), n=n, s=tale.thing)
        tale.step("*", n)
    else:
        _event(tale)
        tale.tell(rng.choice(TOTAL))


ORDERS = [
    ("taller", "tallest", "shortest"),
    ("older", "oldest", "youngest"),
    ("faster", "fastest", "slowest"),
    ("heavier", "heaviest", "lightest"),
    ("richer", "richest", "poorest"),
    ("stronger", "strongest", "weakest"),
    ("bigger", "biggest", "smallest"),
    *(
        (f"{a.rstrip('e')}er", f"{a.rstrip('e')}est", f"least {a}")
        for a in [
            "kind",
            "quick",
            "slow",
            "loud",
            "young",
            "warm",
            "cold",
            "soft",
            "sweet",
            "neat",
            "brave",
            "bright",
            "smart",
            "cheap",
            "deep",
            "dark",
        ]
    ),
    *(
        (f"more {a}", f"most {a}", f"least {a}")
        for a in ["careful", "patient", "polite", "famous", "curious", "honest", "tired"]
    ),
]


def logic(rng: Random) -> Chat:
    """Who is tallest; or whether one thing follows from two others."""
    if rng.random() < 0.6:
        more, most, least = rng.choice(ORDERS)
        names = list(dict.fromkeys(lex.name(rng) for _ in range(rng.choice([3, 3, 4]))))
        facts = [f"{a} is {more} than {b}." for a, b in itertools.pairwise(names)]
        rng.shuffle(facts)
        top = rng.random() < 0.5
        asked = ask(
            rng,
            "[who is|tell me who is|which of them is|name|so who is|who of them is|which one is|who must be|say who is|and who is|find] the {m}[| of all| of these| here| one]?",
            m=most if top else least,
        )
        return Chat(
            [
                user(" ".join([*facts, asked])),
                pebble(f"{names[0] if top else names[-1]} is the {most if top else least}.", thought=" > ".join(names)),
            ]
        )
    kind, who = plural(lex.pseudo(rng, 1, 2)), lex.name(rng)
    trait = rng.choice([*lex.COLOURS, *lex.ADJECTIVES])
    yes = rng.random() < 0.5
    rule = say(
        rng,
        "[all|every one of the|the] {g} are {t}." if yes else "[no {g} are {t}|none of the {g} are {t}].",
        g=kind,
        t=trait,
    )
    fact = say(rng, "{w} is one of the {g}.", w=who, g=kind)
    facts = [rule[:1].upper() + rule[1:], fact]
    rng.shuffle(facts)
    asked = ask(rng, "[is|so, is|then is|can we say] {w} {t}?" if rng.random() < 0.5 else "is {w} {t}?", w=who, t=trait)
    thought = f"{who} -> {kind} -> {'' if yes else 'not '}{trait}"
    return Chat(
        [
            user(" ".join([*facts, asked])),
            pebble(f"{'Yes' if yes else 'No'}, {who} is {'' if yes else 'not '}{trait}.", thought=thought),
        ]
    )
