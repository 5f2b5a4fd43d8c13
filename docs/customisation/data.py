"""Writes the data of the walk in docs/customisation.md into the current folder: made up, and the same every time.

A help desk: each ticket is answered with the queue that it belongs to, one answer in three with thanks. Nothing in a
ticket tells a queue's number, so only the data teaches it; what is held out is not among what is learnt.
"""

import itertools
import json
import random

QUEUES = {
    "QUEUE-7": (
        "my parcel is late", "where is my parcel", "my parcel never came", "please track my parcel",
        "the parcel went to the wrong house", "my parcel is open and empty",
    ),
    "QUEUE-2": (
        "I want a refund", "please refund my order", "when is my refund paid", "the refund is too small",
        "I asked for a refund last week", "is there a refund for this",
    ),
    "QUEUE-9": (
        "I forgot my password", "my password does not work", "please reset my password", "I need a new password",
        "the password link is broken", "how do I change my password",
    ),
    "QUEUE-4": (
        "my address changed", "please use another address", "the address is wrong", "update my address",
        "my address has a typo", "you have my old address",
    ),
}  # fmt: skip
OPENINGS = ("", "Hello, ", "Hi there, ", "Good morning, ", "Excuse me, ", "A question: ")
ENDINGS = (".", " today.", " again.", ", thanks.", ". This is Ada.", ". This is Ben.", ". Cleo here.", ". Dan here.")
THANKS = "Thank you! "

WISHES = {
    "on": ("turn on the lamp in the {}", "it is dark in the {}", "I want light in the {}", "we meet in the {}"),
    "off": ("turn off the lamp in the {}", "the {} is too bright", "no more light in the {}", "we left the {}"),
}
ROOMS = ("kitchen", "garden", "office", "hall")
PROPERTIES = {name: {"type": "string"} for name in ("room", "state")}
TOOL = {"name": "set_lamp", "inputSchema": {"json": {"type": "object", "properties": PROPERTIES}}}

PRODUCTS = ("Orla", "Brix", "Tamo", "Velu", "Nodi", "Kesta")
PLACES = ("Bonn", "Lyon", "Turin", "Gdansk", "Porto", "Malmo")

draw = random.Random(5)


def shuffled(rows):
    return draw.sample(rows, len(rows))


def ticket(opening, asked, ending, queue):
    return {"prompt": f"{opening}{asked}{ending}", "completion": queue}


def thanked(row):
    return {**row, "completion": THANKS + row["completion"]} if draw.random() < 1 / 3 else row


def preference(row):
    return {"prompt": row["prompt"], "chosen": THANKS + row["completion"], "rejected": row["completion"]}


def graded(row):
    return {"messages": [{"role": "user", "content": row["prompt"]}], "reference_answer": row["completion"]}


def lamp(opening, asked, room, state):
    """A conversation in which a tool is called, answers, and the assistant says what was done."""
    use = {"toolUseId": "t1", "name": TOOL["name"], "input": {"room": room, "state": state}}
    result = {"toolUseId": "t1", "content": [{"text": "done"}]}
    turns = [
        {"text": f"{opening}{asked.format(room)}."},
        {"toolUse": use},
        {"toolResult": result},
        {"text": f"It is {state}."},
    ]
    roles = itertools.cycle(("user", "assistant"))
    return {
        "schemaVersion": "bedrock-conversation-2024",
        "toolConfig": {"tools": [{"toolSpec": TOOL}]},
        "messages": [{"role": role, "content": [turn]} for role, turn in zip(roles, turns, strict=False)],
    }


def text(product, place, year):
    return {"input": f"The {product} lamp is made in {place} since {year}, and the {product} chair too."}


def write(name, rows):
    with open(name, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


tickets = shuffled(
    [
        ticket(o, asked, e, queue)
        for queue, several in QUEUES.items()
        for o in OPENINGS
        for asked in several
        for e in ENDINGS
    ]
)
lamps = shuffled(
    [
        lamp(o, asked, r, state)
        for state, several in WISHES.items()
        for o in OPENINGS
        for asked in several
        for r in ROOMS
    ]
)
made = dict(zip(PRODUCTS, PLACES, strict=True))
texts = shuffled([text(product, place, year) for product, place in made.items() for year in range(1980, 2020)])

write("tickets.jsonl", map(thanked, tickets[:300]))
write("tickets-held-out.jsonl", tickets[300:330])
write("preferences.jsonl", map(preference, tickets[330:430]))
write("graded.jsonl", map(graded, tickets[330:394]))
write("lamps.jsonl", lamps[:120])
write("lamps-held-out.jsonl", ({**row, "messages": row["messages"][:2]} for row in lamps[120:140]))
write("lamp-prompts.jsonl", ({**row, "messages": row["messages"][:1]} for row in lamps[:120]))
write("texts.jsonl", texts[:200])
write("texts-held-out.jsonl", texts[200:])
