# ruff: noqa: E501, SIM905
"""Tool use: the right tool of several unseen ones, its arguments copied exactly, no call when none fits, and the result put into words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, compact, pebble, user
from recipes.pebble.grammar import ask, choose, disorder, fill, listing, say
from recipes.pebble.tasks import talk
from recipes.pebble.tasks.things import THINGS, Thing, pick, schema, styled

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


# tools named after the thing they know or do, and the ways to want it: what is shared with the request is a noun
SORTS: list[tuple[str, str, list[str], list[str]]] = [  # name, description, requests with 0, 1 and 2 arguments
    ("{a}_{b}|{b}_of_{a}|{a}_{b}_info|{b}", "[The |]{B} of [a|the] {a}|{A} {b}|[Shows|Tells|Reports] the {b} of [a|the] {a}", ["[what's|what is|how is] the {a} {b}", "any {b} of the {a}", "I wonder about the {a} {b}"], ["[what's|what is|how is|how's] the {b} [of|for|in|at] {0}", "[tell me|show me|get me|give me|I need|let me see|check] the {a} {b} [of|for|in|at] {0}", "{0}: {a} {b}", "any {a} {b} for {0}", "{a} {b} [for|at|in] {0}", "how [good|bad|high|low|old|big] is the {a} {b} [in|of|at] {0}", "is there [a|some|any] {b} [in|for|at] {0}", "I am off to {0}, how is the {a} {b} there", "[I'm curious|I wonder] about the {b} [in|of] {0}"]),
    ("{v}_{a}_{b}|{v}_{b}|{v}_the_{a}", "{V} [a|the|] {a} {b}|{V} [a|the] {b} [of the|for the] {a}", ["{v} the {a} {b}", "the {a} {b} has to be {w}"], ["{v} the {a} {b} [to|for|with|at] {0}", "{v} {b} {0}", "{0}, {v} the {a} {b}", "it is time to {v} the {a} {b}, {0}", "the {a} {b} should be {w} [to|for|with|at] {0}", "[let's|we want to|we'd like to|could you|can you] {v} the {a} {b} [with|for|to] {0}", "set {0} for the {a} {b}, {v} it", "{0} wants to {v} the {a} {b}", "{0} needs the {a} {b} {w}", "{a} {b} {0}, please {v} it", "{v} {0} as our {b}"]),
    ("{a}_{b}|{a}|{b}_for_{a}", "{A} {b} service|[Book|Reserve|Find|Offer|Request] [a|an] {a} {b}", ["[I'd like|we want|I need|get me] [a|the|some] {a} {b}"], ["[I'd like|we want|I need|we'd love|get me|find me|could I have|is there|do you have] [a|an|the] {a} {b} [for|in|at|from] {0}", "{0} [would like|wants|needs|is looking for] [a|an|the] {a} {b}", "[a|one] {a} {b}, {0}", "{a} {b} for {0}, [quick|please|thanks|now]", "{0} - {a} {b}", "we have {0} and need [a|the] {a} {b}", "is {0} free for [a|the] {a} {b}"]),
]  # fmt: skip
DOING = "water:watered fill:filled rotate:rotated sweep:swept brush:brushed calibrate:calibrated inflate:inflated lower:lowered heat:heated cool:cooled rinse:rinsed paint:painted steer:steered tune:tuned weld:welded polish:polished fold:folded stack:stacked trim:trimmed seal:sealed test:tested wake:woken warm:warmed dry:dried empty:emptied charge:charged label:labelled pick:picked appoint:appointed greet:greeted promote:promoted ban:banned tag:tagged pack:packed wrap:wrapped peel:peeled grind:ground boil:boiled bake:baked toast:toasted mix:mixed pour:poured slice:sliced roast:roasted launch:launched dock:docked tow:towed park:parked block:blocked unlock:unlocked inspect:inspected enrol:enrolled select:selected".split()
VALUES: list[tuple[str, str, Callable[[Random], object]]] = [  # names of an argument, what it is, its values
    ("town|city|place|harbour_city|village|location|area|district|spot|site|country|from_city|base", "string", lex.place), ("person|name|who|guest|member|owner|full_name|host|player|teacher|candidate|client", "string", lex.name), ("code|id|number|tag|ref|serial|key|item_id|badge|label_id|box_code", "string", lex.code),
    ("count|amount|number|level|percent|minutes|degrees|kilos|litres|size|pages|people|nights|age|row|steps", "integer", lambda rng: rng.randint(1, rng.choice([12, 99, 99]))), ("thing|object|item|subject|model|what|kind|figure|motif|product", "string", lex.noun),
]  # fmt: skip


def named_after(rng: Random) -> tuple[Tool, str, dict]:
    """A tool of invented purpose, one request to it and the arguments: only its own nouns tell it from the others."""
    a, b = (rng.choice(lex.NOUNS) if rng.random() < 0.8 else lex.blend(rng) for _ in "ab")
    v, w = rng.choice(DOING).split(":")
    words = {"a": a, "b": b, "v": v, "w": w, "A": a.capitalize(), "B": b.capitalize(), "V": v.capitalize()}
    name, about, *requests = rng.choice(SORTS)
    count = rng.choice([0, 1, 1, 1, 1, 2, 2])
    chosen = rng.sample(VALUES, count)
    values = [value(rng) for _, _, value in chosen]
    properties: dict[str, dict] = {}
    for names, kind, _ in chosen:
        key = rng.choice(names.split("|"))
        key = (
            key
            if rng.random() < 0.6
            else rng.choice([f"{a}_{key}", f"{b}_{key}", f"{key}_name", f"{lex.noun(rng)}_{key}", f"the_{key}"])
        )
        key = f"{b}_{key}" if key in properties else key
        properties[key] = {
            "type": kind,
            "description": choose(rng, f"[The |Which |A |]{key.replace('_', ' ')}[ of the {a}| for the {b}| to use||]")
            .strip()
            .capitalize(),
        }
    shown = [
        f"{{{i}}}"
        if rng.random() < 0.7
        else f"{{{i}}} {key.split('_')[-1]}"
        if spec["type"] == "integer"
        else f"{key.replace('_', ' ')} {{{i}}}"
        for i, (key, spec) in enumerate(properties.items())
    ]
    shown = [s if rng.random() < 0.25 else f"{{{i}}}" for i, s in enumerate(shown)]
    both = (
        rng.choice(["{0}, {1}", "{0} and {1}", "{0} with {1}", "{1}, {0}", "{0} for {1}", "{0} at {1}", "{1} in {0}"])
        if len(shown) == 2
        else "{0}"
    )
    slot = fill(both, **dict(zip("01", shown, strict=False))) if shown else ""
    text = choose(rng, rng.choice(requests[1] if shown else requests[0]))
    said = disorder(
        rng,
        fill(text.replace("{0}", "{slot}"), slot="\x00", **words).replace("\x00", slot)
        + rng.choice(["", ".", ".", "?", "?"]),
    )
    said = re.sub(r"\{(\d)\}", lambda m: str(values[int(m[1])]), said)
    spec = {
        "name": styled(rng, fill(rng.choice(name.split("|")), **words)),
        "description": fill(choose(rng, f"[{about}]"), **words) + rng.choice(["", "", "."]),
        "parameters": {"type": "object", "properties": properties, "required": list(properties)},
    }
    return Tool(spec, v, a, [], []), said, dict(zip(properties, values, strict=True))


def _short_result(rng: Random) -> tuple[str, str]:
    key, value = lex.noun(rng), lex.anything(rng)
    return compact({key: value}), f"The {key} is {value}."


def among(rng: Random) -> Chat:
    """One to five tools named after things; requests to some of them, and some to a tool that is not there."""
    made = [named_after(rng) for _ in range(rng.choice([2, 2, 3, 4, 5]))]
    made = list({tool.spec["name"]: (tool, said, arguments) for tool, said, arguments in made}.values())
    gone = made.pop() if len(made) > 1 and rng.random() < 0.4 else None
    messages = _head(rng)
    for tool, said, arguments in rng.sample(made, rng.randint(1, min(4, len(made)))):
        output, told = _short_result(rng) if rng.random() < 0.6 else result(rng, tool, arguments)
        messages += [user(said), pebble(calls=[(tool.spec["name"], arguments)]), Message("tool", output), pebble(told)]
    if gone:
        place = (
            next((i for i, m in enumerate(messages) if m.role == "user"), len(messages))
            if rng.random() < 0.7
            else len(messages)
        )
        messages[place:place] = [user(gone[1]), pebble(NO_TOOL)]
    elif rng.random() < 0.2:
        messages += _aside(rng)
    return Chat(messages, [tool.spec for tool, _, _ in made])


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
    return messages + (_aside(rng) if rng.random() < 0.12 else [])


def _aside(rng: Random) -> list[Message]:
    """Other talk, but never the sentence that says a tool is missing: a tool stands beside it that may fit."""
    messages = talk.aside(rng)
    return _aside(rng) if messages[-1].text == talk.LOOK_UP else messages


def _round(rng: Random, tool: Tool) -> list[Message]:
    text, arguments = request(rng, tool)
    output, told = result(rng, tool, arguments)
    return [user(text), pebble(calls=[(tool.spec["name"], arguments)]), Message("tool", output), pebble(told)]


Argument = tuple[str, Callable[[Random], object]]
LANGUAGE, ARTIST, SYMBOL, FREE, MINUTES = (
    next(t.value for t in THINGS if t.names.startswith(n))
    for n in ("language", "artist", "symbol", "message", "minutes")
)
# everyday tools, and the plain questions people ask of them: names, what it does, its arguments, how it is asked for
EVERYDAY: list[tuple[str, str, list[Argument], str]] = [
    ("get_weather|weather|current_weather|weather_report|check_weather", "[Get|Returns|Look up|Shows] the [current |]weather[ in a city| of a place| for a location|]", [("city|location|place|town", lex.place)],
     "[what is|what's|how is|how's] the weather[ like|] in {0}[ today| tomorrow| now|]?|[is it|will it be] [raining|sunny|cold|warm|windy|hot|nice] in {0}[ today|]?|do I need [an umbrella|a coat|sunglasses] in {0}?|the weather in {0}|[does|will] it [rain|snow] in {0}?|weather for {0}|how [cold|warm|hot] is it in {0}?"),
    ("get_temperature|temperature_in|city_temperature", "[Get|Read] the temperature of a [city|place]", [("city|place|location", lex.place)], "how [cold|warm|hot] is it in {0}?|what [is|'s] the temperature in {0}?|how many degrees [are there|does it have|is it] in {0}?"),
    ("get_local_time|world_clock|time_in_city", "[Get|Tell] the [local |]time in a [city|place]", [("city|place|zone", lex.place)], "what time is it in {0}?|what's the time in {0}?|how late is it in {0}[ now|]?|is it [night|morning|late] in {0}?"),
    ("get_stock_price|stock_quote|share_price", "[Get|Fetch] the price of a [stock|share]", [("symbol|ticker|stock", SYMBOL)], "what is {0} trading at?|how much is {0}[ worth| today|]?|what's the [stock |share |]price of {0}?|how is {0} doing[ today|]?|how [high|low] is {0}?"),
    ("get_news|news_about|latest_headlines", "[Get|Find] [the latest |]news[ about a topic| on a subject]", [("topic|subject|about", lex.phrase)], "what['s| is] new with {0}?|what happened with {0}?|any news about {0}?|what is going on with {0}?|what do they say about {0}?"),
    ("convert_money|exchange|currency_rate", "[Convert|Change] an amount [of money |]into another currency", [("amount|value|sum", lambda rng: rng.randint(2, 900)), ("currency|target|into", SYMBOL)], "how much is {0} in {1}?|what are {0} in {1}?|{0} to {1}[ please|]?|how many {1} do I get for {0}?"),
    ("define_word|dictionary|get_meaning", "[Explain|Look up] [a word|the meaning of a word]", [("word|term", lex.noun)], "what does {0} mean?|what is a {0}?|what's the meaning of {0}?|define {0}|is {0} a word?"),
    ("translate_text|translator|translate", "Translate [a text|words] into another language", [("text|words", lex.phrase), ("language|to|target_language", LANGUAGE)], "how do you say {0} in {1}?|what is {0} in {1}?|{0} in {1}[ please|]?|how would I write {0} in {1}?"),
    ("get_directions|find_way|route_planner", "[Find|Get] the way from one place to another", [("from|start|origin", lex.place), ("to|end|destination", lex.place)], "how do I get from {0} to {1}?|what is the [way|best way|fastest way] from {0} to {1}?|how far is it from {0} to {1}?|which road goes from {0} to {1}?"),
    ("find_flights|flight_search|list_flights", "[Find|List] flights between two cities", [("from|origin|departure", lex.place), ("to|destination|arrival", lex.place)], "is there a flight from {0} to {1}?|when can I fly from {0} to {1}?|which planes go from {0} to {1}?|I want to fly from {0} to {1}"),
    ("order_status|track_order|get_order|parcel_status", "[Get|Show|Check] the [status|state] of [an order|a parcel]", [("order_id|id|number|order", lex.code)], "where is [my order|my parcel|order|parcel] {0}?|when does [order|parcel] {0} arrive?|what happened to [my order|order] {0}?|has {0} been sent[ yet|]?|is {0} on its way?"),
    ("set_timer|start_timer|kitchen_timer", "[Start|Set] a timer", [("minutes|duration", MINUTES)], "wake me in {0} minutes|tell me when {0} minutes are over|{0} minutes[ please|], go|count down {0} minutes|I need {0} minutes for the eggs"),
    ("set_alarm|wake_up_call|alarm", "Set an alarm", [("time|at", lex.clock)], "wake me [up |]at {0}|I have to get up at {0}|get me out of bed at {0}|I want to sleep until {0}"),
    ("add_reminder|remind_me|create_reminder", "[Remind the user of something|Add a reminder]", [("text|what|message", FREE), ("time|when|at", lex.clock)], "remind me at {1}: {0}|at {1} remind me: {0}|don't let me forget at {1}: {0}"),
    ("send_text|write_message|send_note", "Send a message to a person", [("to|person|recipient", lex.name), ("text|message|body", FREE)], "tell {0}: {1}|let {0} know: {1}|text {0}: {1}|write to {0}: {1}|say to {0}: {1}"),
    ("call_contact|phone_call|dial_person", "Call [a person|somebody] on the phone", [("name|person|contact", lex.name)], "call {0}|ring {0}[ up|]|I want to [talk to|speak with] {0}|get {0} on the phone|can you phone {0}?"),
    ("find_person|get_contact|employee_info", "[Find|Get] [a person|the data of an employee|a contact]", [("name|person|who", lex.full_name)], "who is {0}?|where does {0} sit?|how do I reach {0}?|what is the number of {0}?|do you know {0}?"),
    ("play_music|start_song|play_artist", "Play music [of|by] an artist", [("artist|band|singer", ARTIST)], "I want to hear {0}|put on {0}|something by {0}[ please|]|can you play {0}?|play {0}"),
    ("find_recipe|get_recipe|cook_book", "[Find|Get] a recipe[ for a dish|]", [("dish|food|query", lex.noun)], "how do I [cook|make|bake] {0}?|how is {0} made?|what do I need for {0}?|I want to cook {0}"),
    ("search_web|web_search|internet_search", "Search the [web|internet]", [("query|q|keywords", lex.phrase)], "look up {0}|what can you find on {0}?|google {0}|search for {0}|find something about {0}"),
    ("book_table|reserve_table|table_booking", "[Book|Reserve] a table", [("guests|people", lambda rng: rng.randint(2, 12)), ("time|at", lex.clock)], "a table for {0} at {1}[ please|]|we are {0} and come at {1}|we want to eat at {1}, {0} of us|can {0} people eat at {1}?"),
    ("get_events|calendar_day|agenda", "[List|Show] the events of a day", [("date|day", lex.date)], "what do I have on {0}?|am I free on {0}?|what is planned [for|on] {0}?|do I have time on {0}?"),
    ("account_balance|get_balance|bank_balance", "Get the balance of an account", [("account|account_id|number", lex.code)], "how much money is [on|in] {0}?|what is left on [account |]{0}?|what's the balance of {0}?"),
    ("switch_light|light_on|set_light", "Switch on the light[ in a room|]", [("room|place|where", lex.noun)], "it is dark in the {0}|light in the {0}[ please|]|I can't see anything in the {0}|make it bright in the {0}"),
    ("opening_hours|shop_hours|when_open", "[Get|Show] the opening hours of a [shop|place]", [("name|shop|place", lex.full_name)], "when does {0} open?|is {0} open[ now|]?|when does {0} close?|until when is {0} open?"),
    ("get_population|city_facts|count_people", "[Get|Look up] how many people live in a city", [("city|place|name", lex.place)], "how many people live in {0}?|how big is {0}?|is {0} a big city?"),
    ("calculate|calculator|evaluate", "[Calculate|Evaluate] an expression", [("expression|formula|input", lambda rng: f"{rng.randint(2, 999)} {rng.choice('+-*/')} {rng.randint(2, 999)}")], "what is {0}?|how much is {0}?|{0}|calculate {0}"),
    ("random_number|dice|roll_dice", "[Roll a dice|Draw a random number]", [], "roll a dice|give me a random number|throw the dice|pick a number"),
    ("list_users|get_users|all_users", "List [all |]users", [], "which users [are there|do we have]?|who has an account?|show me the users|how many users are there?"),
]  # fmt: skip


def everyday(rng: Random) -> tuple[Tool, str, dict]:
    """One everyday tool with a plain question for it and the arguments in it."""
    names, about, inputs, asked = rng.choice(EVERYDAY)
    name = rng.choice(names.split("|"))
    keys = [rng.choice(key.split("|")) for key, _ in inputs]
    values = [value(rng) for _, value in inputs]
    properties = {
        styled(rng, key): {"type": "integer" if isinstance(value, int) else "string"}
        | ({"description": key.replace("_", " ").capitalize()} if rng.random() < 0.4 else {})
        for key, value in zip(keys, values, strict=True)
    }
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    spec = {"name": styled(rng, name), "description": choose(rng, about) + rng.choice(["", ".", "."]), "parameters": parameters}  # fmt: skip
    template = choose(rng, asked)
    said = disorder(rng, re.sub(r"\{(\d)\}", r"{v\1}", rng.choice(template.split("|"))).strip())
    text = fill(said, **{f"v{i}": value for i, value in enumerate(values)})
    return Tool(spec, "get", name.replace("_", " "), [], []), text, dict(zip(properties, values, strict=True))


def direct(rng: Random) -> Chat:
    """A plain question, and a tool is offered that answers it: call it. Alone, or among tools for other things."""
    wanted = [everyday(rng) for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    wanted = list({tool.spec["description"].split()[-1]: (tool, text, a) for tool, text, a in wanted}.values())
    wanted = list({tool.spec["name"]: (tool, text, a) for tool, text, a in wanted}.values())
    tools = [tool.spec for tool, _, _ in wanted] + [t.spec for t in toolbox(rng, rng.choice([0, 0, 1, 2]))]
    rng.shuffle(tools)
    messages = _head(rng)
    for tool, text, arguments in wanted:
        output, told = result(rng, tool, arguments)
        messages += [user(text), pebble(calls=[(tool.spec["name"], arguments)]), Message("tool", output), pebble(told)]
    return Chat(messages, tools)


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
        messages += _aside(rng)
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
