# ruff: noqa: E501, SIM905
"""Words, names, places and tools that only the Pebble scorecard uses: the recipe keeps every one of them out of training.

Knows nothing of tasks or models.
"""

NAMES = """Ada Beatrix Casimir Delphine Ezekiel Fernanda Giulia Hamish Imogen Jasper Keiko Lorenzo Magnus Nikolai Octavia Percival Quentin Rosalind Siobhan Tobias Ursula
    Valentina Winston Xavier Yolanda Zachary Aurelia Bertrand Cordelia Dimitri Eleanor Florian Gwendolyn Horatio Isadora Joaquin Katarina Leopold Miriam Nathaniel""".split()
PLACES = """Reykjavik Bogota Jakarta Kathmandu Ljubljana Melbourne Nicosia Palermo Rotterdam Santiago Tallinn Utrecht Valencia Wellington
    Yerevan Zagreb Antwerp Brisbane Casablanca Dresden Edinburgh Florence Gdansk""".split()
NOUNS = """anchor acorn balloon barrel beacon cactus canoe compass cradle dagger dolphin fiddle fountain goblet hammock harbour hedgehog igloo jigsaw kitten lemonade locket
    mitten mushroom otter paddle parrot peacock pumpkin quilt raven sandal sled snowman squirrel teapot trolley tulip walnut windmill""".split()
VALUES = """crimson indigo lavender maroon turquoise archery astronomy badminton calligraphy origami kayaking violet lasagna paella ramen falafel gnocchi haddock architect
    astronaut botanist geologist sculptor violinist optician""".split()
THEMES = ["loyalty", "forgiveness", "autumn", "the desert", "teamwork", "generosity", "perseverance", "the stars"]

HELD_OUT = {word.lower() for group in (NAMES, PLACES, NOUNS, VALUES, THEMES) for word in group}
