# ruff: noqa: E501
"""Structured output: a text goes in, JSON with the right values comes out, by a schema, by a list of keys, or with no schema in sight."""

from __future__ import annotations

from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import HARDLY, LEARN, SKIP, Chat, Message, Span, compact, pebble, user
from recipes.pebble.grammar import ask, choose, fill, say
from recipes.pebble.tasks import kinds
from recipes.pebble.tasks.things import THINGS, Thing, pick
from recipes.pebble.tasks.tools import spoken

from outcrop.evaluation.pebble import structured

SCORED = {key for _, fields in structured.RECORDS for key in fields}
FILLER = [
    "[The weather was {a}|It was a {a} day|Everyone was {a}|We are all {a} about it|That is all we know|More will follow|Nothing else was said|It took a while|The {n} was {a}|There was a {n} too].",
    "[Please let us know|Thank you|As always, thank you|Kind regards|Let me know if anything is unclear|Have a nice day|Do not hesitate to ask|We are happy to help].",
    "[By the way, the {n} is {a}|Nobody saw the {n}|The {n} came late|I liked the {n}|They talked about the {n} for a while|A {n} was also there].",
]  # fmt: skip
HEADS = [
    "[Report|Note|Memo|Record|Entry|News|E-mail|Message|Ticket|Log]: ",
    "Hello, ",
    "",
    "",
    "",
    "",
    "[Today|Yesterday|Last week|This morning], ",
    "Dear all, ",
]


# whole sentences in which nothing names the field: only the kind of a value and the words around it tell
CLAUSES: list[tuple[str, dict[str, tuple[str, str]]]] = [
    ("[{a} travelled|{a} drove|{a} flew|{a} moved] to {b} for {c} days", {"a": ("traveler|who|person|name|visitor", "name"), "b": ("destination|city|where|place|town", "place"), "c": ("days|duration|length|stay", "int")}),
    ("{a} bought {b} tickets in {c}", {"a": ("buyer|customer|name|who", "name"), "b": ("tickets|count|number|amount", "int"), "c": ("city|shop_city|place|where", "place")}),
    ("[order|package|shipment] {a} [goes|was sent|is on its way] to {b} in {c}", {"a": ("order_id|order|code|id|package", "code"), "b": ("receiver|customer|recipient|name", "name"), "c": ("city|address|place|destination", "place")}),
    ("{a} [owes|paid|sent|lent] {b} [dollars|euros|coins] to {c}", {"a": ("payer|from|sender|who", "name"), "b": ("amount|sum|money|dollars", "int"), "c": ("payee|to|receiver|other", "name")}),
    ("[the match|the game|the race] in {a} was won by {b} with {c} points", {"a": ("city|place|venue|town", "place"), "b": ("winner|champion|name|team", "name"), "c": ("points|score|result", "int")}),
    ("{a} left a {b} on the train to {c}", {"a": ("owner|person|name|who", "name"), "b": ("item|object|thing|lost", "noun"), "c": ("city|train_to|direction|where", "place")}),
    ("[room|flat|unit] {a} is rented to {b} for {c} a month", {"a": ("room|unit|code|id", "code"), "b": ("tenant|renter|name|guest", "name"), "c": ("rent|price|cost|monthly", "int")}),
    ("{a}, who is {b}, [lives|works|studies] in {c}", {"a": ("name|person|who|student", "name"), "b": ("age|years|years_old", "int"), "c": ("city|town|place|home", "place")}),
    ("[a|one] {a} was found in {b} by {c}", {"a": ("object|item|thing|found", "noun"), "b": ("place|city|location|where", "place"), "c": ("finder|person|by|name", "name")}),
    ("{a} [runs|owns|leads] a [cafe|shop|school|farm] in {b} with {c} [workers|tables|rooms|people]", {"a": ("owner|boss|leader|name", "name"), "b": ("city|place|town|location", "place"), "c": ("workers|size|count|people", "int")}),
    ("[machine|robot|sensor|car] {a} [stopped|failed|broke down] in {b} after {c} [hours|days|minutes]", {"a": ("machine|serial|id|code", "code"), "b": ("place|city|site|where", "place"), "c": ("hours|time|duration|after", "int")}),
    ("{a} [teaches|trains|leads] {b} [students|kids|players] in {c}", {"a": ("teacher|trainer|coach|name", "name"), "b": ("students|number|count|group_size", "int"), "c": ("city|place|where|town", "place")}),
    ("[please bring|do not forget] a {a} to {b} on {c}", {"a": ("item|bring|thing|object", "noun"), "b": ("place|where|city|venue", "place"), "c": ("date|day|when", "date")}),
    ("[the meeting with|lunch with|a call with] {a} is on {b} at {c}", {"a": ("with|person|name|who", "name"), "b": ("date|day|when", "date"), "c": ("time|hour|start", "time")}),
    ("{a} drew a {b} for {c}", {"a": ("artist|painter|by|name", "name"), "b": ("picture|object|drawing|subject", "noun"), "c": ("for|receiver|friend|customer", "name")}),
    ("[bill|receipt|invoice] {a} of {b} [euros|dollars] is for {c}", {"a": ("bill|number|code|id", "code"), "b": ("total|amount|sum|value", "int"), "c": ("customer|client|name|for", "name")}),
    ("in {a} it was {b} degrees [when|as] {c} arrived", {"a": ("city|place|where|town", "place"), "b": ("temperature|degrees|temp", "int"), "c": ("person|visitor|who|name", "name")}),
    ("{a} scored {b} against {c}", {"a": ("player|who|name|winner", "name"), "b": ("points|score|goals", "int"), "c": ("opponent|other|against|rival", "name")}),
]  # fmt: skip
DRAWN = {
    "name": ("string", lex.name),
    "place": ("string", lex.place),
    "int": ("integer", lambda rng: rng.randint(1, rng.choice([30, 99, 999]))),
    "code": ("string", lex.code),
    "noun": ("string", lex.noun),
    "date": ("string", lex.date),
    "time": ("string", lex.clock),
}


ROLES = [
    "driver",
    "guest",
    "singer",
    "owner",
    "buyer",
    "seller",
    "farmer",
    "patient",
    "nurse",
    "tenant",
    "clerk",
    "pilot",
    "editor",
    "author",
    "painter",
    "sailor",
    "trainer",
    "player",
    "student",
    "gardener",
    "keeper",
    "visitor",
    "member",
    "sender",
    "reader",
    "dancer",
    "builder",
    "climber",
    "skater",
    "boxer",
    "fisher",
    "hunter",
    "miner",
    "potter",
    "smith",
    "scout",
    "ranger",
    "ambassador",
    "florist",
    "barber",
    "janitor",
    "candidate",
    "speaker",
    "guide",
    "sponsor",
    "applicant",
    "witness",
    "cyclist",
    "swimmer",
]
DEEDS = [
    "sold",
    "bought",
    "found",
    "lost",
    "counted",
    "brought",
    "packed",
    "washed",
    "stole",
    "painted",
    "delivered",
    "carried",
    "ordered",
    "repaired",
    "fed",
    "trained",
    "saw",
    "wanted",
    "cooked",
    "drew",
    "hid",
    "opened",
    "broke",
    "borrowed",
    "rented",
    "cleaned",
    "won",
    "built",
    "planted",
    "watched",
    "picked",
    "sent",
    "received",
    "weighed",
    "filmed",
    "kept",
    "moved",
    "measured",
    "stacked",
    "unloaded",
]
IN_PLACE = [
    "in {v}",
    "near {v}",
    "at a market in {v}",
    "on the way to {v}",
    "outside {v}",
    "from {v}",
    "for a shop in {v}",
    "over in {v}",
    "during a stay in {v}",
    "at home in {v}",
    "somewhere in {v}",
    "back in {v}",
]
PLACE_KEYS = [
    "city",
    "town",
    "place",
    "location",
    "where",
    "site",
    "in_city",
    "destination",
    "origin",
    "city_name",
    "town_name",
    "place_of_event",
    "at_place",
    "venue",
]
PERSON_KEYS = ["name", "person", "who", "full_name", "person_name", "by", "done_by", "contact"]
THING_KEYS = ["item", "object", "thing", "product", "article", "goods", "item_name", "what"]


def composed(rng: Random) -> tuple[str, dict[str, tuple[str, object]]]:
    """A sentence put together for the occasion, and its values by key: a key is the noun beside its value, or tells its kind."""
    role, unit, tagged = rng.choice(ROLES), lex.noun(rng), lex.noun(rng)
    who, where, thing, code, count = (
        lex.name(rng),
        lex.place(rng),
        lex.noun(rng),
        lex.code(rng),
        rng.randint(1, rng.choice([12, 99, 99, 500])),
    )
    who_key = rng.choice([role, role, f"{role}_name", f"name_of_{role}", *PERSON_KEYS[:3]])
    person = rng.choice(
        [
            f"{role} {who}",
            f"the {role} {who}",
            f"{who}, our {role},",
            f"{who}",
            f"a {role} named {who}",
            f"{who}, [a|the] {role},",
        ]
    )
    deed = rng.choice(DEEDS)
    parts: list[tuple[str, str, str, object]] = []
    if rng.random() < 0.6:
        parts.append(
            (
                f"{count} {unit}s",
                rng.choice(
                    [
                        f"{unit}s",
                        f"{unit}s",
                        f"number_of_{unit}s",
                        f"{unit}_count",
                        f"{unit}s_{deed}",
                        "count",
                        "amount",
                    ]
                ),
                "integer",
                count,
            )
        )
    elif rng.random() < 0.6:
        parts.append(
            (
                f"[a|the|one] {thing}",
                rng.choice([*THING_KEYS, f"{deed}_item", f"{deed}_object", f"what_was_{deed}", f"thing_{deed}"]),
                "string",
                thing,
            )
        )
    else:
        parts.append(
            (
                f"{tagged} {code}",
                rng.choice([f"{tagged}_code", f"{tagged}_id", f"{tagged}_number", tagged, "code", "id"]),
                "string",
                code,
            )
        )
    if rng.random() < 0.7:
        parts.append(
            (
                rng.choice(IN_PLACE).replace("{v}", where),
                rng.choice([*PLACE_KEYS, f"{role}_city", f"{unit}_town", f"{deed}_in", f"{deed}_at"]),
                "string",
                where,
            )
        )
    if rng.random() < 0.3 and parts[0][2] != "integer":
        parts.append(
            (
                f"[for|after|within] {count} [days|hours|euros|minutes|weeks|years]",
                rng.choice(["days", "hours", "number", "duration", "how_long", "amount"]),
                "integer",
                count,
            )
        )
    tail = " ".join(text for text, *_ in parts)
    text = rng.choice(
        [
            f"{person} {deed} {tail}",
            f"{person} {deed} {tail}",
            f"{person} has {deed} {tail}",
            f"{parts[0][0]} [was|were] {deed} {' '.join(t for t, *_ in parts[1:])} by {person.rstrip(',')}",
            f"{parts[-1][0]}, {person} {deed} {' '.join(t for t, *_ in parts[:-1])}"
            if len(parts) > 1
            else f"{person} {deed} {tail}",
        ]
    )
    fields: dict[str, tuple[str, object]] = {who_key: ("string", who)}
    for _, key, kind, value in parts:
        fields.setdefault(key, (kind, value))
    return choose(rng, text), fields


def composed_case(rng: Random) -> tuple[str, dict, dict, list[str]]:
    text, fields = composed(rng) if rng.random() < 0.45 else kinds.sentence(rng)
    keys = rng.sample(list(fields), len(fields)) if rng.random() < 0.5 else list(fields)
    schema = {"type": "object", "properties": {k: {"type": fields[k][0]} for k in keys}, "required": keys}
    text = text[:1].upper() + text[1:] + rng.choice([".", ".", "!", ""])
    if rng.random() < 0.35:
        extra = say(rng, rng.choice(FILLER), n=lex.noun(rng), a=rng.choice(lex.ADJECTIVES))
        text = f"{extra} {text}" if rng.random() < 0.5 else f"{text} {extra}"
    return choose(rng, rng.choice(HEADS)) + text, {k: fields[k][1] for k in keys}, schema, []


def clause(rng: Random) -> tuple[str, dict, dict]:
    """A sentence, the record in it and the schema; the keys come in any order and may be dressed up."""
    template, slots = rng.choice(CLAUSES)
    values = {slot: DRAWN[kind][1](rng) for slot, (_, kind) in slots.items()}
    text = fill(choose(rng, template), **values)
    order = rng.sample(list(slots), len(slots)) if rng.random() < 0.6 else list(slots)
    names: dict[str, str] = {}
    for slot in order:
        key = rng.choice(slots[slot][0].split("|"))
        names[slot] = rng.choice(
            [
                key,
                key,
                key,
                f"{key}_{rng.choice(['name', 'value', 'info', 'of', 'no', 'field'])}",
                f"{lex.noun(rng)}_{key}",
            ]
        )
    record = {names[slot]: values[slot] for slot in order}
    schema = {
        "type": "object",
        "properties": {names[slot]: {"type": DRAWN[slots[slot][1]][0]} for slot in order},
        "required": list(record),
    }
    text = text[:1].upper() + text[1:] + rng.choice([".", ".", "!", ""])
    for _ in range(rng.choice([0, 0, 1])):
        extra = say(rng, rng.choice(FILLER), n=lex.noun(rng), a=rng.choice(lex.ADJECTIVES))
        text = f"{extra} {text}" if rng.random() < 0.5 else f"{text} {extra}"
    return choose(rng, rng.choice(HEADS)) + text, record, schema


def statement(rng: Random, thing: Thing, key: str, value: object, who: str) -> str:
    """One sentence or fragment that gives the value away."""
    label = key.replace("_", " ")
    if thing.kind == "boolean":
        return choose(
            rng,
            f"[{label}: {'yes' if value else 'no'}|it is {'' if value else 'not '}{label}|{'it is' if value else 'it is not'} {label}|{label} is {'true' if value else 'false'}]",
        )
    own = [
        "the {k} is {v}",
        "{k}: {v}",
        "{v} is the {k}",
        "the {k} was {v}",
        "as {k} we have {v}",
        "its {k} is {v}",
        "they gave {v} as the {k}",
        "{k} {v}",
        "for {k}, {v} was noted",
    ]
    pool = thing.stated.split("|") if thing.stated and rng.random() < 0.6 else own
    return fill(rng.choice(pool), w=who, v=value, k=label, q=rng.choice(["", '"', '"']))


def passage(rng: Random, facts: list[tuple[Thing, str, object]], who: str) -> str:
    """Statements in any order, joined in some way, with sentences that matter to nobody."""
    said = [statement(rng, thing, key, value, who) for thing, key, value in facts]
    rng.shuffle(said)
    style = rng.random()
    if style < 0.2:
        return "\n".join(said)
    if style < 0.4:
        return choose(rng, rng.choice(HEADS)) + ", ".join(said) + "."
    parts = [text[:1].upper() + text[1:] + "." for text in said]
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        parts.insert(
            rng.randint(0, len(parts)), say(rng, rng.choice(FILLER), n=lex.noun(rng), a=rng.choice(lex.ADJECTIVES))
        )
    return choose(rng, rng.choice(HEADS)) + " ".join(parts)


def case(rng: Random) -> tuple[str, dict, dict, list[str]]:
    """A text, the record in it, its schema, and which keys the text does not give (null). No key is one that the scorecard asks for."""
    while True:
        drawn = _case(rng)
        if not SCORED & drawn[1].keys():
            return drawn


def _case(rng: Random) -> tuple[str, dict, dict, list[str]]:
    kind = rng.random()
    if kind < 0.6:
        return composed_case(rng)
    if kind < 0.8:
        return *clause(rng), []
    who = lex.name(rng)
    chosen = pick(rng, rng.choice([1, 2, 2, 3, 3, 4, 5]))
    facts = [(thing, key, thing.value(rng)) for thing, key in chosen]
    if rng.random() < 0.4:
        key = rng.choice(["name", "person", "who", "customer", "full_name", "employee", "user"])
        if all(k != key for _, k, _ in facts):
            person = Thing(
                key,
                "string",
                "[the|] name",
                "",
                lex.name,
                "the name is {v}|this is about {v}|here comes {v}|{v} wrote it|we talked to {v}",
            )
            facts.insert(rng.randint(0, len(facts)), (person, key, who))
    missing = [key for _, key, _ in facts[1:] if rng.random() < 0.06]
    text = passage(rng, [fact for fact in facts if fact[1] not in missing], who)
    record = {key: None if key in missing else value for _, key, value in facts}
    schema = {
        "type": "object",
        "properties": {
            key: {"type": [thing.kind, "null"] if key in missing else thing.kind} for thing, key, _ in facts
        },
        "required": [key for _, key, _ in facts],
    }
    return text, record, schema, missing


EXTRACT = [
    "[what is in|what does|read|analyse|digest|process|boil down|break down|condense|note down|record|log|file|structure|map] [this|this line|this message|the sentence|the following|the text below][ say| to data| as data| into fields|][.|?|:]", "[please |][get|take|pick|grab|lift|read off] the [facts|details|key data|main values|entries] [out of|from] [this|the text|this sentence|the message][.|:]", "[machine-readable|tidy] [form|output|data|version] [of|for] [this|the text|this note][, please|][.|:]",
    "[I got this|this came in|a mail says|someone wrote|from the log|from a chat|my note reads|it says here][:|.] ", "[as|into|to] [data|JSON|a record|fields|an object][, please|][.|:]",
    "[extract|pull out|find|collect|gather|get|list|give me] [the|all] [details|data|fields|values|information|facts|record][ from the text| from this| below|][ as JSON| in JSON| as a JSON object|, JSON only].",
    "[turn|convert|put|transform|change|parse|make] [this|this text|the text|the following|the note] into [JSON|a JSON object|a JSON record].", "[return|answer with|write|give|output|reply with|respond with] [only |just |]JSON[ for this text| for the text| with the values|].",
    "[fill|complete] [in |]the [schema|record|form|fields][ from the text| with the values in the text|].", "[what are the values|which values are given]? [answer|reply] in JSON.", "JSON[, please| please| only|]:", "[summarize|represent|write down] [this|the text] as JSON.",
]  # fmt: skip


def by_schema(rng: Random) -> Chat:
    """The schema or the keys stand in the prompt (with the user or in the system prompt)."""
    text, record, schema, _ = case(rng)
    shape = rng.random()
    keys = list(record)
    if shape < 0.45:
        frame = say(
            rng,
            "[schema|JSON schema|use this schema|the schema is|follow this schema|it must match]: {s}",
            s=compact(schema),
        )
    elif shape < 0.8:
        frame = say(
            rng,
            "[keys|fields|use the keys|with these keys|the keys are|JSON keys|fields to fill]: {s}",
            s=rng.choice(
                [", ".join(keys), compact(keys), " ".join(keys), " and ".join(keys), "\n".join(f"- {k}" for k in keys)]
            ),
        )
    else:
        frame = say(
            rng,
            "[like this|in this form|the form|format|template|use this shape]: {s}",
            s=compact({k: rng.choice(["...", "", "?"]) for k in keys}),
        )
    order = ask(rng, rng.choice(EXTRACT))
    if rng.random() < 0.3:
        return Chat([Message("system", f"{order}\n{frame}"), user(text), pebble(compact(record))])
    blocks = [order, frame, text]
    if rng.random() < 0.5:
        rng.shuffle(blocks)
    return Chat([user(rng.choice(["\n", "\n\n", " "]).join(blocks)), pebble(compact(record))])


def by_grammar(rng: Random) -> Chat:
    """No schema in the prompt: a grammar will force the keys, so only the values and the signs around them are learnt."""
    text, record, _, _ = case(rng)
    parts = _forced(rng, record)
    order = ask(rng, rng.choice(EXTRACT)) if rng.random() < 0.65 else ""
    if rng.random() < 0.25:
        return Chat(
            [
                Message(
                    "system",
                    say(
                        rng,
                        rng.choice(
                            [
                                "[Answer|Reply|Respond|Write] [only |]in JSON[ with the fields|: the fields are|, fields|] ",
                                "[Give|Return|Output|Write|Send|Make] [a|one] [JSON object|record|JSON record|object] [with|that has|of] [the keys|the fields|the entries|these keys|these fields][:|] ",
                                "[Fields|Keys|JSON keys|The keys are|The fields are|Fill in|Required keys]: ",
                            ]
                        ),
                    )
                    + ", ".join(record),
                ),
                user(text),
                pebble(parts),
            ]
        )
    return Chat([user(f"{order}\n{text}".strip() if rng.random() < 0.6 else f"{text}\n{order}".strip()), pebble(parts)])


def several(rng: Random) -> Chat:
    """One form for several notes, a turn each: the keys stay, the texts change."""
    while True:
        template, slots = rng.choice(CLAUSES)
        names = {slot: rng.choice(slots[slot][0].split("|")) for slot in rng.sample(list(slots), len(slots))}
        if len(set(names.values())) == len(names) and not SCORED & set(names.values()):
            break
    messages = [Message("system", f"JSON: {', '.join(names.values())}")] if rng.random() < 0.5 else []
    for _ in range(rng.randint(2, 4)):
        values = {slot: DRAWN[kind][1](rng) for slot, (_, kind) in slots.items()}
        text = fill(choose(rng, template), **values)
        messages += [
            user(text[:1].upper() + text[1:] + "."),
            pebble(_forced(rng, {names[slot]: values[slot] for slot in names})),
        ]
    return Chat(messages)


def _forced(rng: Random, record: dict) -> list[Span]:
    """A record as a grammar lets it be written: the keys are given, the values and the signs around them are learnt. The first brace hardly, for
    plain statements do not want JSON; but a grammar allows other beginnings too. The keys hardly, so that they are spelt in whole tokens. And now and then
    there is a gap before each key, not learnt, so that a model that chose one is not lost."""
    gap = rng.choice(["\n", "\n ", "\n  ", "\n    ", "\n\n", " "]) if rng.random() < 0.15 else ""
    parts: list[Span] = []
    for i, (key, value) in enumerate(record.items()):
        sign = ("," if i else "{") + (gap or " " * bool(i)) + '"'
        parts += [
            (sign, SKIP if gap else LEARN if i else HARDLY),
            (compact(key)[1:-1], HARDLY),
            ('": ' + compact(value), LEARN),
        ]
    return [*parts, (gap.rstrip(" "), SKIP), ("}", LEARN)]


def rows(rng: Random) -> Chat:
    """Several lines of one kind become an array of records."""
    chosen = pick(rng, rng.choice([1, 2, 2]))
    chosen = [(t, k) for t, k in chosen if t.kind != "boolean"] or [(THINGS[0], "city")]
    people = [lex.name(rng) for _ in range(rng.randint(2, 4))]
    key = rng.choice(["name", "person", "who"])
    made = [{key: who, **{k: t.value(rng) for t, k in chosen}} for who in people]
    joint = rng.choice([", ", "; ", " | ", " - "])
    text = "\n".join(joint.join(spoken(v) for v in row.values()) for row in made)
    keys = ", ".join(made[0])
    return Chat(
        [
            user(
                f"{ask(rng, '[turn|convert|put] [this|the lines|the list] into a JSON array[ of objects|].')} {say(rng, '[keys|fields|with the keys]: {s}', s=keys)}\n{text}"
            ),
            pebble(compact(made)),
        ]
    )
