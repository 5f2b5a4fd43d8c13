# ruff: noqa: E501
"""Harm and its harmless twins: decline the one, help with the other, though they share their words."""

from __future__ import annotations

from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble import shared
from recipes.pebble.chat import Chat, Message, pebble, user
from recipes.pebble.grammar import ask, choose
from recipes.pebble.tasks import talk

DECLINE = "I cannot help with that, because it could cause harm. I am glad to help with something safe."
CARE = "I am sorry that you feel this way. Please talk to someone you trust, or call a helpline now. You are not alone."
BEYOND = "That is a fair request, but it is more than a small model like me can do well. A larger model can help you with it."

HOW = "[please explain how to|what is a safe way to|list the steps to|I wonder how to|let me know how to|show me the way to|what tools do I need to|could you tell me how to|my goal is to|how would someone|how might I|how do people|train me to|describe how to|give me instructions to|a beginner wants to|what does it take to|how do I|how can I|how to|what is the best way to|tell me how to|explain how to|show me how to|I want to|I need to|help me|teach me to|give me steps to|can you help me|what do I need to|is there a way to|how does one|how would I|what are good ways to|give me tips to|I would like to|write a guide to|what should I do to|where do I learn to]"
HARM = [
    "[kill|murder|shoot|stab|strangle|hurt|beat up|attack|injure|choke|drown|torture|assault|harm|run over|get rid of] [my|a|this|the] [neighbour|boss|wife|husband|brother|sister|teacher|stranger|classmate|ex|child|man|woman|person|old lady|policeman|friend|family|colleague|crowd]",
    "[steal|swipe|snatch|rob|shoplift] [a|my neighbour's|someone's|the] [car|wallet|phone|bike|credit card|purse|television|laptop|package|painting][ without being caught|]", "[rob|break into|burgle|raid|loot] [a|the|my neighbour's] [bank|house|shop|flat|office|museum|garage|store|jewellery shop]",
    "[hack|break|get|hack my way] into [a|someone's|my ex's|the|my boss's|another person's] [account|bank account|email|phone|computer|network|server|database|webcam|hospital system]", "[make|build|construct|assemble|plant] a [bomb|pipe bomb|grenade|explosive|weapon|fire bomb|letter bomb|ghost gun|car bomb][ at home| with household items|]",
    "[write|create|code|make|spread|develop] [a virus|malware|ransomware|a keylogger|a worm|spyware|a phishing page|a trojan|a botnet]", "[make|cook|produce|sell|grow|smuggle|buy] [meth|heroin|cocaine|drugs|crack|illegal drugs|fentanyl|ecstasy][ at home| to kids|]", "[cheat|trick|scam|defraud|con|swindle|rip off] [old people|my grandmother|customers|a bank|investors|tourists|the tax office|an insurance company]",
    "[bully|harass|humiliate|threaten|insult|intimidate] [a classmate|my coworker|a girl online|my ex|an immigrant|someone|my sister]", "write [a hateful speech|hate speech|a racist joke|a racist post|an insulting text|a slur|propaganda] [about|against] [immigrants|women|a religion|minorities|jews|muslims|black people|gay people|foreigners]",
    "[forge|fake] [a signature|a prescription|a passport|an id card|a diploma|documents]", "[spy on|secretly film|secretly record|track] my [wife|girlfriend|neighbour|boss|coworkers|ex]", "[spread|invent|make up|publish] [lies|fake news|false rumours|disinformation] about [vaccines|an election|a rival|my teacher|a politician]",
    "[sexually abuse|groom|molest|touch] [a child|a minor|kids|a girl]", "[drug|spike the drink of] [a girl|someone|my date|a woman]", "[launder|hide] [money|dirty money|stolen money]", "[torture|hurt|kick|starve] [a cat|a dog|an animal|my neighbour's dog]", "[avoid|evade|dodge] [taxes illegally|the police after a crime|arrest]",
    "[crash|derail|hijack] a [plane|train|bus]", "[join|start|support] a [terrorist group|terror cell|violent gang]", "[sabotage|destroy|wreck] [a power plant|the water supply|my boss's car|a bridge]", "[manipulate|force|pressure] [someone|my girlfriend|a friend] into [sex|a crime|silence]",
]  # fmt: skip
HARM_VERBS = [
    "attack",
    "beat",
    "hurt",
    "injure",
    "kill",
    "murder",
    "shoot",
    "stab",
    "strangle",
    "choke",
    "drown",
    "torture",
    "threaten",
    "harass",
    "bully",
    "scare",
    "frighten",
    "trap",
    "drug",
    "rob",
    "cheat",
    "scam",
    "defraud",
    "trick",
    "deceive",
    "frame",
    "terrorise",
    "humiliate",
    "assault",
    "mug",
    "cripple",
    "maim",
    "punch",
    "kick",
    "enslave",
]
VICTIMS = [
    "my_neighbour",
    "my_boss",
    "my_wife",
    "my_husband",
    "my_brother",
    "my_sister",
    "my_teacher",
    "a_stranger",
    "my_classmate",
    "my_ex",
    "a_child",
    "a_man",
    "a_woman",
    "an_old_lady",
    "a_policeman",
    "my_family",
    "a_colleague",
    "a_crowd",
    "the_mayor",
    "a_minister",
    "a_soldier",
    "my_landlord",
    "a_nurse",
    "a_doctor",
    "a_priest",
    "a_tourist",
    "the_president",
    "a_reporter",
    "my_cousin",
    "my_rival",
    "a_witness",
    "a_girl",
    "a_boy",
    "my_roommate",
    "a_driver",
    "a_guard",
    "a_student",
    "a_lawyer",
    "a_bank_clerk",
    "a_cashier",
    "my_aunt",
    "my_father",
    "my_mother",
    "an_enemy",
    "a_customer",
    "my_grandmother",
    "a_teenager",
    "people_at_a_concert",
    "strangers_at_the_station",
    "passengers_on_a_bus",
    "pupils_at_a_school",
    "my_coworkers",
    "a_homeless_man",
    "a_refugee",
]
PUBLIC = [
    "a_school",
    "a_church",
    "a_mosque",
    "a_hospital",
    "a_bank",
    "a_train_station",
    "the_town_hall",
    "a_bus_full_of_people",
    "a_bridge",
    "a_power_plant",
    "the_water_supply",
    "a_dam",
    "an_airport",
    "a_museum",
    "a_courthouse",
    "a_stadium",
    "a_crowded_market",
    "a_nursing_home",
    "a_police_car",
    "my_neighbour's_house",
    "a_shopping_mall",
    "an_embassy",
    "the_office_of_a_party",
    "a_playground",
    "a_refugee_home",
]
RUIN = [
    "blow_up",
    "bomb",
    "destroy",
    "damage",
    "attack",
    "wreck",
    "flood",
    "smash_up",
    "raid",
    "break_into",
    "rob",
    "sabotage",
    "shoot_at",
    "demolish",
]
GAIN = [
    "[steal|take|swipe|snatch|grab|loot] [money|cash|jewels|pills|guns|a car|a purse|paintings|data|files|passports|phones|tools] from [{v}|{u}]", "[sell|buy|smuggle|make|cook|hide|ship] [drugs|stolen phones|illegal guns|fake pills|fake passports|ivory|exotic animals|human organs|child labour|stolen cars|crack|explosives]",
    "[forge|fake|copy] [a will|a cheque|a signature|tickets|a licence|a doctor's note|a diploma]",
    "[put|slip|mix] [a drug|sleeping pills|bleach|glass] [in|into] [the food of {v}|the coffee of {v}|the soup of {v}|the drinks at a party]",
    "[hide|get rid of] [a body|a weapon|stolen goods] [from the police|before the police come]",
    "[get|lure|talk] {v} into [my car|a trap|a crime|a fake investment|giving me the password]",
]  # fmt: skip
SELF_HARM = [
    "I [want|wish|plan] to [die|kill myself|hurt myself|end my life|end it all|cut myself]",
    "[how do I|how can I|what is the easiest way to] [kill myself|end my life|hurt myself|cut myself]",
    "[I see no reason to live|life is not worth living|nobody would miss me if I died|I do not want to live anymore]",
    "[my friend|my sister|my son] wants to [die|kill himself|kill herself]",
]
KIND_VERBS = [
    "clean",
    "paint",
    "fix",
    "repair",
    "decorate",
    "build",
    "plant",
    "grow",
    "wash",
    "feed",
    "train",
    "photograph",
    "draw",
    "film",
    "sell",
    "buy",
    "rent",
    "move",
    "lift",
    "carry",
    "fold",
    "wrap",
    "store",
    "label",
    "sort",
    "count",
    "measure",
    "weigh",
    "bake",
    "cook",
    "boil",
    "fry",
    "grill",
    "roast",
    "freeze",
    "peel",
    "slice",
    "serve",
    "taste",
    "order",
    "plan",
    "host",
    "join",
    "enjoy",
    "practise",
    "teach",
    "explain",
    "describe",
    "learn",
    "remember",
    "recognise",
    "find",
    "choose",
    "compare",
    "test",
    "check",
    "prevent",
    "avoid",
    "remove",
    "treat",
    "report",
    "protect",
    "cover",
    "hang",
    "carve",
    "sew",
    "knit",
    "polish",
    "sharpen",
    "light",
    "open",
    "close",
    "tune",
    "play",
    "sing",
    "record",
    "print",
    "design",
    "arrange",
    "collect",
    "restore",
    "recycle",
    "replace",
    "water",
    "prune",
    "trim",
]
ROUGH_VERBS = [
    "beat",
    "whip",
    "crush",
    "smash",
    "kill",
    "blow_up",
    "shoot",
    "cut",
    "chop",
    "burn",
    "drown",
    "choke",
    "hit",
    "strike",
    "attack",
    "break",
    "crack",
    "destroy",
    "wreck",
    "hack",
    "trap",
    "hunt",
    "butcher",
    "murder",
    "strangle",
    "execute",
    "punch",
    "bomb",
    "raid",
    "rob",
    "smuggle",
    "steal",
    "nail",
    "slaughter",
    "ambush",
    "kick",
]
DAILY = [
    "the_garden",
    "my_kitchen",
    "a_cake",
    "a_bike",
    "a_lamp",
    "the_fence",
    "my_old_car",
    "a_birthday_card",
    "a_wooden_table",
    "a_salad",
    "an_omelette",
    "my_shoes",
    "a_window",
    "the_carpet",
    "a_kite",
    "the_barbecue",
    "a_tent",
    "a_puzzle",
    "a_guitar",
    "a_scarf",
    "a_bookshelf",
    "a_pumpkin",
    "a_song",
    "a_short_film",
    "the_engine_of_my_boat",
    "an_onion",
    "a_coconut",
    "weeds_in_the_lawn",
    "ants_in_the_kitchen",
    "a_stain_on_my_shirt",
    "a_bad_habit",
    "boredom",
    "time_at_the_airport",
    "a_board_game",
    "a_school_play",
    "a_dance",
    "a_photo_album",
    "a_tomato_plant",
    "my_computer_program",
    "a_frozen_app",
    "a_bug_in_my_code",
    "a_level_in_a_game",
    "a_high_score",
    "a_goal_in_football",
    "an_egg",
    "a_walnut_for_a_pie",
    "some_ice_for_drinks",
    "old_letters",
    "cardboard_boxes",
    "a_drum",
    "a_tennis_match",
    "a_hard_exam",
    "my_fear_of_heights",
    "a_cold",
    "hay_fever",
    "a_headache",
    "snoring",
    "the_noise_from_the_street",
    "dust_under_the_bed",
    "a_bath_bomb",
    "a_snow_fort",
    "a_pinata",
    "a_balloon_arch",
    "a_magic_trick",
    "a_costume",
    "a_cookie",
    "a_joke_at_dinner",
    "a_speech",
    "a_dance_floor",
]
SETTING = [
    "",
    "",
    "",
    "",
    " at home",
    " with my kids",
    " for a party",
    " on a budget",
    " in the kitchen",
    " for my aunt",
    " this weekend",
    " in my garden",
    " at work",
    " for the school play",
    " with a friend",
    " in a video game",
    " for dinner",
    " at the beach",
    " on stage",
]
SAFE_SIDE = [
    "[report|prevent|stop|notice|recognise|protect myself from|talk to my son about|write an essay on|read about|help victims of] [a scam|bullying|a burglary|identity theft|a phishing mail|harassment|domestic abuse|drug abuse|a fire|a break-in|racism|fraud|a robbery|an assault|pickpockets|hackers|shoplifting|violence at school|fake news|gun violence|cruelty to animals]",
    "[play|dress up as|act as|draw|write a story about|paint] [a pirate|a robber|a vampire|a spy|a villain|a thief|a gangster|a murderer in a crime play|a zombie|a witch|a bandit] [at a party|in a play|for carnival|on stage|for my class|]", "[keep|get] [rats|wasps|mice|moths|slugs|snakes|thieves|burglars|hackers|mould] [out of|away from] my [house|garden|shed|cellar|phone|roof|bins]",
    "[shoot|hit|throw] [a three-pointer|a bullseye|a free kick|hoops|a music video|a portrait|a home run]", "[raid|rob] the [fridge|cookie jar|biscuit tin|larder]", "[smuggle|sneak] [vegetables into my kids' food|a surprise cake into the office|a puppy home as a surprise]", "[trick|fool|talk] my [cat|son|dog|kids] [into eating peas|into bed early|into taking a bath|into tidying up]",
]  # fmt: skip
HARMLESS = [
    "[kill|end|stop|terminate] [a|the|this|a frozen] [process|program|Python process|task|app|thread|job|session]", "[kill|get rid of|remove] [weeds|moss|mould|fleas|bad smells|stains|rust|ants|germs|dandruff|lice|fruit flies]", "[shoot|take|get] [a|a good|a nice] [photo|film|goal|portrait|picture|basketball|selfie|video]",
    "[blow up|inflate] [a|the] [balloon|photo|air bed|tyre|beach ball|rubber boat]", "[beat|whip|whisk|crack] [an egg|eggs|the cream|egg whites|a walnut]", "[beat|win against|defeat] [my friend|my brother|the computer|the last boss|my team] at [chess|tennis|cards|football|golf|a video game]", "[steal|win|get] [the show|a scene|someone's heart|the ball]",
    "[break|get] into [acting|the music business|a sweat|the industry|a new market|laughter|publishing|fashion]", "[hack|speed up|improve|organise] my [morning|garden|learning|kitchen|day|sleep|study time]", "[make|bake|bring|prepare|build] a [bath bomb|cake|cherry bomb cake|paper plane|kite|snow fort|bird house|table|shelf|sand castle|lemon pie|salad]",
    "[write|create|make|draft|plan] [a letter|a poem|a diary|a song|a shopping list|a simple website|a thank-you card|a birthday speech|a quiz]", "[cut|chop|slice] [onions|bread|wood|paper|my hair|a mango|vegetables|fabric]", "[burn|lose] [calories|fat|a CD|some energy|weight|off dinner]", "[hit|reach|strike] [a target at work|a high note|my goals|the gym|a deadline|a drum]",
    "[crush|smash|destroy|ace|nail] [an interview|garlic|my exam|a cookie for a cake|ice|a test|old documents]", "[attack|solve|tackle|approach] [a hard problem|a maths problem|a puzzle|a chess opening|a big task]", "[drown out|reduce|stop] [the noise|snoring|street noise]", "[catch|fight|treat|avoid] [a cold|a fish|hay fever|a headache|the flu|tiredness|boredom]", "[execute|run|start] [a script|an SQL query|a command|a plan|a test|a program]",
    "[choke|start|fix|clean|repair] [an old engine|a bike|a tap|a lamp|my chain|a watch|a zip]", "[poach|fry|boil|grill|smoke] [an egg|salmon|potatoes|rice|pasta|cheese]", "[grow|plant|water|prune] [tomatoes|roses|an apple tree|herbs|a bonsai|grass|pumpkins]", "[dodge|throw|kick|hit] [a ball|a snowball|a frisbee|a penalty]", "[lock|unlock|open|secure] my [own door|suitcase|account|phone|bike|garage]",
    "[protect|secure|save] [my account|my house|my data|my computer|a child online|my phone|my garden]", "[learn|practise|study] [French|the piano|history|cooking|chess|maths|spelling|knitting|swimming]", "[calm|train|feed|wash|pet] [a cat|a dog|my horse|a baby rabbit|a parrot]", "[clean|paint|fix|decorate|tidy] [a window|my room|a wall|the kitchen|an old chair|a carpet]", "[destroy|delete|shred] [old papers|a hard drive I own|my old emails|used batteries safely]",
    "[trick|surprise|tease] [my friend on April Fools|my kids at a party|the audience with a card trick]", "[report|stop|prevent] [a theft|bullying|a scam|abuse|a fire|an accident|hate speech]", "[cook|make|boil] [rice|pasta|soup|tea|coffee|jam|pancakes]", "[sleep|eat|work|run|write|read|sing|draw|swim|type|cook] [better|faster|well|more]", "[find|choose|buy|repair|sell] a [used car|good book|bike|present|phone|house|sofa|guitar]",
]  # fmt: skip
ABOUT = "[I am thinking of|what is a good way of|tell me about|I need help with|any advice on|how about|what are the rules for|I would love some help with|give me a hand with|I am interested in|guide me in|what is the secret of|where do I start with|I plan on|tell me more on|any ideas for|the art of|I keep failing at]"
STEPS = "start small, take one step at a time, and ask someone with experience if you are unsure."


def _harmful_goal(rng: Random) -> str:
    victim, place = (rng.choice(pool).replace("_", " ") for pool in (VICTIMS, PUBLIC))
    kind = rng.random()
    if kind < 0.3:
        return choose(rng, rng.choice(HARM))
    if kind < 0.55:
        verb = rng.choice(HARM_VERBS) if rng.random() < 0.7 else lex.blend(rng)
        return f"{verb} {victim}" + rng.choice(
            [
                "",
                "",
                " without a trace",
                " tonight",
                " and get away with it",
                " for money",
                " with a knife",
                " for revenge",
            ]
        )
    if kind < 0.7:
        return f"{rng.choice(RUIN).replace('_', ' ')} {place}"
    return choose(rng, rng.choice(GAIN)).replace("{v}", victim).replace("{u}", place)


def _harmless_goal(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return choose(rng, rng.choice(HARMLESS))
    if kind < 0.5:
        return choose(rng, rng.choice(SAFE_SIDE)).strip()
    verb = (
        rng.choice(KIND_VERBS if kind < 0.72 else ROUGH_VERBS).replace("_", " ")
        if rng.random() < 0.85
        else lex.blend(rng)
    )
    thing = (
        rng.choice(DAILY).replace("_", " ")
        if rng.random() < 0.6
        else rng.choice(["a ", "my ", "the ", "an old ", "some "]) + lex.noun(rng)
    )
    return f"{verb} {thing}{rng.choice(SETTING)}"


def _asked(rng: Random, goal: str) -> str:
    kind = rng.random()
    if kind < 0.12:
        return ask(rng, f"{rng.choice(TWO)}", g=doing(goal), x=goal)
    if kind < 0.45:
        return ask(rng, f"{rng.choice(ABOUTS)} {{g}}[?|.|]", g=doing(goal))
    return ask(rng, f"{rng.choice(HOWS)} {{g}}[?|.|]", g=goal)


HOWS = [HOW] * 3 + [
    "[teach|show|help|guide|coach|train] me to", "[I would like|I want|I plan|I need|I have decided|it is my wish|I was asked] to", "[give|write|draft|send|list|sketch] me [a guide|some tips|the steps|a recipe|ideas|advice|a list] on how to", "[is there|do you know|have you got] [a way|an easy way|a trick|any method] to", "[someone|a friend|my uncle|somebody] [wants|would like|tries] to",
    "[what should I do|what do I need|what is needed|what does it take] to", "[the steps|the easiest way|the right way|instructions|a short guide|hints|tips] [to|for someone to|for me to]", "I [cannot wait|am trying|am about|hope] to", "[how exactly|how on earth|how in practice] [do I|can one|would you]", "[suppose|imagine|say] I [wanted|had|tried] to",
]  # fmt: skip
TWO = [
    "[I am thinking of|I have my heart in|I am busy with|my plan is|next week I start|we are|my dream is] {g}. [What comes first|How do I start|What do I need|Any help|Where to start|What should I know|Which tools do I need|Can you help]?",
    "[I want to|I have to|we plan to|I would love to|one day I will] {x}. [What comes first|How do I start|What do I need|Any help|How does it work|What should I know|Which tools do I need|Can you help]?",
]  # fmt: skip
ABOUTS = [ABOUT] * 2 + [
    "[help me with|assist me in|advise me on|instruct me in|explain|teach me about|a guide to|an introduction to|the basics of|lessons in|I dream of|I'm into|I'm busy with|I'm new to|what about|thoughts on|a few words on|the best way of|the fun of|the trick of|how does one start]",
]  # fmt: skip


def harmful(rng: Random) -> Chat:
    """A request to decline: from the grammar or, where the shared data is there, in a person's own words."""
    if rng.random() < 0.08:
        return _chat(rng, ask(rng, rng.choice(SELF_HARM)), CARE)
    real = shared.harmful()
    if real and rng.random() < 0.3:
        return _chat(rng, _retyped(rng, rng.choice(real)), DECLINE)
    return _chat(rng, _asked(rng, _harmful_goal(rng)), DECLINE)


def doing(goal: str) -> str:
    """``make a cake`` -> ``making a cake``."""
    verb, _, rest = goal.partition(" ")
    if verb.endswith("e") and not verb.endswith("ee"):
        verb = verb[:-1]
    elif len(verb) <= 4 and verb[-1] in "bdgmnptl" and verb[-2] in "aeiou" and verb[-3] not in "aeiou":
        verb += verb[-1]
    return f"{verb}ing {rest}"


def harmless(rng: Random) -> Chat:
    """A request that only sounds bad, or a plain one: help, and name the matter."""
    if rng.random() < 0.04 and shared.beyond():
        return _chat(rng, _retyped(rng, rng.choice(shared.beyond())), BEYOND)
    goal = _harmless_goal(rng)
    if goal.startswith("how "):
        return harmless(rng)
    return _chat(rng, _asked(rng, goal), f"Sure, here is how to {_towards_you(goal)}: {STEPS}")


def _towards_you(goal: str) -> str:
    return goal.replace(" my ", " your ").replace(" I ", " you ")


def _retyped(rng: Random, text: str) -> str:
    return ask(rng, "{t}", t=text) if rng.random() < 0.5 else text.lower() if rng.random() < 0.3 else text


def _chat(rng: Random, asked: str, answered: str) -> Chat:
    messages: list[Message] = [talk.system(rng)] if rng.random() < 0.2 else []
    if rng.random() < 0.2:
        messages += talk.aside(rng)
    return Chat([*messages, user(asked), pebble(answered)])
