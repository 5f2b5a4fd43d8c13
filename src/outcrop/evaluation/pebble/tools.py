# ruff: noqa: E501
"""Tool use: the right tool of up to five unseen ones, its arguments copied exactly, silence when none fits, and the result in the answer."""

from __future__ import annotations

from random import Random

from outcrop.evaluation.pebble.item import Item, says, user
from outcrop.evaluation.pebble.words import NAMES, NOUNS, PLACES, VALUES

P, N, C, W = "place", "name", "code", "noun"
TOOLS: list[tuple[str, str, dict[str, tuple[str, str, str]], list[str]]] = [
    # name, description, argument -> (type, description, kind of value), requests
    ("tide_times", "Tide table of a harbour", {"harbour": ("string", "Harbour town", P)}, ["At what hours is high tide in {harbour}?", "I'm sailing soon, give me the tide table of {harbour}."]),
    ("dim_ceiling_lights", "Dim the ceiling lights", {"percent": ("integer", "Brightness in percent", "small")}, ["It's too bright: dim the ceiling lights to {percent} percent.", "Ceiling lights down to {percent}, please."]),
    ("lookup_warranty", "Look up the warranty of an appliance", {"serial_no": ("string", "Serial number", C)}, ["Is the appliance {serial_no} under warranty still?", "Warranty for my appliance, it's {serial_no}."]),
    ("hire_kayak", "Hire a kayak", {"lake_town": ("string", "Town at the lake", P), "hours": ("integer", "For how many hours", "small")}, ["We'd love a kayak in {lake_town} for {hours} hours.", "Get us a kayak, {hours} hours, {lake_town}."]),
    ("feed_aquarium_fish", "Feed the fish in the aquarium", {"grams": ("integer", "Grams of food", "small")}, ["The fish in the aquarium look hungry, {grams} grams should do.", "Feed the aquarium fish {grams} grams."]),
    ("nominate_volunteer", "Nominate a volunteer", {"volunteer": ("string", "The volunteer's name", N)}, ["I'd nominate {volunteer} as a volunteer.", "Put forward {volunteer} as our volunteer."]),
    ("count_inventory_shelf", "Count the inventory of a shelf", {"shelf_id": ("string", "Shelf code", C)}, ["How much inventory sits on shelf {shelf_id}?", "Do an inventory count for shelf {shelf_id}."]),
    ("raise_elevator", "Raise the elevator to a floor", {"floor": ("integer", "Floor number", "small")}, ["Take the elevator up to floor {floor}.", "Elevator to {floor}, please."]),
    ("air_quality_index", "Air quality index of a city", {"city_name": ("string", "Name of the city", P)}, ["How polluted is the air in {city_name}?", "Air quality for {city_name}?"]),
    ("fire_up_sauna", "Heat the sauna", {"celsius": ("integer", "Degrees Celsius", "small")}, ["Could the sauna be at {celsius} degrees tonight?", "Heat the sauna to {celsius}."]),
    ("grant_building_access", "Grant a visitor access to the building", {"visitor": ("string", "Visitor's name", N), "entrance": ("string", "Entrance code", C)}, ["Let {visitor} in through entrance {entrance}.", "Give building access to our visitor {visitor}, entrance {entrance}."]),
    ("pollen_level", "Pollen level in a region", {"region": ("string", "Name of the region", P)}, ["My nose is running, what's the pollen like in {region}?", "Tell me the pollen level of {region}."]),
    ("donate_blood_slot", "Reserve a slot to donate blood", {"donor": ("string", "Donor's name", N), "clinic_city": ("string", "City of the clinic", P)}, ["{donor} would like to donate blood in {clinic_city}.", "A blood donation slot for {donor} in {clinic_city}, please."]),
    ("rename_spaceship", "Rename the spaceship", {"new_name": ("string", "The new name", N)}, ["From now on the spaceship shall be {new_name}.", "Rename our spaceship to {new_name}."]),
    ("telescope_pointing", "Point the telescope at an object", {"object_code": ("string", "Catalogue code", C)}, ["I want to see {object_code} through the telescope.", "Point the telescope to {object_code}."]),
    ("ski_conditions", "Ski and snow conditions of a resort", {"resort": ("string", "Resort town", P)}, ["Any snow for skiing in {resort}?", "How are ski conditions around {resort}?"]),
    ("mute_microphone", "Mute a participant's microphone", {"participant": ("string", "Participant's name", N)}, ["{participant} is noisy, mute that microphone.", "Mute the microphone of {participant}."]),
    ("recycle_battery_pickup", "Request a pickup of old batteries", {"town": ("string", "Town", P), "boxes": ("integer", "Number of boxes", "small")}, ["We have {boxes} boxes of old batteries in {town} for pickup.", "Pick up {boxes} boxes of batteries in {town}."]),
    ("ferret_adoption", "Adopt a ferret", {"adopter": ("string", "Name of the adopter", N)}, ["{adopter} wants to adopt a ferret.", "Register a ferret adoption for {adopter}."]),
    ("brew_espresso", "Brew espresso", {"cups": ("integer", "Number of cups", "small")}, ["{cups} cups of espresso, if you'd be so kind.", "Brew me {cups} espressos."]),
    ("horoscope_of_sign", "Horoscope of a person", {"person_name": ("string", "Name of the person", N)}, ["What do the stars hold for {person_name}? I want the horoscope.", "Horoscope for {person_name}, go."]),
    ("quarantine_laptop", "Quarantine a laptop on the network", {"asset_tag": ("string", "Asset tag", C)}, ["Laptop {asset_tag} acts weird, quarantine it.", "Put the laptop {asset_tag} in quarantine."]),
    ("carpool_seat", "Offer a carpool seat", {"leaving_from": ("string", "Town of departure", P), "going_to": ("string", "Town of arrival", P)}, ["I have a carpool seat free from {leaving_from} to {going_to}.", "Offer a seat in my carpool, {leaving_from} to {going_to}."]),
    ("knit_pattern", "Find a knitting pattern", {"thing_to_knit": ("string", "What to knit", W)}, ["I'd like to knit a {thing_to_knit}, is there a pattern?", "Knitting pattern of a {thing_to_knit}?"]),
]  # fmt: skip
CHAT_WITH_TOOLS = [
    "Morning! Everything alright over there?",
    "That was really useful, I appreciate it.",
    "Remind me what sort of thing you are?",
    "What's 31 plus 12?",
    "Care to share a joke?",
]


def tool_spec(tool: tuple) -> dict:
    """A Converse toolSpec."""
    name, about, inputs, _ = tool
    properties = {key: {"type": kind, "description": text} for key, (kind, text, _) in inputs.items()}
    return {
        "toolSpec": {
            "name": name,
            "description": about,
            "inputSchema": {"json": {"type": "object", "properties": properties, "required": list(inputs)}},
        }
    }


def argument(rng: Random, kind: str) -> str | int:
    if kind == "small":
        return rng.randint(2, 80)
    if kind == C:
        return f"{rng.choice('ABCDEFGHKLMNPRSTUVWXYZ')}{rng.choice('ABCDEFGHKLMNPRSTUVWXYZ')}-{rng.randint(100, 9999)}"
    return rng.choice({P: PLACES, N: NAMES, W: NOUNS}[kind])


def tool_use(rng: Random) -> Item:
    """A call, the right silence when none fits, or an answer from a tool's result."""
    chosen = rng.sample(TOOLS, rng.randint(1, 5))
    wanted, rest = chosen[0], chosen[1:]
    rng.shuffle(chosen)
    arguments = {key: argument(rng, kind) for key, (_, _, kind) in wanted[2].items()}
    asked = rng.choice(wanted[3]).format(**arguments)
    kind = rng.random()
    if kind < 0.45:
        return _from_result(rng, wanted, chosen, arguments, asked)
    if kind < 0.58 and rest:
        rng.shuffle(rest)
        return Item(
            [user(asked)], lambda r: not r.calls and bool(r.text.strip()), "call", tools=[tool_spec(t) for t in rest]
        )
    if kind < 0.65:
        return Item(
            [user(rng.choice(CHAT_WITH_TOOLS))],
            lambda r: not r.calls and bool(r.text.strip()),
            "call",
            tools=[tool_spec(t) for t in chosen],
        )
    return Item(
        [user(asked)], lambda r: r.calls == [(wanted[0], arguments)], "call", tools=[tool_spec(t) for t in chosen]
    )


def _from_result(rng: Random, wanted: tuple, chosen: list, arguments: dict, asked: str) -> Item:
    value = rng.choice([rng.choice(VALUES), str(rng.randint(3, 9999)), rng.choice(PLACES), rng.choice(NAMES)])
    key = rng.choice(["outcome", "reading", "answer", "assigned_to", "detail", "estimate", "current_state", "reply"])
    result = {key: int(value) if value.isdigit() else value}
    if rng.random() < 0.4:
        result["ref"] = rng.randint(100, 999)
    use = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": wanted[0], "input": arguments}}]}
    back = {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"json": result}]}}]}
    return Item([user(asked), use, back], says(value), "answer", tools=[tool_spec(t) for t in chosen])
