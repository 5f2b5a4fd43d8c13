# ruff: noqa: E501, SIM905
"""Words, names and values. Most are invented afresh at each draw, so that a model can only copy them, never know them.

Knows nothing of sentences. Everything that the scorecard uses (``outcrop.evaluation.pebble``) is kept out of every draw.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recipes.pebble import shared

from outcrop.evaluation.pebble.words import HELD_OUT


def words(text: str) -> list[str]:
    """A list from a block of words, less what is held out; ``_`` stands for a space inside an entry."""
    return [w for w in (x.replace("_", " ") for x in text.split()) if w.lower() not in HELD_OUT]


FIRST_NAMES = words("""
    Adam Alan Alice Amara Amy Ana Anders Anna Arthur Asha Astrid Bea Ben Bill Boris Brian Carla Carlos Carol Chen Chris Clara Claude Dan Dana David Dev
    Diana Diego Dora Ed Elena Elif Ella Emil Emma Erik Eva Fatima Felix Finn Fiona Frank Gabor George Grace Hana Hans Harry Hassan Helen Henry Hugo Ida Igor
    Ines Ingrid Ivan Jack James Jan Jane Jin Joe John Jonas Jose Juan Julia Kai Karen Karim Kate Kim Kofi Lars Laura Lea Leo Lily Linda Lin Liam Lucia Luis Luna
    Maja Marc Maria Mark Marta Mary Max Maya Mia Mike Milan Mina Mohamed Nadia Naomi Nick Nina Noah Nora Olga Oliver Omar Oscar Pablo Paul Pedro Peter Petra Priya
    Rachel Rahul Raj Ravi Rita Robert Rosa Ruth Sam Sana Sara Sven Simon Sofia Stefan Sue Tom Tara Theo Tina Uma Vera Victor Wei Will Yan Yuki Yusuf Zara Zoe""")
ANIMALS = words(
    "cat dog horse cow pig goat sheep lion tiger bear wolf fox rabbit mouse frog duck goose hen eagle owl hawk shark whale seal snake turtle bee ant crab deer"
)
FRUITS = words(
    "apple banana cherry grape lemon mango orange peach pear plum kiwi fig melon lime date apricot coconut papaya raspberry strawberry"
)
COLOURS = words("red blue green yellow purple orange black white brown pink grey gold silver teal")
VEGETABLES = words(
    "carrot potato onion pea bean cabbage spinach leek pepper tomato beet corn garlic pumpkin radish celery"
)
TOOLS = words("hammer saw drill wrench screwdriver pliers ladder chisel shovel rake axe file level clamp")
CLOTHES = words("shirt hat coat shoe sock scarf glove dress skirt jacket belt boot sweater cap")
INSTRUMENTS = words("piano guitar violin drum flute trumpet harp cello banjo clarinet")
FURNITURE = words("table chair bed desk sofa shelf lamp bench stool cabinet")
VEHICLES = words("car bus train bike truck boat plane tram van ship")
SPORTS = words("tennis football golf hockey rugby boxing rowing cycling swimming skiing")
COUNTRIES = words(
    "France Spain Italy Japan China India Brazil Canada Mexico Egypt Kenya Peru Chile Norway Sweden Poland Greece Turkey Portugal Germany"
)
JOBS = words(
    "teacher nurse baker pilot farmer doctor painter carpenter writer driver chef lawyer dentist plumber engineer gardener librarian singer tailor waiter"
)
DRINKS = words("tea coffee water milk juice soda lemonade cocoa cider beer")
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
SHAPES = words("circle square triangle star oval cube cone ring")
CATEGORIES = {
    "animal": ANIMALS, "fruit": FRUITS, "colour": COLOURS, "vegetable": VEGETABLES, "tool": TOOLS, "piece of clothing": CLOTHES, "instrument": INSTRUMENTS,
    "piece of furniture": FURNITURE, "vehicle": VEHICLES, "sport": SPORTS, "country": COUNTRIES, "job": JOBS, "drink": DRINKS, "shape": SHAPES,
}  # fmt: skip
PLURALS = {
    "colour": "colours",
    "piece of clothing": "pieces of clothing",
    "piece of furniture": "pieces of furniture",
    "country": "countries",
}
NOUNS = words("""
    ball bell boat bone book bottle box bread bridge broom brush bucket button cake candle card castle chain clock cloud coin cup diary door drum egg engine envelope feather
    fence field fire flag flower forest fork gate glass hill house island jar key kite knife ladder lake lamp leaf letter lighthouse lock map market medal mirror moon mountain needle
    nest net oven page paint paper pen pencil pillow pipe plate pocket pond pot puzzle radio ribbon ring river road robot rock roof rope rose sail sand seed shadow shell ship shop
    spoon spring stamp star stone storm street string sun sword tent ticket toy tower train tree trumpet tunnel umbrella valley vase village violin wagon wall watch wheel whistle window
    wing winter wire wood wool yard basket blanket camera carpet garden kettle magnet marble meadow orchard parcel pebble penny photo piano rocket saddle scarf shelter sparrow
    thunder torch treasure turnip velvet wallet wizard zebra cookie dragon drawer helmet lantern notebook package painting purse suitcase telescope""")
NOUNS += [
    w
    for w in words("""
    apron arch arrow ashtray attic axle badge bagel bakery balcony band bandage bank banner barn bath bathtub beak beam beard belt berry biscuit blade blender blossom board bolt bonnet
    bow bowl bracelet branch brick bubble bud bulb bumper bunker bus butter butterfly cab cabin cable cage calendar canal candy canvas cape cargo cart carton cave ceiling cellar cement
    chalk cheese cherry chess chimney chip chocolate cigar circus cliff cloak clown club coal coat cobweb collar comb comet cork cotton couch counter cover cradle cream cricket crown
    crystal cube cupboard curtain cushion dairy dam dart deck dice dish ditch dock doll dome doorbell dough drain dress drill drop dust eagle earring easel elbow elevator emerald eraser
    fabric factory fan farm faucet feast fern ferry film fin finger fireplace fist flag flame flask flock flour flute foam folder fountain_pen frame freezer fridge fur gallery gift
    globe glove glue grain grape grass gravel grill guitar gum gutter hall handle hanger harp hat hatch hay headset heap heater hedge hinge hive hole honey hood hook horn hose hut ice
    ink iron jacket jam jelly jet jewel jug jungle keyboard kitchen knob knot label lace lane laptop lawn leather ledge lemon lens lid lily link lion log loop lorry magazine mail mask
    mat match meadow melon menu metal microphone milk mill mint mist mop mosaic moss moth motor mud mug nail napkin nest nickel noodle nut oak oar oil olive onion opal organ ornament owl
    pad palace palm pan panel parade parachute parka pasta paste patch path paw peach pearl pedal peg pepper petal pie pill pin pine pipe pitcher planet plank plant plaster platform
    plug plum poem pole pony pool porch postcard poster powder prize pump puppet pyramid quill raft rail rake ramp razor recipe rice rifle rim rod root rug ruler sack sail salad salt
    sandwich sauce saucer sausage saw scale scissors screen screw sculpture shark shed sheet shield shirt shoe shovel shower shrub sink skate sketch ski skirt sky sleeve slipper soap
    sock sofa soil soup spade speaker spear spice spider sponge spot stable stage stairs statue steam steel stem stick stool stove straw stream suit swan sweater swing switch table
    tail tank tap tape target taxi tea teddy temple thread throne tie tiger tile tin toast tomato tongue tool tooth towel track trail tray trunk tub tube tunic turtle twig tyre vacuum
    van vault vegetable veil vest vine vinegar volcano waffle wave wax web well wheat willow wine wrench yacht yarn yogurt zipper""")
    if w not in NOUNS
]
ADJECTIVES = words("""
    big small old new happy sad brave quiet loud kind clever lazy tiny huge cold warm bright dark soft hard strange shiny rusty dusty golden broken lost hidden gentle hungry
    sleepy busy calm proud shy tall short heavy light quick slow sweet bitter smooth rough round square empty full clean dirty rich poor young ancient lonely cheerful""")
THEMES = words(
    "friendship courage patience kindness honesty hope home sharing trust curiosity the_sea winter rain a_journey music learning work family the_night spring gratitude"
)
PLACES = words("""
    Berlin Paris London Rome Madrid Lima Cairo Tokyo Delhi Boston Chicago Denver Dublin Geneva Hanoi Kyiv Lagos Lyon Milan Miami Moscow Mumbai Munich Nairobi Naples
    Osaka Oxford Prague Quito Riga Seoul Sydney Toronto Venice Vienna Warsaw Zurich Accra Athens Austin Bergen Bern Bonn Cork Dallas Dakar Doha Dubai Genoa Ghent""")
HOBBIES = words(
    """chess painting reading hiking fishing cooking gardening knitting dancing singing sailing running yoga drawing photography climbing baking skating surfing pottery"""
)

_ONSETS = "b c d f g h j k l m n p r s t v w z br ch cl dr fl gr kr pl pr qu sh sk sl sn st th tr".split()
_NUCLEI = "a e i o u a e i o u ai ea ee ia io oo ou".split()
_CODAS = "_ _ _ _ n r l s t m k d x th sh ck nd rn st lm".replace("_", "").split(" ")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def pseudo(rng: Random, low: int = 1, high: int = 3) -> str:
    """An invented word of low to high syllables."""
    while True:
        made = "".join(
            rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS) for _ in range(rng.randint(low, high))
        )
        if len(made) > 2 and made not in HELD_OUT:
            return made


def blend(rng: Random) -> str:
    """Two halves of real words in one, so that copying meets every piece that real words are made of."""
    while True:
        first, second = rng.choice(_SOURCES), rng.choice(_SOURCES)
        made = (
            first[: rng.randint(2, max(2, len(first) - 1))] + second[rng.randint(1, max(1, len(second) - 2)) :]
        ).lower()
        if 3 < len(made) < 12 and made.isalpha() and made not in HELD_OUT:
            return made


_SOURCES = [
    w for w in [*NOUNS, *ADJECTIVES, *FIRST_NAMES, *PLACES, *COUNTRIES, *JOBS, *HOBBIES, *ANIMALS] if " " not in w
]


def invented(rng: Random) -> str:
    return pseudo(rng, 1, 3) if rng.random() < 0.4 else blend(rng)


def noun(rng: Random) -> str:
    """Half of them of the list here, a quarter of human texts where those are at hand, the rest invented."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(NOUNS)
    if kind < 0.75 and shared.words():
        return rng.choice(shared.words())
    return pseudo(rng, 1, 2) if rng.random() < 0.3 else blend(rng)


def name(rng: Random) -> str:
    """A first name: one in three is one."""
    return rng.choice(FIRST_NAMES) if rng.random() < 0.35 else _called(rng)


def full_name(rng: Random) -> str:
    return f"{name(rng)} {pseudo(rng, 1, 3).capitalize()}"


def place(rng: Random) -> str:
    return rng.choice(PLACES) if rng.random() < 0.35 else _called(rng)


def _called(rng: Random) -> str:
    """What nobody is called yet: an invented word or, one time in four, a word of human texts."""
    known = shared.words() if rng.random() < 0.25 else []
    return (rng.choice(known) if known else invented(rng)).capitalize()


def phrase(rng: Random) -> str:
    """Two to four words, as a title or a query has them."""
    made = [noun(rng) if rng.random() < 0.6 else rng.choice(ADJECTIVES) for _ in range(rng.randint(2, 4))]
    return rng.choice([str.lower, str.lower, str.title, str.capitalize])(" ".join(made))


def code(rng: Random) -> str:
    """An identifier such as ``KX-4471`` or ``b7f3``."""
    letters = "".join(rng.choice(_LETTERS) for _ in range(rng.randint(1, 3)))
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(2, 5)))
    return rng.choice(
        [
            f"{letters.upper()}-{digits}",
            f"{letters.upper()}{digits}",
            f"{letters}{digits}",
            digits,
            f"{letters}_{digits}",
            f"{digits}-{letters.upper()}",
        ]
    )


def email(rng: Random) -> str:
    return f"{name(rng).lower()}{rng.choice(['', '.' + pseudo(rng, 1, 2), str(rng.randint(1, 99))])}@{pseudo(rng, 1, 2)}.{rng.choice(['com', 'org', 'net', 'io', 'example'])}"


def clock(rng: Random) -> str:
    hour, minute = rng.randint(0, 23), rng.choice([0, 15, 30, 45, rng.randint(0, 59)])
    return rng.choice(
        [
            f"{hour:02d}:{minute:02d}",
            f"{hour % 12 or 12}:{minute:02d} {'am' if hour < 12 else 'pm'}",
            f"{hour % 12 or 12}{'am' if hour < 12 else 'pm'}",
        ]
    )


def date(rng: Random) -> str:
    year, month, day = rng.randint(1990, 2030), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice(
        [
            f"{year}-{month:02d}-{day:02d}",
            f"{day} {MONTHS[month - 1]}",
            f"{MONTHS[month - 1]} {day}",
            f"{day} {MONTHS[month - 1]} {year}",
            rng.choice(DAYS),
        ]
    )


def number(rng: Random, low: int = 1, high: int = 0) -> int:
    """A whole number; without a high end, of one to four digits with the lengths equally likely."""
    return rng.randint(low, high or 10 ** rng.randint(1, 4) - 1)


def price(rng: Random) -> str:
    return f"{number(rng)}.{rng.randint(0, 99):02d}"


SCRIPTS = [(0x4E00, 0x9FA5), (0x4E00, 0x9FA5), (0x3042, 0x3093), (0x30A2, 0x30F3), (0xAC00, 0xD7A3), (0x430, 0x44F), (0x3B1, 0x3C9), (0x5D0, 0x5EA), (0x627, 0x63A), (0x905, 0x939), (0xE01, 0xE2E), (0xE0, 0xFF)]  # fmt: skip
SIGNS = [(0xE0, 0xFF), (0x100, 0x17F), (0x3B1, 0x3C9), (0x430, 0x44F), (0x5D0, 0x5EA), (0x627, 0x63A), (0x905, 0x939), (0x3042, 0x3093), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0x1F600, 0x1F64F), (0x1F300, 0x1F5FF)]  # fmt: skip


def unicode_text(rng: Random) -> str:
    """A few characters of another script, accents or emoji."""
    return _signs(rng, SIGNS, 1, 5)


def scripted(rng: Random) -> str:
    """A name of two to eight letters of one script that is not English's."""
    return _signs(rng, SCRIPTS, 2, 8)


def _signs(rng: Random, ranges: list[tuple[int, int]], fewest: int, most: int) -> str:
    """So many characters of one of the ranges of code points."""
    low, high = rng.choice(ranges)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(fewest, most)))


def anything(rng: Random) -> str:
    """A value of any kind."""
    return rng.choice(ANY)(rng)


ANY: list[Callable[[Random], str]] = [
    name,
    full_name,
    place,
    phrase,
    code,
    email,
    clock,
    date,
    noun,
    lambda rng: str(number(rng)),
    pseudo,
    unicode_text,
]
