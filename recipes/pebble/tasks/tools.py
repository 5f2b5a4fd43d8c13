# ruff: noqa: E501, SIM905
"""Tool use: the right tool of several unseen ones, its arguments copied exactly, no call when none fits, and the result put into words."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, compact, pebble, user
from recipes.pebble.grammar import ask, choose, disorder, fill, listing, say
from recipes.pebble.tasks import talk
from recipes.pebble.tasks.things import Thing, pick, schema, styled

VERBS = [
    "get|fetch|retrieve|show|look up|check|tell me|give me|find out|pull up|see", "find|search|look for|seek|locate|hunt for|browse", "create|make|add|set up|start|open|build|new", "delete|remove|cancel|drop|erase|get rid of|clear",
    "send|mail|deliver|forward|dispatch|transmit", "book|reserve|hold|arrange", "order|buy|purchase|get me", "play|put on|start playing", "convert|change|turn|transform", "update|edit|modify|change|adjust|revise",
    "schedule|plan|arrange|put in the calendar", "list|show all|enumerate|display", "track|follow|trace|monitor|watch", "calculate|compute|work out|figure out|estimate", "translate|render", "turn on|switch on|activate|enable|power up",
    "turn off|switch off|deactivate|disable|shut down", "set|adjust|put|change", "lock|secure|bolt", "unlock|open up", "print|print out", "read|read out|recite", "save|store|keep|archive", "upload|put up|send up", "download|load down|pull", "call|phone|ring|dial",
    "pay|settle|transfer", "rent|hire|lease", "review|rate|judge|assess", "share|publish|post", "invite|ask over", "assign|give|hand", "scan|examine|inspect", "measure|gauge", "clean|tidy|wash", "repair|fix|mend", "water|sprinkle", "start|launch|run|begin", "stop|halt|end|pause", "describe|explain|summarize",
    "compare|match", "count|tally|number", "register|enrol|sign up", "notify|alert|inform|warn", "report|log|record|note", "verify|confirm|validate", "export|save out", "import|bring in", "sort|order|arrange", "merge|join|combine",
]  # fmt: skip
OBJECTS = """weather|forecast price|cost news|headlines table|restaurant flight|plane_ticket hotel|room song|track|music movie|film recipe|dish event|appointment|meeting reminder|alert note|memo
    email|mail message|text order|purchase package|parcel|shipment light|lamp thermostat|heating door|gate alarm timer|countdown contact|person account|profile invoice|bill payment|transfer
    ticket|issue task|to-do file|document photo|picture|image video|clip report|summary map|route|directions train|bus taxi|ride|cab car|vehicle bike|bicycle stock|share currency|money book|novel
    product|item review|rating team|group user|member customer|client|buyer employee|worker project playlist channel|station garden|plant window|blind oven|stove fridge robot|machine pump|valve
    sensor|meter server|host database|table backup|copy log|record word|term sentence|phrase number|figure date|day course|class lesson exam|test grade|mark school|college library|archive museum
    doctor|clinic medicine|drug pet|animal game|match score|result player|athlete concert|show gift|present coupon|discount|voucher menu|meal drink|beverage pizza|food grocery|shopping_list
    parking|garage field|crop boat|ferry tour|trip visa|passport insurance|policy loan|credit rent|lease house|flat|apartment contract|agreement letter|card badge|pass key|code""".split()  # fmt: skip


@dataclass
class Tool:
    """A tool, and how people ask for what it does."""

    spec: dict
    verb: str
    thing: str
    inputs: list[tuple[Thing, str]]
    required: list[str]


def invent(rng: Random, count: int | None = None) -> Tool:
    """A tool nobody has seen: a verb, an object (in a third of the cases invented) and zero to four arguments."""
    verbs, objects = rng.choice(VERBS), rng.choice(OBJECTS) if rng.random() < 0.65 else lex.noun(rng)
    verb, thing = rng.choice(verbs.split("|")[:2]), rng.choice(objects.split("|")).replace("_", " ")
    extra = rng.choice(["", "", "", "", lex.noun(rng) + "_", rng.choice(lex.ADJECTIVES) + "_"])
    name = f"{verb}_{extra}{thing}".replace(" ", "_").replace("-", "_")
    if rng.random() < 0.1:
        name = (
            rng.choice([f"{thing}_{verb}", thing, f"{lex.pseudo(rng, 1, 2)}_{verb}", lex.pseudo(rng, 1, 3)])
            .replace(" ", "_")
            .replace("-", "_")
        )
    inputs = pick(rng, count if count is not None else rng.choice([0, 1, 1, 1, 2, 2, 2, 3, 3, 4]))
    required = [key for thing_, key in inputs if thing_.kind != "boolean" and rng.random() < 0.85]
    parameters = {
        "type": "object",
        "properties": {key: schema(rng, kind) for kind, key in inputs},
        "required": required,
    }
    subject = f"{extra.replace('_', ' ')}{thing}"
    verb_shown = choose(rng, f"[{verbs}]") if rng.random() < 0.3 else verb
    verb_shown = "get" if verb_shown in ("tell me", "give me", "get me", "new") else verb_shown
    text = (
        choose(
            rng,
            f"[{verb_shown} [a |the |an |]{subject}|{verb_shown}s [a|the] {subject}|[this tool |use this to |tool to |lets you ]{verb_shown} [a|the] {subject}]",
        )
        + choose(rng, "[| for the user| by its data| in the system| of a user| online| now]")
        + rng.choice(["", ".", "."])
    )
    return Tool(
        {"name": styled(rng, name), "description": text[:1].upper() + text[1:], "parameters": parameters},
        verbs,
        objects + "|" + (subject if extra else thing),
        inputs,
        required,
    )


def toolbox(rng: Random, count: int) -> list[Tool]:
    """Different tools; now and then two share an object or a verb, so that the other word decides."""
    made: dict[str, Tool] = {}
    while len(made) < count:
        tool = invent(rng)
        others = list(made.values())
        clash = any(tool.verb == o.verb and tool.thing == o.thing for o in others)
        if not clash and (rng.random() < 0.3 or not any(tool.verb == o.verb or tool.thing == o.thing for o in others)):
            made[tool.spec["name"]] = tool
    return list(made.values())


def request(rng: Random, tool: Tool) -> tuple[str, dict]:
    """What a person says to want this tool, and the arguments that follow from it."""
    arguments, phrases = {}, []
    for thing, key in tool.inputs:
        if key not in tool.required and (rng.random() < 0.5 or thing.kind != "boolean"):
            continue
        value = thing.value(rng)
        arguments[key] = value
        phrases.append(_phrase(rng, thing, key, value))
    rng.shuffle(phrases)
    subject = rng.choice(tool.thing.split("|")[-1:] * 2 + tool.thing.split("|")).replace("_", " ")
    verb = choose(rng, f"[{tool.verb}]") if rng.random() < 0.6 else tool.verb.split("|")[0]
    core = f"{verb} [a |the |my |]{subject}"
    lead = rng.choice(
        [
            "",
            "",
            "",
            "can you ",
            "could you ",
            "please ",
            "I want to ",
            "I need to ",
            "I'd like to ",
            "would you ",
            "will you ",
            "let's ",
            "help me ",
            "we should ",
            "it is time to ",
            "I have to ",
            "go and ",
            "you should ",
        ]
    )
    if verb in ("tell me", "give me", "get me") and lead not in (
        "",
        "can you ",
        "could you ",
        "please ",
        "would you ",
        "will you ",
    ):
        lead = ""
    text = choose(
        rng,
        rng.choice(
            [
                lead + core,
                lead + core,
                lead + core,
                f"[I need|I want|what is|what about|show me|any|how is|what's|do you have|I'm interested in|let me have|now|time for|we need|is there] [a|the|my|] {subject}",
                f"{subject}[ please| now| for me|]",
                f"[my|the|this|our] {subject} [is needed|please|is what I want|next|has to be done]",
            ]
        ),
    )
    tail = ""
    for phrase in phrases:
        tail += phrase if phrase[:1] in ",:" else " " + phrase
    if tail and rng.random() < 0.12 and tail[0] == " ":
        text = f"{tail.strip()}, {text}"
    else:
        text += tail
    order = [key for _, key in tool.inputs if key in arguments]
    return _typed(rng, text), {key: arguments[key] for key in order}


_MARK = "\x00"


def _phrase(rng: Random, thing: Thing, key: str, value: object) -> str:
    """The value as people say it; a value stands between marks so that noise leaves it alone."""
    label = key.replace("_", " ")
    if thing.kind == "boolean":
        return choose(
            rng,
            f"[, {label} {'yes' if value else 'no'}|, {'with' if value else 'without'} {label}|, {label}: {str(value).lower()}|, {'' if value else 'not '}{label}]",
        )
    plain = (
        thing.said
        if thing.said and rng.random() < 0.8
        else f"with {label} {{v}}|, {label} {{v}}|, {label}: {{v}}|, the {label} is {{v}}|where {label} is {{v}}|using {{v}} as {label}|({label} {{v}})|and {{v}} as the {label}"
    )
    quote = rng.choice(["", "", '"', "'"])
    return fill(rng.choice(plain.split("|")), v=f"{_MARK}{value}{_MARK}", q=quote)


def _typed(rng: Random, text: str) -> str:
    """Noise over everything but the values."""
    parts = text.split(_MARK)
    values = parts[1::2]
    template = parts[0] + "".join(f"{{v{i}}}{plain}" for i, plain in enumerate(parts[2::2]))
    question = template.startswith(("can", "could", "would", "will", "what")) and rng.random() < 0.7
    template = disorder(
        rng, template.replace("[", "(").replace("]", ")") + ("?" if question else rng.choice(["", ".", "."]))
    )
    return fill(template, **{f"v{i}": value for i, value in enumerate(values)})


def result(rng: Random, tool: Tool, arguments: dict) -> tuple[str, str]:
    """What a tool may give back, and the answer that puts it into words."""
    kind = rng.random()
    subject = tool.thing.split("|")[-1].replace("_", " ")
    if kind < 0.1:
        reason = say(
            rng,
            "[not found|no such {n}|permission denied|timeout|{n} is not available|invalid {n}|service unavailable|no {n} left|too many requests|{n} does not exist]",
            n=lex.noun(rng),
        )
        return compact({rng.choice(["error", "error", "message", "reason"]): reason}), f"That did not work: {reason}."
    if kind < 0.2:
        value = lex.anything(rng) if rng.random() < 0.5 else lex.phrase(rng)
        return value, f"The result is {value}."
    if kind < 0.28:
        items = [lex.noun(rng) if rng.random() < 0.5 else lex.phrase(rng) for _ in range(rng.randint(2, 4))]
        return compact(
            {rng.choice(["results", "items", f"{subject}s".replace(" ", "_"), "list", "names", "data"]): items}
        ), f"I found {listing(items)}."
    fields: dict[str, object] = {}
    if kind < 0.45:
        fields["status"] = rng.choice(["ok", "done", "success", "confirmed", "sent", "created"])
    for thing, key in pick(rng, rng.choice([1, 1, 2, 2, 3])):
        if key not in arguments:
            fields[key] = thing.value(rng)
    if not fields:
        fields["status"] = "ok"
    parts = [f"the {key.replace('_', ' ')} is {spoken(value)}" for key, value in fields.items()]
    text = listing(parts)
    return compact(fields), text[:1].upper() + text[1:] + "."


def spoken(value: object) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


NO_TOOL = "I do not have a tool for that."
MISSING = "Which {k} should I use?"


def call(rng: Random) -> Chat:
    """A request to one of one to five tools, then its result, then perhaps another request."""
    tools = toolbox(rng, rng.choice([1, 2, 2, 3, 3, 4, 4, 5]))
    messages = _head(rng)
    for _ in range(rng.choice([1, 2, 2, 3, 4])):
        messages += _round(rng, rng.choice(tools))
    return Chat(messages, [t.spec for t in tools])


def _head(rng: Random) -> list[Message]:
    messages = [talk.system(rng)] if rng.random() < 0.25 else []
    return messages + (talk.aside(rng) if rng.random() < 0.12 else [])


def _round(rng: Random, tool: Tool) -> list[Message]:
    text, arguments = request(rng, tool)
    output, told = result(rng, tool, arguments)
    return [user(text), pebble(calls=[(tool.spec["name"], arguments)]), Message("tool", output), pebble(told)]


def two_calls(rng: Random) -> Chat:
    """Two things wanted at once: two calls in one turn, two results, one answer."""
    tools = toolbox(rng, rng.choice([1, 2, 3, 4]))
    first, second = rng.choice(tools), rng.choice(tools)
    (one, a), (two, b) = request(rng, first), request(rng, second)
    text = (
        one.rstrip(".?! ")
        + choose(rng, "[ and | and then | and also |, then |. Also, |, and |. And |; ]")
        + (two[:1].lower() + two[1:] if not two.startswith("I") else two)
    )
    outputs = [result(rng, first, a), result(rng, second, b)]
    calls = [(first.spec["name"], a), (second.spec["name"], b)]
    messages = [
        *_head(rng),
        user(text),
        pebble(calls=calls),
        *(Message("tool", out) for out, _ in outputs),
        pebble(" ".join(told for _, told in outputs)),
    ]
    return Chat(messages, [t.spec for t in tools])


def no_call(rng: Random) -> Chat:
    """Tools are there, but none fits; or only small talk is made."""
    tools = toolbox(rng, rng.choice([1, 2, 3, 4, 5]))
    messages = _head(rng)
    kind = rng.random()
    if kind < 0.62:
        wanted = invent(rng)
        while any(wanted.verb == t.verb or set(wanted.thing.split("|")) & set(t.thing.split("|")) for t in tools):
            wanted = invent(rng)
        messages += [user(request(rng, wanted)[0]), pebble(NO_TOOL)]
    elif kind < 0.85:
        asked, answered = talk.exchange(rng)
        messages += [user(asked), pebble(answered)]
    else:
        messages += _missing(rng, tools)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        messages += _round(rng, rng.choice(tools))
    return Chat(messages, [t.spec for t in tools])


def _missing(rng: Random, tools: list[Tool]) -> list[Message]:
    """A required argument is not said: ask for it, then call."""
    able = [t for t in tools if len(t.required) == 1 and len(t.inputs) == 1]
    if not able:
        return _round(rng, rng.choice(tools))
    tool = rng.choice(able)
    thing, key = tool.inputs[0]
    bare, _ = request(rng, Tool(tool.spec, tool.verb, tool.thing, [], []))
    value = thing.value(rng)
    reply = ask(rng, "[it is |it's |use |take |the {k} is |]{v}[.|, please|]", k=key.replace("_", " "), v=value)
    return [
        user(bare),
        pebble(say(rng, MISSING, k=key.replace("_", " "))),
        user(reply),
        pebble(calls=[(tool.spec["name"], {key: value})]),
    ]
