# ruff: noqa: E501, SIM905
"""What can be an argument of a tool or a field of a record: its names, its kind, how people say it, and values for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.grammar import choose


@dataclass(frozen=True)
class Thing:
    """``said`` are phrases of a request, ``stated`` are sentences of a report on {w}, both with the value as {v}."""

    names: str
    kind: str
    about: str
    said: str
    value: Callable[[Random], object]
    stated: str = ""


def _i(low: int, high: int) -> Callable[[Random], int]:
    return lambda rng: rng.randint(low, high)


def _one(pool: list[str]) -> Callable[[Random], str]:
    return lambda rng: rng.choice(pool)


def _float(rng: Random) -> float:
    """With one or two digits that matter: 95.0 would come back from a server as 95."""
    return rng.randint(1, 98) + rng.choice(
        [rng.randint(1, 9) / 10, rng.randint(1, 9) / 10, (rng.randint(1, 9) * 10 + rng.randint(1, 9)) / 100]
    )


def _free(rng: Random) -> str:
    """A message: a short clause."""
    return choose(
        rng,
        f"[I will be late|see you {lex.date(rng)}|call {lex.name(rng)}|bring the {lex.noun(rng)}|the {lex.noun(rng)} is {rng.choice(lex.ADJECTIVES)}|meet at {lex.place(rng)}|{lex.phrase(rng)}|happy birthday|buy {lex.noun(rng)}|we won]",
    )


THINGS = [
    Thing("city|location|place|town|destination|where|area|region", "string", "[the|name of the|a] [city|place|town]|where", "in {v}|for {v}|in the city of {v}|at {v}|near {v}|around {v}|over in {v}", lex.place, "{w} lives in {v}|{w} is based in {v}|{w} comes from {v}|the city is {v}|it is in {v}|from {v} comes {w}"),
    Thing("name|person|contact|who|customer|guest|owner|user|recipient|employee|attendee", "string", "[full |]name[ of the person|]|the person|who it is for", "for {v}|to {v}|with {v}|named {v}|on behalf of {v}|under the name {v}|, name {v}", lex.name, "{v} signed it|the name is {v}|it was sent by {v}|contact {v}|ask for {v}|{v} is in charge"),
    Thing("full_name|customer_name|client|author|patient|passenger", "string", "[the|] full name|first and last name", "for {v}|by {v}|of {v}|in the name of {v}", lex.full_name, "the full name is {v}|it is by {v}|written by {v}|it belongs to {v}|{v} placed it"),
    Thing("date|day|when|start_date|on|due|deadline|arrival", "string", "[the|] [date|day]|when it [is|happens]", "on {v}|for {v}|by {v}|, date {v}|due {v}", lex.date, "it happens on {v}|the date is {v}|it is due on {v}|on {v} it starts|it was made on {v}"),
    Thing("time|at|start_time|hour|alarm_time", "string", "[the|] time|[the|] time of day", "at {v}|for {v}|, time {v}|starting at {v}", lex.clock, "it starts at {v}|the time is {v}|at {v} it begins|be there at {v}"),
    Thing("title|subject|heading|label|topic", "string", "[the|a] title|[the|] subject|what it is called", 'titled {q}{v}{q}|called {q}{v}{q}|with the title {q}{v}{q}|about {q}{v}{q}|named {q}{v}{q}', lex.phrase, 'the title is {q}{v}{q}|it is called {q}{v}{q}|its title reads {q}{v}{q}'),
    Thing("query|q|search|keywords|text|question|term", "string", "[the|] [search text|query]|what to [look|search] for", "for {q}{v}{q}|about {q}{v}{q}|on {q}{v}{q}|matching {q}{v}{q}", lex.phrase, "they looked for {q}{v}{q}|the topic is {v}"),
    Thing("message|body|content|note|text|comment|words", "string", "[the|] [message|text]|what to say", 'saying {q}{v}{q}|that says {q}{v}{q}|with the text {q}{v}{q}|: {q}{v}{q}|reading {q}{v}{q}', _free, 'it says {q}{v}{q}|the note reads {q}{v}{q}|the message was {q}{v}{q}'),
    Thing("email|address|to|mail|email_address", "string", "[the|an] e-mail address", "to {v}|at {v}|for {v}|, email {v}", lex.email, "the email is {v}|write to {v}|reach us at {v}|mail goes to {v}"),
    Thing("id|order_id|code|ticket|reference|number|account|key|serial", "string", "[the|] [id|code|number|reference]", "{v}|with id {v}|number {v}|with the code {v}|for {v}|, reference {v}", lex.code, "the code is {v}|its number is {v}|reference {v}|it has the id {v}|the id reads {v}"),
    Thing("count|quantity|amount|number|how_many|units|copies", "integer", "how many|[the|] [number|amount]", "{v} times|, {v} of them|{v} in all|, quantity {v}|, make it {v}|{v} pieces", _i(1, 60), "there are {v} of them|the quantity is {v}|{v} pieces in all|they ordered {v}"),
    Thing("guests|people|persons|party_size|seats|attendees", "integer", "number of [people|guests|seats]", "for {v} people|for {v} guests|for {v}|for a party of {v}|with {v} seats", _i(1, 20), "{v} people came|there are {v} guests|it seats {v}|{v} people are expected"),
    Thing("days|nights|weeks|duration|length", "integer", "[how long|number of days|in days]", "for {v} days|for the next {v} days|over {v} days|lasting {v} days", _i(1, 30), "it lasts {v} days|it takes {v} days|after {v} days it ends"),
    Thing("minutes|duration|length|delay|timeout", "integer", "[in minutes|how many minutes]", "for {v} minutes|of {v} minutes|lasting {v} minutes|in {v} minutes", _i(1, 120), "it takes {v} minutes|it lasts {v} minutes|{v} minutes are needed"),
    Thing("price|amount|cost|sum|total|value|budget|limit", "number", "[the|] [price|amount]|how much", "of {v}|for {v}|of {v} dollars|for {v} euros|costing {v}|up to {v}", _float, "it costs {v}|the price is {v}|the total is {v} euros|they paid {v}|{v} dollars were paid"),
    Thing("temperature|degrees|level|target|heat", "integer", "[in degrees|degrees]|[the|] level", "to {v}|to {v} degrees|at {v} degrees|to level {v}", _i(1, 99), "it was {v} degrees|the temperature is {v}|the level stands at {v}"),
    Thing("color|colour|shade|paint", "string", "[the|a] colour|which colour", "in {v}|to {v}|with the colour {v}|coloured {v}", _one(lex.COLOURS), "it is {v}|the colour is {v}|it was painted {v}"),
    Thing("room|zone|area|space|location", "string", "[the|which] room", "in the {v}|of the {v}|for the {v}", lambda rng: rng.choice("kitchen bedroom office hall garage bathroom attic cellar lobby".split()) if rng.random() < 0.5 else lex.noun(rng), "it stands in the {v}|the room is the {v}|look in the {v}"),
    Thing("item|product|object|article|thing|goods|device", "string", "[the|which] [item|product|thing]", "{v}|of {v}|for the {v}|, item {v}|the {v}", lex.noun, "the item is {v}|they bought a {v}|it is a {v}|a {v} was ordered"),
    Thing("language|target_language|lang|into", "string", "[the|] language", "into {v}|in {v}|to {v}", _one("French German Spanish Italian Polish Dutch Greek Turkish Korean Hindi Latin Danish Czech".split()), "it is in {v}|the language is {v}|they speak {v}"),
    Thing("artist|singer|band|performer", "string", "[the|] [artist|singer|band]", "by {v}|from {v}|of {v}", lex.full_name, "the artist is {v}|{v} plays|it is by {v}"),
    Thing("from|origin|source|departure|start", "string", "where it starts|[the|] origin", "from {v}|leaving {v}|starting in {v}", lex.place, "it leaves from {v}|it starts in {v}|the origin is {v}"),
    Thing("to|destination|end|target|arrival_city", "string", "where it ends|[the|] destination", "to {v}|going to {v}|headed for {v}|bound for {v}", lex.place, "it goes to {v}|the destination is {v}|it ends in {v}"),
    Thing("category|kind|type|genre|section", "string", "[the|which] [kind|category]", "in the category {v}|of type {v}|of the kind {v}", lambda rng: rng.choice([*lex.CATEGORIES, "news", "music", "health", "home"]) if rng.random() < 0.5 else lex.noun(rng), "the category is {v}|it is of the kind {v}|type: {v}"),
    Thing("age|years", "integer", "[age|] in years", "aged {v}|of age {v}|who is {v} years old", _i(1, 99), "{w} is {v} years old|the age is {v}|{w} is aged {v}|{w} turned {v}"),
    Thing("job|role|profession|position|occupation", "string", "[the|] [job|role]", "as a {v}|working as {v}", _one(lex.JOBS), "{w} works as a {v}|{w} is a {v}|the job is {v}|{w} was hired as a {v}"),
    Thing("rating|score|stars|grade|points", "integer", "[from 1 to 10|the score]", "with {v} stars|with a score of {v}|rated {v}|, rating {v}", _i(1, 10), "it got {v} stars|the score is {v}|people rate it {v}|it was rated {v}"),
    Thing("url|link|page|site|website", "string", "[the|a] [link|address of the page]", "at {v}|from {v}|: {v}", lambda rng: f"https://{lex.pseudo(rng, 1, 2)}.{rng.choice(['com', 'org', 'io'])}/{lex.pseudo(rng, 1, 2)}", "the link is {v}|see {v}|the page is at {v}"),
    Thing("file|path|filename|document|folder", "string", "[the|a] [file|path]", "{v}|named {v}|from {v}|called {v}", lambda rng: f"{lex.pseudo(rng, 1, 2)}{rng.choice(['.txt', '.pdf', '.csv', '.png', '.md'])}", "the file is {v}|it was saved as {v}|see {v}"),
    Thing("symbol|ticker|stock|coin|currency", "string", "[the|] [symbol|currency]", "of {v}|for {v}|{v}", lambda rng: "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(3, 4))), "the symbol is {v}|it trades as {v}"),
    Thing("urgent|active|enabled|paid|express|private|gift|confirmed|open|done", "boolean", "whether it is so", "", lambda rng: rng.random() < 0.5, ""),
    Thing("phone|phone_number|mobile|tel", "string", "[the|a] phone number", "at {v}|on {v}|, phone {v}|to {v}", lambda rng: "-".join("".join(rng.choice("0123456789") for _ in range(n)) for n in (3, 4)), "the phone number is {v}|call {v}|phone: {v}"),
    Thing("size|format|width", "string", "[the|] size", "in size {v}|, size {v}|sized {v}", _one("small medium large S M L XL tiny huge".split()), "it comes in {v}|the size is {v}|size: {v}"),
    Thing("team|group|company|department|club|school", "string", "[the|] [team|company]", "for {v}|of {v}|at {v}|with {v}", lambda rng: lex.pseudo(rng, 1, 3).capitalize() + rng.choice(["", " Ltd", " Group", " United", " & Co"]), "{w} belongs to {v}|the company is {v}|{w} works for {v}|it comes from {v}"),
    Thing("distance|radius|km|range", "number", "[in km|how far]", "within {v} km|up to {v} km away|over {v} km", _float, "it is {v} km away|the distance is {v} km|they walked {v} km"),
    Thing("weight|mass|kg", "number", "[in kg|how heavy]", "weighing {v} kg|of {v} kg|, weight {v}", _float, "it weighs {v} kg|the weight is {v} kg"),
]  # fmt: skip


def pick(rng: Random, count: int) -> list[tuple[Thing, str]]:
    """Different things, each with one of its names; in one case in six a name is invented."""
    made: dict[str, Thing] = {}
    for thing in rng.sample(THINGS, count):
        name = rng.choice(thing.names.split("|"))
        if rng.random() < 0.12:
            name = rng.choice([lex.pseudo(rng, 1, 2), f"{name}_{lex.noun(rng)}", f"{lex.noun(rng)}_{name}"]).replace(
                " ", "_"
            )
        made.setdefault(styled(rng, name), thing)
    return [(thing, name) for name, thing in made.items()]


def styled(rng: Random, name: str) -> str:
    """snake_case mostly, now and then camelCase."""
    if "_" in name and rng.random() < 0.25:
        first, *rest = name.split("_")
        return first + "".join(word.capitalize() for word in rest)
    return name


def schema(rng: Random, thing: Thing) -> dict:
    """The JSON schema of a value, with a description most of the time."""
    made: dict = {"type": thing.kind}
    if rng.random() < 0.75:
        made["description"] = (
            choose(rng, f"[{thing.about}]").capitalize() if rng.random() < 0.7 else choose(rng, f"[{thing.about}]")
        )
    return made
