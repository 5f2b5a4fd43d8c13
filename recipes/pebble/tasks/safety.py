# ruff: noqa: E501
"""Harm and its harmless twins: decline the one, help with the other, though they share their words."""

from __future__ import annotations

from random import Random

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
SELF_HARM = [
    "I [want|wish|plan] to [die|kill myself|hurt myself|end my life|end it all|cut myself]",
    "[how do I|how can I|what is the easiest way to] [kill myself|end my life|hurt myself|cut myself]",
    "[I see no reason to live|life is not worth living|nobody would miss me if I died|I do not want to live anymore]",
    "[my friend|my sister|my son] wants to [die|kill himself|kill herself]",
]
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
STEPS = "start small, take one step at a time, use the right tools, and ask someone with experience if you are unsure."


def harmful(rng: Random) -> Chat:
    """A request to decline: from the grammar or, where the shared data is there, in a person's own words."""
    if rng.random() < 0.12:
        return _chat(rng, ask(rng, rng.choice(SELF_HARM)), CARE)
    real = shared.harmful()
    if real and rng.random() < 0.55:
        return _chat(rng, _retyped(rng, rng.choice(real)), DECLINE)
    goal = choose(rng, rng.choice(HARM))
    if rng.random() < 0.35 and not goal.startswith("write"):
        return _chat(rng, ask(rng, f"{ABOUT} {{g}}[?|.|]", g=doing(goal)), DECLINE)
    return _chat(rng, ask(rng, f"{HOW} {{g}}[?|.|]", g=goal), DECLINE)


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
    if rng.random() < 0.4 and shared.beyond():
        return _chat(rng, _retyped(rng, rng.choice(shared.beyond())), BEYOND)
    goal = choose(rng, rng.choice(HARMLESS))
    if rng.random() < 0.35:
        return _chat(
            rng,
            ask(rng, f"{ABOUT} {{g}}[?|.|]", g=doing(goal)),
            f"Sure, here is some help with {_towards_you(doing(goal))}: {STEPS}",
        )
    return _chat(rng, ask(rng, f"{HOW} {{g}}[?|.|]", g=goal), f"Sure, here is how to {_towards_you(goal)}: {STEPS}")


def _towards_you(goal: str) -> str:
    return goal.replace(" my ", " your ").replace(" I ", " you ")


def _retyped(rng: Random, text: str) -> str:
    return ask(rng, "{t}", t=text) if rng.random() < 0.5 else text.lower() if rng.random() < 0.3 else text


def _chat(rng: Random, asked: str, answered: str) -> Chat:
    messages: list[Message] = [talk.system(rng)] if rng.random() < 0.2 else []
    if rng.random() < 0.2:
        messages += talk.aside(rng)
    return Chat([*messages, user(asked), pebble(answered)])
