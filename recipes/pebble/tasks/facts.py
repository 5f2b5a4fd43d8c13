# ruff: noqa: E501
"""Facts told in passing and asked for later in other words: what is said and what is asked share a noun, and seldom more.

The nouns are drawn, so that no pair of phrases can be learnt by heart; ``memory`` has the facts whose words are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, pebble, user
from recipes.pebble.grammar import ask, choose, fill, whole
from recipes.pebble.tasks import talk

ROLES = [
    "sister",
    "brother",
    "mother",
    "father",
    "aunt",
    "uncle",
    "cousin",
    "friend",
    "boss",
    "neighbour",
    "wife",
    "husband",
    "son",
    "teacher",
    "grandmother",
    "grandfather",
    "colleague",
    "partner",
    "roommate",
    "niece",
    "nephew",
    "flatmate",
    "coach",
    "doctor",
    "landlord",
    "manager",
    "twin",
    "mum",
    "dad",
    "dentist",
    "lawyer",
    "tailor",
    "trainer",
    "nurse",
    "tutor",
    "gardener",
    "plumber",
    "barber",
    "baker",
    "cook",
    "driver",
    "editor",
    "guide",
    "helper",
    "host",
    "captain",
    "agent",
    "banker",
    "mentor",
    "therapist",
    "surgeon",
    "vet",
    "accountant",
    "adviser",
    "assistant",
    "babysitter",
    "butcher",
    "cleaner",
    "client",
    "director",
    "farmer",
    "florist",
    "guard",
    "hairdresser",
    "instructor",
    "janitor",
    "mechanic",
    "midwife",
    "notary",
    "painter",
    "pharmacist",
    "photographer",
    "pilot",
    "porter",
    "priest",
    "professor",
    "rival",
    "sailor",
    "secretary",
    "singer",
    "supplier",
    "tenant",
    "translator",
    "waiter",
    "witness",
    "godmother",
    "stepfather",
    "stepson",
    "fiancee",
    "penfriend",
]
KINDS = [
    "colour",
    "animal",
    "fruit",
    "drink",
    "sport",
    "city",
    "day",
    "month",
    "vegetable",
    "instrument",
    "country",
    "hobby",
    "number",
    "book",
    "film",
    "song",
    "game",
    "band",
    "food",
    "place",
    "word",
    "author",
    "team",
    "flower",
    "snack",
    "dish",
    "brand",
    "shop",
    "toy",
    "season",
    "soup",
    "cake",
    "tree",
    "bird",
    "smell",
    "shape",
    "subject",
    "holiday",
    "tea",
    "cheese",
    "sauce",
    "dance",
    "car",
    "planet",
    "metal",
    "painter",
    "museum",
    "park",
    "street",
    "fabric",
    "meal",
    "dessert",
    "treat",
    "spice",
    "wine",
    "fish",
    "tool",
]
NUMBERED = [
    "room",
    "row",
    "seat",
    "line",
    "locker",
    "platform",
    "desk",
    "ticket",
    "lane",
    "bay",
    "cabin",
    "floor",
    "track",
    "counter",
    "queue",
    "group",
    "tent",
    "pitch",
    "box",
    "shelf",
    "door",
    "level",
    "stop",
    "bus",
    "tram",
    "flight",
    "house",
    "flat",
    "field",
    "court",
    "stand",
    "booth",
    "window",
    "hall",
    "wing",
    "aisle",
    "stall",
    "pier",
    "dock",
    "unit",
    "ward",
    "class",
    "team",
    "road",
    "route",
    "zone",
]
CODES = [
    "code",
    "password",
    "key",
    "number",
    "combination",
    "passcode",
    "login",
    "serial",
    "address",
    "name",
    "size",
    "price",
    "colour",
    "owner",
    "date",
    "weight",
    "height",
    "age",
    "length",
    "width",
    "score",
    "limit",
    "speed",
    "label",
    "title",
    "version",
    "status",
]
TIMES = """on Mondays|on Tuesdays|on Fridays|on Sundays|in the morning|in the evening|after lunch|after work|before bed|in summer|in winter|at night|at noon|in my holidays|when it rains|at the gym|at school|on the train
    |in the garden|during breaks|at lunchtime|every spring""".replace("\n    ", "").split("|")
PLACED = [  # an event or a thing, and how one says where it is
    "home|[is|lies|stands]", "house|[is|lies|stands]", "flat|is", "office|[is|lies]", "school|[is|was]", "wedding|[was|will be|takes place]", "honeymoon|[was|will be]", "conference|[is|takes place]",
    "job|is", "birthplace|is", "party|[is|will be]", "next trip|[goes to|is to]", "flight|[goes to|lands in|is bound for]", "concert|[is|will be]", "exam|is", "shop|[is|lies]",
    "train|[goes to|ends in]", "warehouse|is", "cabin|[is|stands]", "boat|[is|lies]", "hotel|[is|stands]", "farm|[is|lies]", "course|[is|takes place]", "match|is", "race|[is|starts]", "funeral|was",
]  # fmt: skip
IT = "It is {v}."
Pair = tuple[str, list[str], str]  # what is said, ways to ask, the answer


def small_number(rng: Random) -> str:
    return str(rng.randint(1, 10 ** rng.randint(1, 4)))


def a_value(rng: Random) -> str:
    return rng.choice([lex.name, lex.place, lex.noun, lex.code, small_number, small_number, lex.invented, lex.clock])(
        rng
    )


def own_name(rng: Random) -> Pair:
    said = choose(
        rng,
        rng.choice(
            [
                "[I'm|I am|call me|this is|the name is|you can call me|people call me|I go by|they call me|everyone calls me|my friends call me|folks call me|at work they call me|my mother calls me|you may call me] {v}",
                "{v} [here|speaking|is my name|is what they call me|is the name|is who I am|is how people know me|it is, that is my name]",
                "my [name|first name|full name|nickname|given name] [is|happens to be|would be|has always been] {v}",
                "[my parents|my family|my grandparents|my friends|my teachers] [call|called|gave me the name|have called] [me|] {v}",
                "[I was born|I was baptised|I signed up|I am registered|I am listed|I am known here] as {v}",
                "[you are talking|you talk|you're chatting|you are writing|you are connected] [to|with] {v}[ now| here| again|]",
                "[hi|hello|good morning|hey there|good day][,|.|!] [I'm|I am|my name is|this is|it's] {v}",
                "[let me introduce myself|to introduce myself|allow me to say who I am|first of all][:|,] [I am|I'm|my name is|] {v}",
            ]
        ),
    )
    said = said.replace("name me ", "name ")
    asked = [
        "[what's|what is|tell me|say|do you know|do you remember|can you tell me|repeat|I forgot|remind me of|give me|spell|write down] my name",
        "who am I",
        "[what|how] [am I called|do people call me|should you call me|did I say I was called]",
        "[which|what] name [do I have|is mine|did I give|do I go by|did I tell you|did I mention|was that|have I got|belongs to me]",
        "[under|with|by] [which|what] name [did I start|do you know me|did I come|do I appear|should you greet me]",
        "[how|with which name] did I [present|name|describe] myself",
        "[can|could|may] [I|we] [have|get|hear] my name[ again| once more| please|]",
        "[say|tell me] who [I am|you are talking to|is talking to you]",
        "my name[ was| is|]",
    ]
    return said, asked, "Your name is {v}."


def person(rng: Random) -> Pair:
    role = rng.choice(ROLES)
    said = [
        f"[my|our] {role} [is|is called|is named|goes by|has the name|answers to|would be|happens to be] {{v}}",
        f"[my|our] {role}, {{v}}, [is here|just called|is on holiday|likes tea|moved away|is ill|won a prize|turns forty|sings well|works late|is getting married|came by]",
        f"{{v}} is [my|our] {role}",
        f"I [have|found|hired|met|know] a [new |good |nice |]{role} [named|called|by the name of] {{v}}",
        f"[say hello to|let me tell you about|meet|this is about] [my|our] {role} {{v}}",
        f"[the name of|the name given to] [my|our] {role} is {{v}}",
    ]
    asked = [
        f"who is [my|our] {role}",
        f"[what|how] is [my|our] {role} called",
        f"[what is|what's|tell me|say|give me|do you know|do you recall|I forgot|remind me of] [the name of my|the name of our|my] {role}['s name|]".replace(
            "['s name|]", ""
        ),
        f"[what is|what's|tell me|repeat] my {role}'s name",
        f"which name does my {role} have",
        f"and [my|our] {role}",
    ]
    return rng.choice(said), asked, IT


def named(rng: Random) -> Pair:
    thing = rng.choice(
        [
            lex.noun(rng),
            rng.choice(lex.ANIMALS),
            rng.choice(
                [
                    "boat",
                    "car",
                    "dog",
                    "bike",
                    "band",
                    "team",
                    "company",
                    "robot",
                    "house",
                    "horse",
                    "goat",
                    "rabbit",
                    "parrot",
                    "snake",
                    "baby",
                    "plant",
                    "printer",
                ]
            ),
        ]
    )
    said = [
        f"[we|I] [bought|have|got|found|own|built|adopted|made|saved|bred] a {thing} [called|named|and call it|and named it|and called it|and gave it the name] {{v}}",
        f"[our|my] [new |little |old |]{thing} [is called|is named|has the name|goes by|answers to|bears the name] {{v}}",
        f"the name of [our|my|the] {thing} is {{v}}",
        f"[we|I] [named|called|christened] [our|my|the] {thing} {{v}}",
        f"{{v}} is [our|my] {thing}",
    ]
    asked = [
        f"[what|how] [did we|did I|do we] [call|name] [our|the|my] {thing}",
        f"[what|how] is [our|the|my] {thing} called",
        f"[what is|what's|tell me|do you know|remind me of|repeat] the name of [our|my|the] {thing}",
        f"which name [has|does] [our|my|the] {thing}[ have|]".replace("[has|does]", "has").replace("[ have|]", ""),
        f"what name did [we|I] give [our|my|the] {thing}",
    ]
    return rng.choice(said), asked, IT


def placed(rng: Random) -> Pair:
    thing, verb = rng.choice(PLACED).split("|", 1)
    to = "goes to" in verb or "bound" in verb
    linked = f"[my|our] {thing} {verb} " + ("{v}" if to else "in {v}")
    said = [
        linked,
        f"[my|our] {thing}? [it's|that is|] {'to' if to else 'in'} {{v}}",
        f"{{v}} is where [my|our] {thing} {'goes' if to else 'is'}",
    ]
    where = f"where {'does' if to else 'is'} [my|our] {thing}{' go' if to else ''}"
    asked = [
        where,
        f"[in|to] which [city|town|place] {'does' if to else 'is'} [my|our] {thing}{' go' if to else ''}",
        f"[tell me|do you know|I forgot|remind me] where [my|our] {thing} {'goes' if to else 'is'}",
        f"the [city|town|place] of [my|our] {thing}",
    ]
    return rng.choice(said), asked, IT


LIVES = [
    ("I [live|am living|have lived|stay|dwell|have settled|made my home] in {v}[ for years| since last year| now|]", "[where|in which town|in what place|in which city] [do I live|am I living|is my home|have I settled|do I stay]"),
    ("[I grew up|I spent my childhood|my childhood was|I was a child|I went to school] in {v}", "[where|in which town|in which city] [did I grow up|did I spend my childhood|was I a child|did I go to school]"),
    ("I [was born|came to the world] in {v}", "[where|in which town] [was I born|did I come to the world]|which is the [place|town] of my birth"),
    ("[we|I] [travel|fly|drive|sail|go|set off|are off|am off] to {v} [soon|next week|in July|tomorrow|for the summer|for our anniversary]", "[where|to which place] [do we|are we|will we|do I|am I] [travel|going|go|off to][ to|]|what is our destination|which place do we visit"),
    ("[I spend|we spend] [my|our] [vacation|summer|winter|spare days] in {v}", "where [do I|do we] spend [my|our] [vacation|summer|winter|spare days]"),
    ("[I work|my work takes me|I have an office|I am employed] in {v}", "[where|in which city] [do I work|is my work|am I employed|is my office]"),
    ("[I like|I love|I adore|I enjoy|I can never resist|I could live on] [eating |to eat |a plate of |] {v}[ most| more than anything| best of all food|]", "[what|which food|which dish] do I [like|love|enjoy|prefer][ to eat| to have| eating|][ most| best|]|what is my [best|favourite|beloved] [food|dish|meal]"),
    ("[I earn my living|I make a living|I work|I am employed|I spend my days] as [a|an] {v}", "what [is my job|is my work|is my occupation|do I work as|do I do for a living|am I by profession]|[name|tell me|say] my [job|occupation|trade|work]"),
    ("[my job|my work|my occupation|my trade|my line of work|my calling]? [I'm a|I am a|a|it's|] {v}", "what [is my job|is my work|is my occupation|is my trade|do I work as|am I by trade]|[name|tell me|say] my [job|occupation|trade|work]"),
    ("[my hobby is|I have taken up|I am fond of|I love|I spend my free time on|in my free time I do|you will find me at] {v}", "what [is my hobby|do I do in my free time|am I fond of|do I love|have I taken up]|[name|tell me|say] my [hobby|pastime]"),
]  # fmt: skip


def lives(rng: Random) -> Pair:
    said, asked = rng.choice(LIVES)
    return said, whole(asked), IT


def preferred(rng: Random) -> Pair:
    kind = rng.choice(KINDS) if rng.random() < 0.75 else lex.noun(rng)
    said = [
        f"my [favourite|favorite|preferred|best-loved] {kind} is {{v}}",
        f"{{v}} is [my favourite|the best|my preferred] {kind}",
        f"[of all {kind}s|among {kind}s|when it comes to a {kind}|as for a {kind}|for a {kind}], I [like|prefer|choose|take|love] {{v}}[ best|]",
        f"[no {kind} is better than|I never tire of|I would always choose|I like no {kind} more than] {{v}}{rng.choice(['', f', as a {kind}'])}",
        f"the {kind} I [like|love|prefer|want][ most| best|] is {{v}}",
        f"I [choose|pick|take|prefer] {{v}} as [my|a] {kind}",
    ]
    if rng.random() < 0.5:
        said = [s for s in said if kind in s]
    asked = [
        f"what is my [favourite|favorite|preferred|best-loved] {kind}",
        f"[which|what] {kind} [do I|would I|did I say I] [like|prefer|love|choose|pick|take][ most| best|]",
        f"[tell me|say|do you recall|remind me of|repeat] my [favourite|preferred|favorite] {kind}",
        f"which {kind} [is dear to me|is my favourite|suits me]",
    ]
    return rng.choice(said), asked, IT


def habit(rng: Random) -> Pair:
    time = rng.choice(TIMES)
    verb = rng.choice(["do", "practise", "enjoy", "play", "go for", "like", "drink", "eat", "study", "watch", "take"])
    said = [
        f"{time} I {verb} {{v}}",
        f"I {verb} {{v}} {time}",
        f"{time} you will [see|find] me with {{v}}",
        f"{time} it is {{v}} for me",
        f"{{v}} is [my thing|what I {verb}] {time}",
    ]
    asked = [
        f"what do I [do|{verb}] {time}",
        f"{time} I do what",
        f"[tell me|say|do you know|remind me] what I [do|{verb}] {time}",
        f"what is my [plan|habit|thing] {time}",
    ]
    return rng.choice(said), asked, IT


def numbered(rng: Random) -> Pair:
    thing = rng.choice(NUMBERED)
    where = rng.choice(["in", "at", "on"])
    said = [
        f"[we|I] [are|sit|stay|wait|sleep|stand|meet] {where} {thing} {{v}}",
        f"[our|my|the] {thing} is [number |]{{v}}",
        f"{thing} {{v}} is [ours|mine|for us]",
        f"[they gave|we got|I got|it says|I booked|they put us in] [us |] {thing} {{v}}".replace("[us |]", ""),
        f"the {thing} [for|of|at] the {rng.choice(['show', 'trip', 'meeting', 'station', 'theatre', 'hotel', 'course', 'dinner', 'flight'])} is {{v}}",
    ]
    asked = [
        f"[which|what] {thing} [are we in|is ours|do I have|is mine|was it|are we at|do we need|is it|did I say|did they give us]",
        f"[in|at|on] [which|what] {thing} [are we|am I|do we sit|do we meet|do I wait]",
        f"[what is|what's|tell me|say|remind me of] [our|my|the] {thing}[ number|]",
    ]
    return rng.choice(said), asked, IT


def coded(rng: Random) -> Pair:
    what, thing = rng.choice(CODES), lex.noun(rng)
    joint = rng.choice(["of", "for", "to"])
    said = [
        f"[the|our] {what} {joint} the {thing} is {{v}}",
        f"the {thing} has {{v}} as [its |the |]{what}",
        f"for the {thing} the {what} is {{v}}",
        f"{thing} {what}: {{v}}",
        f"{{v}} is the {what} {joint} the {thing}",
        f"the {thing}'s {what} is {{v}}",
    ]
    asked = [
        f"[what's|what is|tell me|give me|repeat] the {what} {joint} the {thing}",
        f"[which|what] {what} [has|opens|is on|goes with|belongs to] the {thing}",
        f"the {thing}'s {what}",
        f"what did I say the {what} {joint} the {thing} was",
        f"what {what} does the {thing} have",
    ]
    return rng.choice(said), asked, IT


def thing_bought(rng: Random) -> Pair:
    _verb, past, base = rng.choice(
        [
            ("lost", "lost", "lose"),
            ("bought", "bought", "buy"),
            ("sold", "sold", "sell"),
            ("broke", "broke", "break"),
            ("found", "found", "find"),
            ("borrowed", "borrowed", "borrow"),
            ("painted", "painted", "paint"),
            ("ordered", "ordered", "order"),
            ("packed", "packed", "pack"),
            ("cooked", "cooked", "cook"),
            ("drew", "drew", "draw"),
            ("won", "won", "win"),
            ("forgot", "forgot", "forget"),
        ]
    )
    when = rng.choice(["yesterday", "today", "this morning", "last week", "on Monday", "at the market", "on the bus"])
    said = [f"{when} I {past} [a|my|the] {{v}}", f"I {past} [a|my|the] {{v}} {when}"]
    asked = [
        f"what did I {base} {when}",
        f"[tell me|say|do you know] what I {past} {when}",
        f"which thing did I {base}",
    ]
    return rng.choice(said), asked, IT


MAKERS: list[tuple[Callable[[Random], Pair], float, Callable[[Random], str]]] = [
    (own_name, 3, lex.name), (person, 3, lex.name), (named, 2, lex.name), (placed, 1.5, lex.place), (lives, 3, a_value), (preferred, 2.5, a_value), (habit, 1.5, lex.noun),
    (numbered, 2, small_number), (coded, 2, a_value), (thing_bought, 1, lex.noun),
]  # fmt: skip
FRAMES = ["{q}?"] * 12 + [
    "tell me, {q}?", "do you remember, {q}?", "I forgot: {q}?", "{q} again?", "remind me, {q}?", "say, {q}?", "now {q}?", "one more question, {q}?", "before I go: {q}?", "and {q}?", "by the way, {q}?", "going back: {q}?", "can you recall: {q}?", "{q}, please?", "quick check, {q}?",
    "just to be sure, {q}?", "let's see: {q}?", "as I said before, {q}?", "{q}? I told you.", "test: {q}?", "from memory, {q}?",
]  # fmt: skip
ACKS = [
    "Okay.",
    "Understood.",
    "I will remember that.",
    "Alright.",
    "Thank you for telling me.",
    "I see.",
    "Good to know.",
    "Noted.",
    "Noted.",
    "Got it.",
]


def quiet(rng: Random, messages: list[Message]) -> list[Message]:
    """Talk in between is mostly there to be looked past: it is learnt elsewhere."""
    for message in messages:
        message.learn = rng.random() < 0.3
    return messages


def told(rng: Random) -> Chat:
    """One to four facts with other talk between, then most of them asked for, in any order."""
    messages: list[Message] = [talk.system(rng)] if rng.random() < 0.1 else []
    questions: dict[str, tuple[str, str]] = {}
    for _ in range(rng.choice([1, 2, 2, 3, 4])):
        make, value = rng.choices([(m, v) for m, _, v in MAKERS], [w for _, w, _ in MAKERS])[0]
        said, asked, answer = make(rng)
        if make.__name__ in questions and rng.random() < 0.7:
            continue
        found = value(rng)
        questions[f"{make.__name__}{len(questions) if make not in (own_name, lives) else ''}"] = (
            choose(rng, rng.choice(asked)),
            answer.replace("{v}", found),
        )
        messages += [
            user(ask(rng, choose(rng, said) + rng.choice([".", ".", ".", "!", ""]), v=found)),
            pebble(rng.choice(ACKS), learn=False),
        ]
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            messages += quiet(rng, talk.aside(rng))
    asked_for = list(questions.values())
    rng.shuffle(asked_for)
    for question, answer in asked_for:
        messages += [user(ask(rng, rng.choice(FRAMES).replace("{q}", question))), pebble(answer)]
    return Chat(messages)


FILLING = [
    "The {n} [of|from|near] {p} is {a}.", "{w} [brought|sold|found|lost|painted|wanted] [a|the] {n}.", "[Some|Two|Many|Ten] {n}s [lay|stood|were kept] in {p}.", "{w} and {o} went to {p} by [bus|train|boat|bike].", "It was a {a} day in {p}.",
    "[Nobody|Everyone|{w}] talked about the {n}.", "{n}: {k}", "The {n} costs {k}.", "{w} says the {n} is {a}.", "[Near|Behind|Under|Beside] the {n} there is [a|another] {m}.", "In {p}, {w} met {o}.", "{w} likes the {a} {n}.",
]  # fmt: skip


def filling(rng: Random, sentences: int) -> str:
    """A text of so many sentences in which nothing is about the user."""
    few = rng.sample(FILLING, rng.choice([1, 2, 4, 8]))
    draw = {
        "n": lex.noun,
        "m": lex.noun,
        "p": lex.place,
        "w": lex.name,
        "o": lex.name,
        "k": lex.code,
        "a": lambda rng: rng.choice(lex.ADJECTIVES),
    }
    lines = [
        fill(choose(rng, rng.choice(few)), **{slot: value(rng) for slot, value in draw.items()})
        for _ in range(sentences)
    ]
    return rng.choice([" ", " ", "\n"]).join(line[:1].upper() + line[1:] for line in lines)


def far(rng: Random) -> Chat:
    """Facts, then some hundred to two thousand tokens of other things, then all of them asked for: many answers for one long reading."""
    chat = told(rng)
    while sum(m.learn for m in chat.messages) < 2:
        chat = told(rng)
    asked = next(
        i
        for i in range(len(chat.messages), 0, -1)
        if i < 2 or (not chat.messages[i - 1].learn and chat.messages[i - 1].role == "assistant")
    )
    size = rng.choice([15, 25, 25, 35, 35, 60, 60, 110])
    pieces = rng.choice([1, 1, 2, 3])
    for _ in range(pieces):
        place = (
            asked
            if pieces == 1 or rng.random() < 0.5
            else rng.randrange(0, asked + 1, 2)
            if chat.messages[0].role == "user"
            else asked
        )
        chat.messages[place:place] = [user(filling(rng, size // pieces)), pebble(rng.choice(ACKS), learn=False)]
        asked += 2
    return chat
