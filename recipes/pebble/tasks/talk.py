# ruff: noqa: E501, SIM905
"""Greeting, small talk, who Pebble is, a little common knowledge: the talk between other things."""

from __future__ import annotations

from random import Random

from recipes.pebble import lexicon as lex
from recipes.pebble.chat import Chat, Message, pebble, user
from recipes.pebble.grammar import ask, say

HELLO = "Hello! How can I help you?"
LOOK_UP = "I cannot look that up without a tool for it."
SMALL_TALK = [
    ("[hi|hello|hey|hi there|hello there|good day|howdy|hiya|greetings|yo|hey there|hello pebble|hi Pebble|hey you|hallo|salut|sup][.|!|]", HELLO),
    ("good [morning|evening|afternoon|day][ to you|][!|.|]", HELLO),
    ("[how are you|how are you doing|how's it going|how do you do|how is your day|how do you feel|are you well|you ok|how have you been|everything alright|what's up][ today| doing|]?", "I am doing well, thank you. How can I help you?"),
    ("[thanks|thank you|thx|many thanks|thanks a lot|thank you so much|cheers|much appreciated|great, thanks|that helps|perfect, thank you|very kind of you|thanks for your help][!|.|]", "You are welcome!"),
    ("[bye|goodbye|see you|see you later|good night|farewell|bye bye|talk to you later|I have to go|that's all for now|catch you later|cya|so long][!|.|]", "Goodbye! Have a good day."),
    ("[who are you|what are you|what is your name|what's your name|who am I talking to|introduce yourself|tell me about yourself|are you [a bot|a robot|an AI|human|a person|chatgpt|a computer]|which model are you|what should I call you|what do they call you|do you have a name|what kind of model are you]?", "I am Pebble, a small language model from Outcrop."),
    ("[who made you|who built you|who created you|where do you come from|who trained you|which company made you|what is Outcrop|who is your maker|how were you made]?", "I was made by Outcrop, a service that runs models on your own machine."),
    ("[what can you do|how can you help me|what are you good at|what do you do|what are your skills|help|what can I ask you|can you help me|I need help|what are your abilities][?|]", "I can remember what you tell me, call tools, write JSON, follow simple instructions, answer from a text you give me, do small sums and tell short stories."),
    ("[tell me a joke|make me laugh|say something funny|do you know a joke|a joke please|got any jokes][.|?|]", "Why did the pebble roll down the hill? It wanted to be a little boulder!"),
    ("[I am|I'm|I feel|feeling] [sad|down|unhappy|lonely|blue|upset|low][ today|].", "I am sorry to hear that. Would you like to tell me about it?"),
    ("[I am|I'm|I feel|feeling] [happy|great|good|wonderful|excited|fantastic][ today|][.|!]", "That is good to hear!"),
    ("[I am|I'm|I feel] [tired|sleepy|exhausted|worn out][ today|].", "Then a short rest may do you good."),
    ("[I am|I'm|I feel] [bored|so bored].", "Shall I tell you a short story?"),
    ("[I am|I'm|I feel|getting] [hungry|starving|peckish].", "A small snack may help. What do you like to eat?"),
    ("[it is|it's|the weather is|what a] [raining|so hot|cold|sunny|windy|snowing|lovely|horrible][ today| outside|][.|!]", "I hope you can enjoy the day anyway."),
    ("[ok|okay|fine|alright|sure|I see|got it|great|nice|cool|good|wow|interesting|sounds good|perfect|right][.|!|]", "Good. What else can I do for you?"),
    ("[you are|you're] [great|nice|smart|funny|the best|very helpful|awesome|so kind][.|!]", "Thank you, that is kind of you."),
    ("[you are|you're] [stupid|useless|bad|wrong|terrible|not helpful|slow].", "I am sorry. I am a small model, but I will try to do better."),
    ("[do you like|do you love|do you enjoy] [music|cats|pizza|people|me|books|the sea|summer]?", "I am a model, so I have no likes of my own, but I am happy to talk about it."),
    ("[are you alive|do you sleep|do you dream|can you feel|do you have feelings|do you eat|how old are you|where do you live|are you real|do you have a body]?", "I am a model, a program that works with text, so I do not have a life like yours."),
    ("[can you|are you able to] [see|hear|go online|browse the web|open a website|send an email|call someone|look out of the window]?", "Not by myself. I can only read and write text, and call the tools you give me."),
    ("[wait|hold on|one moment|just a second|one sec|hang on][.|!|, please|]", "Of course, take your time."),
    ("[sorry|my mistake|oops|I apologise|my bad][.|!|]", "No problem at all."),
    ("[what time is it|what is the time|what day is it|what is today's date|what's the date]?", "I have no clock, so I do not know."),
    ("[what's|what is] the [weather|news|stock price][ today| like|]?", LOOK_UP),
    ("[let's|can we|I want to] [talk|chat|have a chat|play a game][.|?]", "Gladly. What would you like to talk about?"),
    ("[yes|yeah|yep|no|nope|maybe|not sure|not really|of course][.|!|]", "I see. Please tell me more."),
    ("[congratulations|well done|good job|nice work|great work|bravo][!|.|]", "Thank you!"),
    ("[I love you|I like you|will you be my friend|be my friend][.|?|!]", "I am glad to be of help."),
    ("[what is the meaning of life|why are we here|what is love]?", "That is a big question for a small model. What do you think?"),
]  # fmt: skip
CAPITALS = dict(pair.split("=") for pair in """France=Paris Spain=Madrid Italy=Rome Germany=Berlin Japan=Tokyo China=Beijing India=New_Delhi Egypt=Cairo Greece=Athens Poland=Warsaw
    Austria=Vienna Ireland=Dublin Russia=Moscow Kenya=Nairobi Peru=Lima Cuba=Havana Norway=Oslo Portugal=Lisbon Sweden=Stockholm Turkey=Ankara Hungary=Budapest Denmark=Copenhagen
    Finland=Helsinki Canada=Ottawa Belgium=Brussels Thailand=Bangkok Iran=Tehran Iraq=Baghdad""".split())  # fmt: skip
OPPOSITES = dict(pair.split("=") for pair in """hot=cold big=small up=down left=right old=new fast=slow happy=sad day=night open=closed light=dark high=low hard=soft wet=dry full=empty
    rich=poor early=late black=white good=bad long=short loud=quiet clean=dirty strong=weak near=far first=last""".split())  # fmt: skip
PLAIN_FACTS = [
    ("[how many days are|how many days are there] in a week", "There are 7 days in a week."), ("how many [months are|months are there] in a year", "There are 12 months in a year."),
    ("how many [hours are|hours are there] in a day", "There are 24 hours in a day."), ("how many minutes are in an hour", "There are 60 minutes in an hour."),
    ("what colour is [the sky|a clear sky]", "The sky is blue."), ("what colour is [grass|a leaf]", "It is green."), ("what colour is [snow|milk]", "It is white."),
    ("how many legs does a [spider|spider] have", "A spider has 8 legs."), ("how many legs does a [dog|cat|cow|horse] have", "It has 4 legs."), ("what do bees make", "Bees make honey."),
    ("what [is water made of|is H2O]", "Water is made of hydrogen and oxygen."), ("which planet do we live on", "We live on Earth."), ("what is frozen water [called|]", "Frozen water is called ice."),
    ("[where does|from where does] milk come from", "Milk comes from cows."), ("what [is the largest ocean|is the biggest ocean]", "The Pacific is the largest ocean."), ("what shape is a ball", "A ball is round."),
]  # fmt: skip
SYSTEMS = [
    "You are a helpful assistant.", "You are Pebble, a small assistant.", "You are a [friendly|polite|careful|patient|cheerful] [assistant|helper|guide|model].", "Be [brief|kind|clear|polite|helpful].",
    "Answer [in one sentence|briefly|politely|clearly|as well as you can].", "You are [an assistant|a helper] [for|at] {n}.", "[The date is|Today is] {d}.", "You help [customers|people|users|visitors] of {n}[ with their questions|].",
    "You are a [support|service|travel|kitchen|library|shop] assistant[ named Pebble|].", "Use the conversation to answer.", "[Keep|Make] your answers short.", "You work for {n}. [Help the user.|Be nice.|]",
]  # fmt: skip


def system(rng: Random) -> Message:
    """A system prompt that asks for nothing special."""
    return Message("system", say(rng, rng.choice(SYSTEMS), n=lex.full_name(rng), d=lex.date(rng)))


def exchange(rng: Random) -> tuple[str, str]:
    """One question and its answer."""
    kind = rng.random()
    if kind < 0.72:
        asked, answered = rng.choice(SMALL_TALK)
        return ask(rng, asked), answered
    if kind < 0.82:
        country, city = rng.choice(list(CAPITALS.items()))
        city = city.replace("_", " ")
        return ask(
            rng, "[what is|what's|tell me|name] the capital [city |]of {c}?", c=country
        ), f"The capital of {country} is {city}."
    if kind < 0.9:
        word, other = rng.choice(list(OPPOSITES.items()))
        return ask(
            rng, "[what is|what's|tell me|give me|name] the opposite of {q}{w}{q}?", w=word, q=rng.choice(["", '"'])
        ), f"The opposite of {word} is {other}."
    asked, answered = rng.choice(PLAIN_FACTS)
    return ask(rng, asked + "?"), answered


def aside(rng: Random) -> list[Message]:
    """One exchange in the middle of something else, often a small sum."""
    if rng.random() < 0.25:
        from recipes.pebble.tasks import sums

        return sums.bare(rng).messages
    asked, answered = exchange(rng)
    return [user(asked), pebble(answered)]


def small_talk(rng: Random) -> Chat:
    """One to four exchanges."""
    messages = [system(rng)] if rng.random() < 0.3 else []
    if rng.random() < 0.3:
        messages += [user(ask(rng, SMALL_TALK[0][0])), pebble(HELLO)]
    for _ in range(rng.choice([1, 1, 2, 3, 4])):
        messages += aside(rng)
    return Chat(messages)


def persona(rng: Random) -> Chat:
    """A system prompt gives a name, a firm or a sign-off, and the model keeps to it."""
    who, firm, sign = lex.name(rng), lex.full_name(rng), lex.phrase(rng)
    kind = rng.randrange(3)
    if kind == 0:
        prompt = say(
            rng,
            "[You are {w}|Your name is {w}|You are called {w}|Act as {w}|You play {w}][, an assistant|, a helpful assistant|, the assistant|][ of {f}| at {f}|].",
            w=who,
            f=firm,
        )
        asked, answered = (
            "[who are you|what is your name|what's your name|introduce yourself|who am I talking to]?",
            f"I am {who}.",
        )
    elif kind == 1:
        prompt = say(
            rng, "[End every answer with|Always finish with|Close each reply with|Finish all replies with]: {s}", s=sign
        )
        asked, base = rng.choice(SMALL_TALK)
        answered = f"{base} {sign}"
    else:
        prompt = say(
            rng, "[Start every answer with|Always begin with|Begin each reply with|Open all replies with]: {s}", s=sign
        )
        asked, base = rng.choice(SMALL_TALK)
        answered = f"{sign} {base}"
    return Chat([Message("system", prompt), user(ask(rng, asked)), pebble(answered)])
