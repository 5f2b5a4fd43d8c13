# ruff: noqa: E501, SIM905
"""Grounded answers: the sentence of a passage that answers, with the number of its source; or that the passage does not say."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, pebble, user
from recipes.pebble.grammar import ask, choose, fill, say

NOT_THERE = "The passage does not say."
YEAR = lambda rng: str(rng.randint(1600, 2025))  # noqa: E731
COUNT = lambda rng: str(lex.number(rng))  # noqa: E731
JOB = lambda rng: rng.choice(lex.JOBS)  # noqa: E731

# what is said | how it is asked, with {e} the thing spoken of and {v} what is sought
RELATIONS = [
    ("{e} [opened|was opened|opened its doors] in {v}", "[when|in which year] [did {e} open|was {e} opened]|how old is {e}", YEAR),
    ("{e} [was built|was made|was founded|was started] in {v}", "[when|in which year] was {e} [built|made|founded|started]|since when is there {e}", YEAR),
    ("{e} [was designed|was built|was made|was planned] by {v}", "who [designed|built|made|planned] {e}|whose work is {e}", lex.full_name),
    ("{e} [is|lies|stands|is found] [in|near] {v}", "where [is|lies|stands|can I find] {e}|in which place is {e}", lex.place),
    ("{e} belongs to {v}", "who owns {e}|to whom does {e} belong|whose is {e}", lex.full_name), ("{v} owns {e}", "who owns {e}|who has {e}|who is the owner of {e}", lex.full_name),
    ("{e} [costs|is sold for] {v} [euros|dollars|coins]", "[how much is|how much does] {e}[ cost|]|what is the price of {e}|what do I pay for {e}", COUNT),
    ("{e} [weighs|has a weight of] {v} [kilograms|tons|grams]", "how [heavy is|much does] {e}[ weigh|]|what is the weight of {e}", COUNT),
    ("{e} is {v} metres [long|high|tall|wide|deep]", "how [long|high|tall|wide|deep|big] is {e}|what is the size of {e}", COUNT),
    ("{e} is [made of|built from] {v}", "what is {e} made of|which material is {e} made from", lambda rng: rng.choice("stone wood glass iron gold silver clay brick marble steel paper wool".split())),
    ("{e} is painted {v}", "what colour is {e}|which colour does {e} have|how is {e} painted", lambda rng: rng.choice(lex.COLOURS)),
    ("{e} [works as|is] a {v}", "what [does {e} do|is the job of {e}]|what does {e} work as|which job does {e} have", JOB),
    ("{e} [lives in|comes from|was born in] {v}", "where [does {e} live|is {e} from|was {e} born]|which town is {e} from", lex.place),
    ("{e} likes {v}", "what does {e} like|what is {e} fond of", lambda rng: rng.choice(lex.HOBBIES)), ("{e} plays the {v}", "what does {e} play|which instrument does {e} play", lambda rng: rng.choice(lex.INSTRUMENTS)),
    ("{e} closes at {v}", "when does {e} close|until when is {e} open|at what time does {e} close", lex.clock), ("{e} starts at {v}", "when does {e} [start|begin]|at what time does {e} [start|begin]", lex.clock),
    ("{e} has {v} [rooms|seats|members|pages|floors|windows|students|workers]", "how many [rooms|seats|members|pages|floors|windows|students|workers] [does {e} have|are in {e}|has {e}]", COUNT),
    ("the [code|number|password|key] of {e} is {v}", "what is the [code|number|password|key] of {e}|which [code|number] does {e} have", lex.code), ("{e} [is led by|is run by|is headed by] {v}", "who [leads|runs|heads] {e}|who is the head of {e}", lex.full_name),
    ("{e} sells {v}", "what does {e} sell|what can I buy at {e}", lex.noun), ("{e} was found by {v}", "who found {e}|who discovered {e}", lex.full_name), ("{e} arrives on {v}", "when does {e} arrive|on which day does {e} come", lex.date),
    ("{e} is married to {v}", "who is {e} married to|who is the [wife|husband|partner] of {e}", lex.full_name), ("{e} speaks {v}", "which language does {e} speak|what does {e} speak", lambda rng: rng.choice("French German Spanish Polish Dutch Greek Korean Hindi".split())),
    ("{e} is {v} years old", "how old is {e}|what is the age of {e}", lambda rng: str(rng.randint(3, 99))), ("{e} won {v} [medals|prizes|games|races]", "how many [medals|prizes|games|races] did {e} win|what did {e} win", COUNT),
    ("{e} keeps [a|one] {v}", "what does {e} keep|which animal does {e} have|what pet does {e} have", lambda rng: rng.choice(lex.ANIMALS)), ("the {n} of {e} is {v}", "what is the {n} of {e}|which {n} does {e} have|tell me the {n} of {e}", lex.anything),
    ("the {n} of {e} is {v}", "what is the {n} of {e}|which {n} does {e} have|and the {n} of {e}|{e}: {n}", lex.anything), ("{e} {n}s {v}", "what does {e} {n}|who or what does {e} {n}", lex.noun),
]  # fmt: skip
PEOPLE = {11, 12, 13, 14, 23, 24, 25, 26, 27}


def entity(rng: Random, person: bool) -> str:
    if person:
        return lex.full_name(rng) if rng.random() < 0.5 else lex.name(rng)
    kind = (
        rng.choice(
            "museum bridge tower ship school library hotel garden station castle mill theatre church market lake book river machine robot car company club farm bakery shop team boat".split()
        )
        if rng.random() < 0.7
        else lex.noun(rng)
    )
    return rng.choice(
        [
            f"the {lex.place(rng)} {kind}",
            f"the {kind} of {lex.place(rng)}",
            f"the {rng.choice(lex.ADJECTIVES)} {kind}",
            f"the {kind}",
            f"the {lex.name(rng)} {kind}",
            f"{lex.pseudo(rng, 1, 2).capitalize()} {kind.capitalize()}",
        ]
    )


VERBS = """repair:repaired:repairs decorate:decorated:decorates visit:visited:visits clean:cleaned:cleans guard:guarded:guards sponsor:sponsored:sponsors film:filmed:films restore:restored:restores
    rent:rented:rents insure:insured:insures light:lit:lights heat:heated:heats supply:supplied:supplies inspect:inspected:inspects describe:described:describes save:saved:saves rule:ruled:rules
    plan:planned:plans map:mapped:maps measure:measured:measures name:named:names lead:led:leads teach:taught:teaches study:studied:studies admire:admired:admires honour:honoured:honours praise:praised:praises
    photograph:photographed:photographs feed:fed:feeds fund:funded:funds publish:published:publishes carve:carved:carves design:designed:designs own:owned:owns inherit:inherited:inherits""".split()
MANY = "visitors guests rooms boats books seats trees windows members workers students lamps bells statues stairs chairs tables doors paintings bottles animals customers tourists bicycles cooks maps coins".split()
HAVING = [
    "has",
    "holds",
    "counts",
    "needs",
    "owns",
    "receives",
    "welcomes",
    "sells",
    "shows",
    "stores",
    "keeps",
    "draws",
    "uses",
]
NOW = ["", "", "", " a year", " a day", " in all", " each week", " every month"]


def drawn(rng: Random) -> tuple[str, str, Callable[[Random], str]]:
    """A relation nobody has seen: a verb or a noun drawn for it, said one way and asked another."""
    _base, past, now = rng.choice(VERBS).split(":")
    noun, many = lex.noun(rng), rng.choice(MANY)
    have, rate = rng.choice(HAVING), rng.choice(NOW)
    bare = {"has": "have"}.get(have, have.removesuffix("s"))
    who = rng.choice([lex.name, lex.full_name])
    return rng.choice([
        (f"{{e}} was {past} by {{v}}", f"who {past} {{e}}|by whom was {{e}} {past}|[do you know|tell me] who {past} {{e}}|who was the one who {past} {{e}}|which person {past} {{e}}", who),
        (f"{{v}} {now} {{e}}", f"who {now} {{e}}|which person {now} {{e}}|[name|tell me] the one who {now} {{e}}|by whom is {{e}} {past}", who),
        (f"{{e}} {have} {{v}} {many}{rate}", f"how many {many} does {{e}} {bare}{rate}|what number of {many} {have.replace('has', 'has')} {{e}}|{{e}} {have} how many {many}|[tell me|say] how many {many} {{e}} {have}|the {many} of {{e}}: how many", COUNT),
        (f"the {noun} of {{e}} is {{v}}", f"what is the {noun} of {{e}}|[name|tell me|give me] the {noun} of {{e}}|which {noun} does {{e}} have|{{e}} has which {noun}|what's {{e}}'s {noun}", rng.choice([who, lex.place, lex.noun, COUNT])),
        ("{e} has [a|an old|one|the] {v} [on its roof|in its hall|at the door|in the yard|on the wall|by the stairs|inside]", "what [stands|hangs|is found|can be seen|is there] [at|in|on|inside] {e}|what does {e} have [on its roof|in its hall|at the door|in the yard|on the wall|by the stairs|inside]", lex.noun),
    ])  # fmt: skip


def facts(rng: Random, count: int) -> list[tuple[str, str]]:
    """Sentences with a question each; several speak of one thing, or say the same of several things."""
    made: list[tuple[str, str]] = []
    things = [
        (entity(rng, person), person)
        for person in [rng.random() < 0.4 for _ in range(max(1, count - rng.randint(0, 2)))]
    ]
    used = set()
    for _ in range(count):
        thing, person = rng.choice(things)
        kinds = [i for i in range(len(RELATIONS)) if (i in PEOPLE) == person or i > 27]
        kind = rng.choice(kinds)
        said, asked, value = RELATIONS[kind] if rng.random() < 0.45 else drawn(rng)
        if (thing, asked) in used:
            continue
        used.add((thing, asked))
        word = lex.noun(rng)
        text = fill(choose(rng, said), e=thing, v=value(rng), n=word)
        question = fill(choose(rng, f"[{asked}]"), e=thing, n=word)
        made.append((text[:1].upper() + text[1:] + ".", question))
    return made


def lay_out(rng: Random, sentences: list[str]) -> tuple[str, dict[str, int]]:
    """A passage, plain or in numbered sources, and which source each sentence is in."""
    if rng.random() < 0.35:
        return rng.choice([" ", "\n", " "]).join(sentences), {}
    owner, lines, number = {}, [], 0
    size_of = (lambda rng: rng.choice([1, 2, 3])) if rng.random() < 0.25 else (lambda _: 1)
    while sentences:
        number, size = number + 1, size_of(rng)
        group, sentences = sentences[:size], sentences[size:]
        owner |= dict.fromkeys(group, number)
        lines.append(f"[{number}] {' '.join(group)}")
    return "\n".join(lines), owner


def _wrap(rng: Random, passage: str, question: str) -> list[Message]:
    style = rng.random()
    head = say(
        rng,
        "[Passage|Text|Sources|Context|Document|Documents|Article|Notes|Read this|Background|Search results|Here is a text]",
    ) + rng.choice([":\n", ":\n", "\n", ": "])
    how = say(
        rng,
        "[Answer from the text|Use only the sources|Answer with the source|Use the passage|Cite your source|Answer only from the passage|If it is not there, say so|Give the source|]",
    )
    if style < 0.3:
        return [Message("system", f"{how}\n{head}{passage}".strip()), user(question)]
    if style < 0.65:
        return [user(f"{head}{passage}\n\n{question}")]
    if style < 0.8:
        return [user(f"{question}\n\n{head}{passage}")]
    return [user(f"{how}\n{head}{passage}\n{rng.choice(['Question: ', 'Q: ', '', 'My question: '])}{question}".strip())]


def grounded(rng: Random, low: int = 2, high: int = 6) -> Chat:
    """A passage and two to six questions, for the passage is what costs; one question in four has no answer in it."""
    known = facts(rng, rng.randint(low, high))
    passage, owner = lay_out(rng, [text for text, _ in known])
    messages: list[Message] = []
    for turn in range(rng.choice([2, 3, 4, 5, 6])):
        text, question = rng.choice(known)
        absent = rng.random() < 0.25
        if absent:
            question, text = _absent(rng, known), NOT_THERE
        question = ask(
            rng,
            "[{q}?|{q}?|{q}?|tell me, {q}?|{q}, according to the text?|I want to know {q}.|do you know {q}?]",
            q=question,
        )
        messages += _wrap(rng, passage, question) if turn == 0 else [user(question)]
        messages.append(pebble(text if absent else f"{text[:-1]} [{owner[text]}]." if owner else text))
    return Chat(messages)


def _absent(rng: Random, known: list[tuple[str, str]]) -> str:
    """A question like the others: about another thing, or another side of a thing spoken of."""
    while True:
        others = facts(rng, 3)
        question = rng.choice(others)[1]
        if rng.random() < 0.7:
            known_names = [q for _, q in known]
            kind = rng.choice(RELATIONS)
            word = lex.noun(rng)
            thing = _thing_of(rng, known)
            question = fill(choose(rng, f"[{(kind if rng.random() < 0.45 else drawn(rng))[1]}]"), e=thing, n=word)
            stems = {_stem(q) for q in known_names}
            if _stem(question) in stems or thing is None:
                continue
        return question


def _thing_of(rng: Random, known: list[tuple[str, str]]) -> str | None:
    """Something the passage speaks of: the start of a sentence up to its verb, as far as that can be told."""
    text = rng.choice(known)[0]
    for mark in (
        " is ",
        " was ",
        " has ",
        " opened ",
        " lies ",
        " belongs ",
        " costs ",
        " weighs ",
        " sells ",
        " closes ",
        " starts ",
        " likes ",
        " plays ",
        " keeps ",
        " won ",
        " speaks ",
        " lives ",
        " works ",
        " arrives ",
    ):
        if (mark in text and not text.startswith("The")) or (
            mark in text and text.startswith("The ") and " of " not in text.split(mark)[0][:12]
        ):
            head = text.split(mark)[0]
            return head[:1].lower() + head[1:] if head.startswith("The ") else head
    return None


def _stem(question: str) -> tuple[str, ...]:
    return tuple(question.lower().split()[:2])


def long_passage(rng: Random) -> Chat:
    """A passage of some hundreds of words."""
    return grounded(rng, 20, 50)
