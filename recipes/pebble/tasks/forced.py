# ruff: noqa: E501
"""Calls that a caller insists on: a grammar writes the call as bare JSON, without the tag that begins a call of the model's own choice."""

from __future__ import annotations

from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import HARDLY, LEARN, Chat, Span, compact, pebble, user
from recipes.pebble.grammar import ask, choose
from recipes.pebble.tasks import records, talk, tools
from recipes.pebble.tasks.things import styled

UNKNOWN = {"string": "unknown", "integer": 0, "number": 0, "boolean": False}  # what no one said


def forced(rng: Random) -> Chat:
    """A request to a tool, or a text that it is to be filled from; now and then nothing that helps, and the arguments are marked as unknown."""
    kind = rng.random()
    if kind < 0.4:
        specs, text, name, arguments = _filled(rng)
    elif kind < 0.65:
        made = tools.toolbox(rng, rng.choice([1, 1, 2, 3]))
        tool = rng.choice(made)
        specs, name = [t.spec for t in made], tool.spec["name"]
        text, arguments = tools.request(rng, tool)
    else:
        tool, text, arguments = (tools.everyday if rng.random() < 0.4 else tools.named_after)(rng)
        others = [t.spec for t in tools.toolbox(rng, rng.choice([0, 0, 1, 2])) if t.spec["name"] != tool.spec["name"]]
        specs, name = rng.sample([tool.spec, *others], len(others) + 1), tool.spec["name"]
    if rng.random() < 0.12:
        text, arguments = _beside(rng, next(spec for spec in specs if spec["name"] == name))
    messages = [talk.system(rng)] if rng.random() < 0.2 else []
    return Chat([*messages, user(text), pebble(_bare(name, arguments, len(specs) > 1))], specs)


def vague(rng: Random) -> Chat:
    """The only tool says nothing of what it is for, as libraries write it that want a class filled; its arguments do, and the request has them all."""
    if rng.random() < 0.4:
        spec, text, name, arguments = _filled(rng)
        spec = spec[0]
    else:
        tool, text, arguments = (tools.everyday if rng.random() < 0.6 else tools.named_after)(rng)
        spec, name = tool.spec, tool.spec["name"]
    if rng.random() < 0.6:
        stem = rng.choice([name, name, rng.choice(tools.OBJECTS).split("|")[0], lex.noun(rng)]).replace("_", " ")
        name = choose(
            rng,
            f"[[Typed|Strict|New|{lex.pseudo(rng)}] {stem}|{stem} [model|schema|class|output|form]|final [answer|output|reply]|[output|answer|response|reply|arguments]]",
        )
        name = styled(rng, name.lower().replace(" ", "_"))
        name = name.title().replace("_", "") if rng.random() < 0.4 else name
    about = choose(
        rng,
        f"[[[Rightly|Fully|Properly|Duly] |][read|filled|parsed|typed|validated|taken] [`{name}`|{name}|arguments|data|fields|values] [with all the [needed|right|given] [arguments|fields|values]|in the right types||]|The last [reply|answer] of the conversation|]",
    )
    spec = {**spec, "name": name, "description": about.strip()}
    messages = [talk.system(rng)] if rng.random() < 0.1 else []
    return Chat([*messages, user(text), pebble(_bare(name, arguments, choice=False))], [spec])


def _filled(rng: Random) -> tuple[list[dict], str, str, dict]:
    """A record as the arguments of the only tool: how applications get structured output from a model that has tools."""
    while True:
        text, record, schema, missing = records.case(rng)
        if not missing:
            break
    noun = rng.choice(tools.OBJECTS).split("|")[0] if rng.random() < 0.6 else lex.noun(rng).replace(" ", "_")
    verb = rng.choice(["", "", "save_", "extract_", "record_", "make_", "fill_", "create_", "store_", "return_"])
    name = verb + noun if verb else noun.title().replace("_", "")
    shown = noun.replace("_", " ")
    about = choose(
        rng,
        f"[|[Extract|Save|Record|Return|Create|Store] [a|the] {shown}|[Data|Information|Facts] [about|on|of] [a|the] {shown}|[A|The] {shown}][.|]",
    )
    if rng.random() < 0.4:
        for key, field in schema["properties"].items():
            field["description"] = (
                choose(rng, f"[The |A |Which |]{key.replace('_', ' ')}[ of the {shown}||]").strip().capitalize()
            )
    order = ask(rng, rng.choice(records.EXTRACT)) if rng.random() < 0.4 else ""
    spec = {"name": styled(rng, name), "description": about.strip(" ."), "parameters": schema}
    return [spec], f"{order}\n{text}".strip(), spec["name"], record


def _beside(rng: Random, spec: dict) -> tuple[str, dict]:
    """Talk that has nothing to do with the tool."""
    asked = next(message for message in talk.aside(rng) if message.role == "user")
    kinds = {key: field["type"] for key, field in spec["parameters"]["properties"].items()}
    required = spec["parameters"]["required"]
    return str(asked.text), {key: UNKNOWN[kind] for key, kind in kinds.items() if key in required}


def _bare(name: str, arguments: dict, choice: bool) -> list[Span]:
    """The call; its name is learnt where there is a choice, its beginning hardly (see ``records``)."""
    return [
        ('{"', HARDLY),
        ('name": "', HARDLY),
        (name, LEARN if choice else HARDLY),
        ('", "arguments": ' + compact(arguments) + "}", LEARN),
    ]
