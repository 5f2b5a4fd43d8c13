# ruff: noqa: E501
"""Structured output: JSON by a schema, with the right values taken from a text."""

from __future__ import annotations

import json
from random import Random

from outcrop.evaluation.pebble.item import Item, user
from outcrop.evaluation.pebble.tools import C, N, P, W, argument

RECORDS = [  # text, and field -> (type, value kind)
    ("Hi team, {traveller} will be flying into {airport_city} and stays {nights_booked} nights.", {"traveller": ("string", N), "airport_city": ("string", P), "nights_booked": ("integer", "small")}),
    ("The vet saw {pet_name} this morning; at {weight_in_kg} kilos all is well.", {"pet_name": ("string", N), "weight_in_kg": ("integer", "small")}),
    ("Invoice {invoice_code} went to {billed_party} and amounts to {euros} euros.", {"invoice_code": ("string", C), "billed_party": ("string", N), "euros": ("integer", "small")}),
    ("Winner of the regatta in {host_town} is {winner}, ahead of {boats} boats.", {"winner": ("string", N), "host_town": ("string", P), "boats": ("integer", "small")}),
    ("A {lost_object} was handed in at {found_in}; the finder is {finder}.", {"lost_object": ("string", W), "found_in": ("string", P), "finder": ("string", N)}),
    ("Chef {chef} opened a place in {where_opened} where {tables} tables are waiting.", {"chef": ("string", N), "where_opened": ("string", P), "tables": ("integer", "small")}),
    ("Parcel {parcel_code} is stuck in {stuck_in}, {days_late} days behind plan.", {"parcel_code": ("string", C), "stuck_in": ("string", P), "days_late": ("integer", "small")}),
    ("{lecturer} taught {pupils} pupils how to draw a {drawn_object}.", {"lecturer": ("string", N), "pupils": ("integer", "small"), "drawn_object": ("string", W)}),
    ("Our rover {rover_code} drove {metres} metres before it met a {obstacle}.", {"rover_code": ("string", C), "metres": ("integer", "small"), "obstacle": ("string", W)}),
    ("Book club: {host} hosts in {meeting_city}, bring a {bring}.", {"host": ("string", N), "meeting_city": ("string", P), "bring": ("string", W)}),
]  # fmt: skip
ASKS = [
    "Distil the following into the schema: {t}",
    "{t}\n\nWhat does that come to as structured data?",
    "Here's a line from my inbox, capture its particulars: {t}",
    "{t}",
]


def structured(rng: Random) -> Item:
    """A schema (sent as outputConfig) and a text that holds the values; every second prompt shows the keys too."""
    text, fields = rng.choice(RECORDS)
    record = {key: argument(rng, kind) for key, (_, kind) in fields.items()}
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, (kind, _) in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }
    asked = rng.choice(ASKS).format(t=text.format(**record))
    system = "Produce a JSON object whose members are: " + ", ".join(fields) if rng.random() < 0.5 else ""
    return Item([user(asked)], lambda r: _json(r.text) == record, system=system, schema=schema)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
