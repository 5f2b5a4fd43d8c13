# ruff: noqa: E501, SIM905
"""Dialogue memory: facts told over turns and asked for later, in other words, or not told at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, pebble, user
from recipes.pebble.grammar import ask, choose, say
from recipes.pebble.tasks import talk

RELATIVES = """sister brother mother father aunt uncle cousin friend best_friend boss neighbour wife husband son daughter teacher grandmother grandfather colleague partner roommate
    niece nephew flatmate coach doctor landlord manager twin mum dad""".split()
RELATIVES = [who.replace("_", " ") for who in RELATIVES]
PETS = "dog cat horse rabbit hamster bird fish goat snake puppy pony turtle".split()
FAVOURITES = {
    "colour": lex.COLOURS, "animal": lex.ANIMALS, "fruit": lex.FRUITS, "drink": lex.DRINKS, "sport": lex.SPORTS, "city": lex.PLACES, "day": lex.DAYS, "month": lex.MONTHS,
    "vegetable": lex.VEGETABLES, "instrument": lex.INSTRUMENTS, "country": lex.COUNTRIES, "hobby": lex.HOBBIES, "number": None, "book": None, "film": None, "song": None,
    "game": None, "band": None, "food": None, "place": None, "word": None, "author": None, "team": None, "flower": None, "movie": None, "snack": None, "dish": None, "brand": None, "shop": None, "toy": None, "season": ["spring", "summer", "winter"],
}  # fmt: skip
OWN: dict[str, Callable[[Random], str]] = {
    "name": lex.name, "age": lambda rng: str(rng.randint(6, 99)), "city": lex.place, "job": lambda rng: rng.choice(lex.JOBS), "hobby": lambda rng: rng.choice(lex.HOBBIES),
    "birthday": lex.date, "email": lex.email, "email address": lex.email, "phone number": lex.code, "room number": lex.code, "flight number": lex.code, "locker code": lex.code,
    "password": lex.code, "shoe size": lambda rng: str(rng.randint(20, 48)), "last name": lex.name, "surname": lex.name, "nickname": lex.name, "home town": lex.place,
    "address": lambda rng: f"{rng.randint(1, 99)} {lex.pseudo(rng, 1, 2).capitalize()} {rng.choice(['Street', 'Road', 'Lane'])}", "street": lex.place, "team": lex.place,
    "meeting time": lex.clock, "train time": lex.clock, "seat": lex.code, "seat number": lex.code, "order number": lex.code, "user name": lex.pseudo, "project": lex.phrase,
    "company": lex.full_name, "school": lex.place, "lucky number": lambda rng: str(rng.randint(1, 999)), "car": lex.pseudo, "budget": lambda rng: str(lex.number(rng)),
    "destination": lex.place, "hotel": lex.place, "appointment": lex.clock, "ticket number": lex.code, "badge number": lex.code, "size": lambda rng: rng.choice("S M L XL".split()),
    "secret word": lex.pseudo, "code word": lex.noun, "postcode": lex.code, "account number": lex.code, "deadline": lex.date, "start date": lex.date, "allergy": lex.noun, "goal": lex.phrase,
}  # fmt: skip
TOLD = {
    "name": [
        "[I'm|I am|call me|this is|it's|the name is|you can call me|people call me|I go by|they call me|everyone calls me|my friends call me] {v}",
        "{v} [here|speaking]",
        "[I am named|I'm called|I am called] {v}",
        "[address me as|refer to me as|I answer to|just say|write me down as|you may say] {v}",
        "[the name's|yours truly,|hello from|this is|it is] {v}[ writing| again| on the line|]",
        "[my friends say|my passport says|my badge says|they gave me the name|I was christened|my full name starts with|I introduce myself:] {v}",
        "{v} [is the name|is who I am|is me|at your service|says hello]",
    ],
    "city": [
        "I [live in|am from|come from|am based in|am in|reside in|moved to] {v}",
        "I'm [from|in|living in|based in] {v}",
    ],
    "job": ["I [work as|am working as|am employed as] a {v}", "I'm a {v}[ by trade|]", "I am a {v}"],
    "age": ["I am {v}[ years old|]", "I'm {v}[ years old|]", "I [just |]turned {v}"],
    "hobby": ["I [love|enjoy|like|really like] {v}[ in my free time|]", "in my [free|spare] time I [do|enjoy] {v}"],
}
ASKED = {
    "name": [
        "who am I",
        "what am I called",
        "what do [you|people] call me",
        "[can|could] you tell me who I am",
        "what did I say I was called",
        "how am I called",
        "what should you call me",
        "[do you know|do you remember] who I am",
        "[who is this|who is writing to you|who is talking|whom are you talking to|with whom do you speak]",
        "[say|tell me] who I am",
        "[what|which] name [did I give|do I have|is mine|did I tell you|was it]",
        "how [do I sign|should you address me|am I named|would you greet me]",
        "[spell|write|repeat] my name",
        "what [do my friends call me|was I called again|does my badge say]",
        "you know my name, [right|don't you]",
        "and I am",
    ],
    "city": [
        "where do I live",
        "where am I from",
        "where am I based",
        "which city do I live in",
        "which city am I from",
    ],
    "job": ["what do I do[ for a living| for work|]", "what [is my work|do I work as]"],
    "age": ["how old am I", "how many years old am I"],
    "hobby": ["what do I [like|enjoy][ to do|] in my [free|spare] time", "what do I like doing"],
}
TELL = [
    "my {k} is {v}", "{v} is my {k}", "my {k}: {v}", "[just so you know|for your information|fyi|for the record|you should know][, |: ]my {k} is {v}",
    "[remember|note|keep in mind|don't forget|please remember|make a note|write down|store|save] [that |]my {k} is {v}", "[I want|I'd like] you to [know|remember] that my {k} is {v}",
    "[the|] {k}? [mine is|it is|it's] {v}", "as for my {k}, it is {v}", "[let me tell you|I should tell you|I'll tell you|guess what][, |: ]my {k} is {v}", "my {k} happens to be {v}", "my {k} would be {v}",
    "I have {v} as my {k}", "put {v} down as my {k}", "[use|take] {v} as my {k}", "{v}, that is my {k}", "[it's|it is] {v}, my {k}",
]  # fmt: skip
RECALL = [
    "what is my {k}", "what's my {k}", "[do you|can you] [remember|recall] my {k}", "[tell|remind] me [of |]my {k}", "what did I say my {k} was", "[can|could|would|will] you tell me my {k}", "my {k} is",
    "what was my {k}[ again|]", "[do you know|do you still know|do you happen to know|have you got] my {k}", "I forgot my {k}, what is it", "[please |]give me my {k}", "say my {k}", "which {k} did I [mention|give you|tell you]",
    "[earlier|before] I told you my {k}. What was it", "so what is my {k} then", "[repeat|state] my {k}", "I need my {k}", "what {k} do I have", "let me hear my {k}", "and my {k}", "[quiz|test]: what is my {k}", "from what I told you, what is my {k}",
    "can you repeat my {k}", "did I tell you my {k}", "what have I said about my {k}", "[could you|can you] remind me what my {k} is",
]  # fmt: skip


# a scene is told in one way, asked about in another, and answered in a third: few words in common
SCENES: list[tuple[str, str, str, Callable[[Random], str]]] = [
    ("[we are|I am|my friend and I are] [flying|going|travelling|driving|off|on the way] to {v}[ soon| next week| tomorrow|]", "[where|to which place|to what town] [am I|are we] [going|travelling|flying|driving][ to|]", "You are going to {v}.", lex.place),
    ("[we booked|I booked|we planned] [a week|a trip|a tour|some days] in {v}", "[where is my trip|where do I spend my trip|where did I book|which place did I book]", "Your trip goes to {v}.", lex.place),
    ("[my flat|my house|my home|our flat|my apartment] is in {v}", "[where|in which town] is my [flat|house|home|apartment]", "Your home is in {v}.", lex.place), ("I [have lived|lived|stayed] in {v} [for years|since spring|all my life]", "where [do I live|have I lived|did I stay]", "You live in {v}.", lex.place),
    ("I grew up in {v}", "[where|in which town] did I grow up", "You grew up in {v}.", lex.place), ("I [study|went to school|go to college] in {v}", "where [do I study|did I go to school|is my school]", "You study in {v}.", lex.place), ("{v} is [where I live|my home town|the town I live in|the place I come from]", "where [do I live|am I from|is my home]", "You live in {v}.", lex.place),
    ("[my wife|my husband|my son|my sister|my mum|my boss] [lives|works|is] in {v}", "where does [my wife|my husband|my son|my sister|my mum|my boss|that person] [live|work]", "It is {v}.", lex.place),
    ("I [have|own|got|bought] a [dog|cat|horse|parrot|rabbit|pony] [called|named] {v}", "what is my [pet|animal|dog|cat|horse|parrot|rabbit|pony] called", "Your pet is called {v}.", lex.name), ("[our|my] [puppy|kitten|hamster|goldfish|bird] [answers to|is called|goes by|was named] {v}", "[how is|what is] [our|my] [pet|puppy|kitten|hamster|goldfish|bird] called", "Your pet is called {v}.", lex.name),
    ("I am [married to|engaged to|dating|living with] {v}", "[who|whom] am I [married to|engaged to|dating|living with|with]", "You are with {v}.", lex.name), ("my [dentist|lawyer|tailor|trainer|nurse|tutor|gardener|plumber] is [called|named|] {v}", "who is my [dentist|lawyer|tailor|trainer|nurse|tutor|gardener|plumber]", "It is {v}.", lex.name),
    ("{v} is [my best friend|my neighbour|my teacher|my son|my daughter|our trainer]", "who is [my best friend|my neighbour|my teacher|my son|my daughter|our trainer]", "It is {v}.", lex.name), ("my [son|daughter|brother|niece|nephew|cousin|baby], {v}, [turned five|likes trains|is at home|plays outside|is ill|learns to swim]", "[how|what] is my [son|daughter|brother|niece|nephew|cousin|baby] called", "The name is {v}.", lex.name),
    ("I had lunch with {v}", "who did I have lunch with", "You had lunch with {v}.", lex.name), ("I [met|saw|called|visited] {v} [yesterday|today|this morning]", "[who|whom] did I [meet|see|call|visit]", "It was {v}.", lex.name), ("I have a meeting with {v}", "[who|whom] do I [meet|have a meeting with]", "You meet {v}.", lex.name),
    ("I [work|am employed|started] at {v}", "where do I work", "You work at {v}.", lex.full_name), ("I earn my money as a {v}", "what do I [do for a living|work as|earn money with]", "You work as a {v}.", OWN["job"]), ("by [trade|training|day] I am a {v}", "what is my [trade|work|job]", "You are a {v}.", OWN["job"]), ("they [hired|took] me as a {v}", "what [was I hired as|is my work]", "You are a {v}.", OWN["job"]),
    ("[I love to eat|I could eat|the best food is|I always order|my favourite meal is|I crave] {v}[ every day|]", "what [do I like to eat|do I love to eat|food do I like|do I always order|is my meal]", "You like {v}.", lex.noun), ("I [drink|always drink|like to drink] {v}", "what do I [like to |]drink", "You drink {v}.", lambda rng: rng.choice(lex.DRINKS) if rng.random() < 0.4 else lex.pseudo(rng)),
    ("I [paint|painted|want] everything {v}", "which colour do I [like|want|paint with]", "It is {v}.", lambda rng: rng.choice(lex.COLOURS) if rng.random() < 0.5 else lex.pseudo(rng)), ("the colour I [like|love|prefer] is {v}", "what colour do I [like|love|prefer]", "You like {v}.", lambda rng: rng.choice(lex.COLOURS) if rng.random() < 0.5 else lex.pseudo(rng)),
    ("[on Sundays|after work|in the evening|in summer|at night] I [do|go|like|practise|enjoy] {v}", "what do I [do|like|enjoy] [on Sundays|after work|in the evening|in summer|at night]", "You do {v}.", lambda rng: rng.choice(lex.HOBBIES) if rng.random() < 0.5 else lex.pseudo(rng)), ("I am [learning|into|mad about|good at] {v}", "what am I [learning|into|mad about|good at]", "It is {v}.", lambda rng: rng.choice(lex.HOBBIES) if rng.random() < 0.5 else lex.pseudo(rng)),
    ("[the code|the password|the pin|the key] [for|to|of] [the door|the safe|the alarm|my phone|the garage|the wifi] is {v}", "[what opens|what is the code for|which code has|how do I open] [the door|the safe|the alarm|my phone|the garage|the wifi]", "It is {v}.", lex.code),
    ("[our|my] [train|bus|flight|plane|ship] leaves at {v}", "when does [our|my] [train|bus|flight|plane|ship] leave", "It leaves at {v}.", lex.clock), ("[dinner|the meeting|the film|the class|my shift] [starts|begins|is] at {v}", "when [does it start|is dinner|is the meeting|does the film start|is the class|is my shift]", "It is at {v}.", lex.clock),
    ("[we are|I am] in [room|row|seat|line] {v}", "which [room|row|seat|line] [are we|am I] in", "It is {v}.", lex.code), ("[our|my] [table|room|locker|seat|platform|desk|ticket] [is number|has the number|number is|is] {v}", "[which|what] [number is|number has] [our|my] [table|room|locker|seat|platform|desk|ticket]", "It is number {v}.", lambda rng: str(lex.number(rng))),
    ("[the bill|it|my rent|the ticket|my car|the coat] [was|came to|cost] {v}", "[how much|what] was [the bill|it|my rent|the ticket|my car|the coat]", "It was {v}.", lambda rng: str(lex.number(rng))), ("I [lost|forgot|left] my {v} [on the bus|at home|in the park]", "what did I [lose|forget|leave]", "It was your {v}.", lex.noun),
    ("I [bought|ordered|want] a {v}", "what did I [buy|order|want]", "It was a {v}.", lex.noun), ("[my car|our boat|the house|the project|our team|the robot|my bike] is called {v}", "what is [my car|our boat|the house|the project|our team|the robot|my bike] called", "It is called {v}.", lex.anything), ("I was born on {v}", "when [was I born|is my birthday]", "You were born on {v}.", lex.date),
    ("[the wedding|my exam|the party|the move|my holiday|the race] is on {v}", "when is [the wedding|my exam|the party|the move|my holiday|the race]", "It is on {v}.", lex.date),
]  # fmt: skip
SHORT = [
    "Okay.",
    "Understood.",
    "I will remember that.",
    "Alright.",
    "Thank you for telling me.",
    "I see.",
    "Good to know.",
]


def scene(rng: Random) -> Chat:
    """Things told in passing, and asked about in other words; the assistant does not say them back in between."""
    picked = [(rng.choice(SCENES), "") for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    messages: list[Message] = []
    questions = []
    for (told, asked, answered, value), _ in picked:
        subject = Random(rng.random())  # told and asked draw alike, so that both speak of the same car or the same boss
        found = value(rng)
        stated, wanted = _alike(subject, told, asked)
        if any(wanted[:14] == other[0][:14] for other in questions):
            continue
        messages += [user(ask(rng, stated + "[.|.|!|]", v=found)), pebble(rng.choice(SHORT), learn=False)]
        questions.append((wanted, answered.replace("{v}", found)))
        for _ in range(rng.choice([0, 0, 1, 2])):
            messages += talk.aside(rng)
    rng.shuffle(questions)
    for wanted, answered in questions:
        frame = rng.choice(
            [
                "{q}?",
                "{q}?",
                "{q}?",
                "tell me, {q}?",
                "do you remember {q}?",
                "I forgot: {q}?",
                "{q} again?",
                "remind me, {q}?",
                "what did I tell you, {q}?",
                "say, {q}?",
                "now {q}?",
            ]
        )
        messages += [user(ask(rng, frame.replace("{q}", wanted))), pebble(answered)]
    return Chat(messages)


def _alike(rng: Random, told: str, asked: str) -> tuple[str, str]:
    """Resolve the choices of both; where both have a choice of the same words, the same one is taken."""
    stated = choose(rng, told)
    while "[" in asked:
        found = _INNER.search(asked)
        assert found
        options = found[1].split("|")
        shared_words = [o for o in options if o and (f" {o} " in f" {stated} " or f"{o}," in stated)]
        asked = asked[: found.start()] + rng.choice(shared_words or options) + asked[found.end() :]
    return stated, asked


_INNER = re.compile(r"\[([^\[\]]*)\]")


@dataclass
class Fact:
    """``key`` as in "my key"; a thing of the world has its article inside ``whole``."""

    key: str
    value: str
    whole: str = ""

    @property
    def yours(self) -> str:
        return self.whole or f"your {self.key}"


def draw(rng: Random) -> Fact:
    """A fact about the user, someone near them, or a thing."""
    kind = rng.random()
    if kind < 0.2:
        return Fact("name", lex.name(rng))
    if kind < 0.45:
        key = rng.choice(list(OWN))
        return Fact(key, OWN[key](rng))
    if kind < 0.62:
        thing = rng.choice(list(FAVOURITES)) if rng.random() < 0.8 else lex.noun(rng)
        pool = FAVOURITES.get(thing)
        return Fact(
            f"{choose(rng, '[favourite|favorite]')} {thing}",
            rng.choice(pool)
            if pool and rng.random() < 0.4
            else rng.choice([lex.noun, lex.pseudo, lex.name, lex.phrase])(rng),
        )
    if kind < 0.82:
        who = rng.choice(RELATIVES) if rng.random() < 0.7 else rng.choice(PETS)
        what = rng.choice(["name", "name", "name", "age", "birthday", "favourite colour", "job", "city"])
        value = {
            "name": lex.name,
            "age": OWN["age"],
            "birthday": lex.date,
            "favourite colour": lambda r: r.choice(lex.COLOURS),
            "job": OWN["job"],
            "city": lex.place,
        }[what](rng)
        return Fact(f"{who}'s {what}", value)
    if kind < 0.9:
        return Fact(f"{rng.choice(lex.ADJECTIVES)} {lex.noun(rng)}", lex.anything(rng))
    thing = lex.noun(rng)
    what = rng.choice(
        ["code", "price", "colour", "number", "key", "owner", "name", "place", "password", "height", "time"]
    )
    return Fact(f"{what} of the {thing}", lex.anything(rng), f"the {what} of the {thing}")


def tell(rng: Random, fact: Fact) -> str:
    """The user states the fact."""
    if fact.whole:
        return ask(
            rng,
            rng.choice(
                [
                    "{w} is {v}",
                    "[remember|note|keep in mind][ that|:] {w} is {v}",
                    "{v} is {w}",
                    "[fyi|you should know], {w} is {v}",
                    "[here is|I know] {w}: {v}",
                    "{w}: {v}",
                ]
            )
            + "[.|]",
            w=fact.whole,
            v=fact.value,
        )
    if fact.key in TOLD and rng.random() < 0.6:
        return ask(rng, rng.choice(TOLD[fact.key]) + "[.|.|!|]", v=fact.value)
    who, _, what = fact.key.partition("'s ")
    if what == "name" and rng.random() < 0.5:
        return ask(
            rng,
            "[I have a {who} [called|named] {v}|my {who} is [called|named] {v}|{v} is [my {who}|the name of my {who}]|the name of my {who} is {v}|my {who} {v}|we call my {who} {v}][.|]",
            who=who,
            v=fact.value,
        )
    if fact.key.startswith(("favourite", "favorite")) and rng.random() < 0.3:
        return ask(
            rng,
            "[I like {v} best|of all {k}s I like {v} most|{v} is the {k} I like best|no {k} beats {v}][.|]",
            k=fact.key.split(" ", 1)[1],
            v=fact.value,
        )
    return ask(rng, rng.choice(TELL) + "[.|.|]", k=fact.key, v=fact.value)


def recall(rng: Random, fact: Fact) -> str:
    """The user asks for it."""
    if fact.whole:
        return ask(
            rng, "[what is|what was|tell me|do you remember|remind me of|give me|can you tell me] {w}[?|]", w=fact.whole
        )
    if fact.key in ASKED and rng.random() < 0.6:
        return ask(rng, rng.choice(ASKED[fact.key]) + "?")
    who, _, what = fact.key.partition("'s ")
    if what == "name" and rng.random() < 0.4:
        return ask(
            rng,
            "[what is my {who} [called|named]|what do I call my {who}|who is my {who}|how is my {who} called|what did I call my {who}]?",
            who=who,
        )
    if fact.key.startswith(("favourite", "favorite")) and rng.random() < 0.25:
        return ask(rng, "[which|what] {k} do I like [best|most]?", k=fact.key.split(" ", 1)[1])
    return ask(rng, rng.choice(RECALL) + "?", k=fact.key)


def noted(rng: Random, facts: list[Fact]) -> str:
    """The assistant takes facts in: always the same form for the same fact."""
    if facts[0].key == "name" and len(facts) == 1:
        return f"Nice to meet you, {facts[0].value}!"
    return "Got it: " + " and ".join(f"{f.yours} is {f.value}" for f in facts) + "."


def answer(fact: Fact) -> str:
    return f"{fact.yours[:1].upper()}{fact.yours[1:]} is {fact.value}."


def unknown(fact: Fact) -> str:
    return f"You have not told me {fact.yours} yet."


def dialogue(rng: Random) -> Chat:
    """Facts, other talk between, questions; one question in five is about something never told."""
    facts: dict[str, Fact] = {}
    messages: list[Message] = [talk.system(rng)] if rng.random() < 0.15 else []
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        told = [f for f in (draw(rng) for _ in range(rng.choice([1, 1, 1, 2]))) if f.key not in facts]
        if not told:
            continue
        text = " ".join(_ended(rng, tell(rng, f)) for f in told) if len(told) > 1 else tell(rng, told[0])
        messages += [
            user(text),
            pebble(noted(rng, told)) if rng.random() < 0.6 else pebble(rng.choice(SHORT), learn=False),
        ]
        facts |= {f.key: f for f in told}
        if rng.random() < 0.1:
            messages += _changed(rng, facts)
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            messages += talk.aside(rng)
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        messages += _question(rng, facts)
        if rng.random() < 0.25:
            messages += talk.aside(rng)
    return Chat(messages)


def _ended(rng: Random, text: str) -> str:
    return text if text[-1] in ".!?" else text + rng.choice([".", ",", " and", "."])


def _changed(rng: Random, facts: dict[str, Fact]) -> list[Message]:
    """The user corrects a fact."""
    old = rng.choice(list(facts.values()))
    new = Fact(old.key, OWN[old.key](rng) if old.key in OWN else lex.anything(rng), old.whole)
    facts[new.key] = new
    mine = new.whole or f"my {new.key}"
    text = ask(
        rng,
        "[actually|sorry|wait|correction|I was wrong|no], {m} is [now |really |]{v}[, not {o}|].",
        m=mine,
        v=new.value,
        o=old.value,
    )
    return [user(text), pebble(noted(rng, [new]))]


def _question(rng: Random, facts: dict[str, Fact]) -> list[Message]:
    if not facts or rng.random() < 0.2:
        other = draw(rng)
        if other.key not in facts:
            return [user(recall(rng, other)), pebble(unknown(other))]
    if "name" in facts and rng.random() < 0.15:
        text = ask(
            rng,
            "[greet me|say hello to me|say hi|welcome me|wish me good luck|say goodbye to me][ by name| with my name| using my name|][.|]",
        )
        word = (
            "Goodbye"
            if "goodbye" in text.lower()
            else "Good luck"
            if "luck" in text.lower()
            else "Welcome"
            if "welcome" in text.lower()
            else "Hello"
        )
        return [user(text), pebble(f"{word}, {facts['name'].value}!")]
    fact = rng.choice(list(facts.values()))
    if len(facts) > 1 and rng.random() < 0.12:
        two = rng.sample(list(facts.values()), 2)
        mine = [f.whole or f"my {f.key}" for f in two]
        text = ask(rng, "[what are|tell me|give me|do you remember] {a} and {b}?", a=mine[0], b=mine[1])
        return [user(text), pebble(f"{answer(two[0])[:-1]} and {two[1].yours} is {two[1].value}.")]
    return [user(recall(rng, fact)), pebble(answer(fact))]


def from_system(rng: Random) -> Chat:
    """Facts stand in the system prompt."""
    facts = list({f.key: f for f in (draw(rng) for _ in range(rng.randint(1, 5)))}.values())
    style = rng.choice(["The user's {k} is {v}.", "{k}: {v}", "user {k} = {v}", "Their {k} is {v}."])
    lines = [
        f"{f.whole} is {f.value}." if f.whole else style.replace("{k}", f.key).replace("{v}", f.value) for f in facts
    ]
    head = say(
        rng, "[You are a helpful assistant.|You are Pebble.|Here is what you know about the user.|Profile:|Facts:|]"
    )
    messages = [Message("system", "\n".join([head, *lines]).strip())]
    known = {f.key: f for f in facts}
    for _ in range(rng.randint(1, 3)):
        messages += _question(rng, known)
    return Chat(messages)


def long_dialogue(rng: Random) -> Chat:
    """A fact, a great deal of other talk, then the question: up to the whole context."""
    fact, other = draw(rng), draw(rng)
    messages = [user(tell(rng, fact)), pebble(noted(rng, [fact]))]
    for _ in range(rng.randint(15, 35)):
        messages += talk.aside(rng)
    known = {fact.key: fact}
    if other.key not in known:
        messages += [user(tell(rng, other)), pebble(noted(rng, [other]))]
        known[other.key] = other
    for _ in range(3):
        messages += _question(rng, known)
    return Chat(messages)
