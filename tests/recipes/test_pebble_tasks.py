# ruff: noqa: E501
"""The lessons: every task makes sound conversations, and nothing of the scorecard is among them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("numpy")

from recipes.pebble import data, overlap, shared, variants
from recipes.pebble.chat import HARDLY, LEARN, SKIP, Chat, Message, pebble, render, user
from recipes.pebble.grammar import ask, choose, fill, listing
from recipes.pebble.tasks import facts, forced, kinds, lists, memory, orders, records, sums, talk, tools

from outcrop.evaluation.pebble import rows as questions
from outcrop.evaluation.pebble import structured
from outcrop.evaluation.pebble import words as held
from outcrop.evaluation.pebble.tools import TOOLS as TESTED

CACHED = [kept for kept in vars(shared).values() if hasattr(kept, "cache_clear")]


@pytest.fixture(params=["with ../shared", "without"], scope="module", autouse=True)
def human_text(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The recipe draws other lessons where the human texts are: both kinds must be sound."""
    if request.param == "with ../shared" and not shared.ROOT.exists():
        pytest.skip(f"{shared.ROOT} is not there")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "without":
            patch.setattr(shared, "ROOT", tmp_path_factory.mktemp("nothing"))
        for kept in CACHED:
            kept.cache_clear()
        yield
    for kept in CACHED:
        kept.cache_clear()


TASKS = [task for task in data.LAST if task is not data.babble]


@pytest.mark.parametrize("task", TASKS, ids=lambda t: f"{t.__module__.rsplit('.', 1)[1]}.{t.__name__}")
def test_a_task_leaves_no_slot_or_choice_open_and_teaches_something(task):
    rng = Random(1)
    for _ in range(40):
        parts = data.spans(rng, task)
        assert any(weight == LEARN and text for text, weight in parts)
        assert not re.search(r"\{[a-z]\}", "".join(text for text, _ in parts))


def test_the_same_seed_gives_the_same_lesson():
    assert list(data.texts(3, 20)) == list(data.texts(3, 20))
    assert list(data.texts(3, 20)) != list(data.texts(4, 20))


def test_the_same_seed_gives_the_same_lesson_in_every_process():
    """Sets of words have another order in every process, unless a seed of Python's own is set."""
    code = (
        "import hashlib; from random import Random; from recipes.pebble import data; "
        "made = (data.spans(Random(i), task, last=True) for task in data.LAST if task is not data.babble for i in range(25)); "
        "print(hashlib.sha256(repr(list(made)).encode()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in "12"
    }
    assert len(told) == 1


def test_the_last_lessons_weigh_what_clients_do_and_come_in_other_guises():
    assert data.mix(data.LAST_SEED) == data.LAST and data.MAIN.keys() < data.LAST.keys()
    rng = Random(20)
    made = ["".join(text for text, _ in data.spans(rng, records.by_grammar, last=True)) for _ in range(200)]
    empty = sum("assistant\n<think>\n\n</think>\n\n{" in text for text in made)
    assert 60 < empty < 140
    assert any(re.search(r"[^\x00-\u024f]", text) for text in made)
    assert not any("<think>\n\n" in text for text in data.texts(5, 100))


def test_a_reply_that_may_not_be_thought_about_follows_an_empty_thought_that_is_not_learnt():
    chat = variants.unthought(Chat([user("2 + 2?"), pebble("2 + 2 = 4", thought="so 4")]))
    parts = render(chat)
    assert ("<think>\n\n</think>\n\n", SKIP) in parts and ("2 + 2 = 4", LEARN) in parts
    assert "so 4" not in "".join(text for text, _ in parts)


def test_a_name_in_another_script_is_the_same_wherever_it_stands():
    parts = render(
        Chat([user("Say hello to Amelia. Zoe is here."), pebble([('{"who": "', HARDLY), ('Amelia"}', LEARN)])])
    )
    read, written = (text for text, _ in variants.foreign(Random(2), parts) if "hello" in text or '"}' in text)
    name = written.removesuffix('"}')
    assert 2 <= len(name) <= 8 and not name.isascii() and f"hello to {name}. Zoe" in read
    plain = render(Chat([user("hello"), pebble("Hello!")]))
    assert variants.foreign(Random(2), plain) == plain


def test_a_tool_that_says_nothing_of_itself_is_filled_from_the_request():
    rng = Random(21)
    for _ in range(300):
        chat = forced.vague(rng)
        call = json.loads("".join(text for text, _ in chat.messages[-1].text))
        (tool,) = chat.tools
        assert call["name"] == tool["name"] and re.fullmatch(r"[\w-]{1,64}", tool["name"])
        assert set(call["arguments"]) <= set(tool["parameters"]["properties"])


def test_the_first_lessons_are_half_drills_and_the_rest_are_not():
    drilled, later = data.mix(0), data.mix(data.DRILLED)
    assert later == data.MAIN and drilled.keys() == later.keys()
    of_drills = {
        name: sum(shares[task] for task in data.DRILLS) / sum(shares.values())
        for name, shares in (("first", drilled), ("later", later))
    }
    assert of_drills["first"] > 0.5 > 3 * of_drills["later"]


def test_no_held_out_word_is_ever_drawn():
    """Human text from ../shared/data may hold such a word; what the recipe writes itself may not."""
    names = {w.lower() for w in held.NAMES + held.PLACES}
    own = [
        t
        for t in TASKS
        if t.__module__.rsplit(".", 1)[1]
        in ("memory", "facts", "tools", "forced", "records", "orders", "lists", "sources", "sums", "copying", "stories")
        and t is not data.stories.human
    ]
    rng = Random(2)
    for task in own:
        for _ in range(60):
            text = "".join(t for t, _ in data.spans(rng, task)).lower()
            assert not names & set(re.findall(r"[a-z]+", text)), text


def test_no_scorecard_prompt_or_tool_is_taught():
    prompts = {t for row in questions.ROWS for item in questions.draw(row, 20) for t in _said(item)}
    names = {tool[0] for tool in TESTED}
    for text in data.texts(11, 1500):
        assert not prompts & set(re.split(r"<\|im_(?:start|end)\|>", text))
        assert not names & set(re.findall(r"\w+", text))


def _said(item) -> list[str]:
    return [
        "user\n" + block["text"]
        for m in item.messages
        if m["role"] == "user"
        for block in m["content"]
        if "text" in block
    ]


def test_questions_and_lessons_share_no_wording():
    """Of the runs of five words in the scorecard's questions, hardly any stands in a lesson."""
    pytest.importorskip("boto3")
    wanted, found = overlap.asked(20), overlap.shared(800)
    for row in wanted:
        assert len(found[row]) <= (25 if row == "memory" else 3), found[row]  # memory: what the assistant says


def test_a_fact_told_is_the_answer():
    rng = Random(15)
    for _ in range(200):
        earlier = ""
        for message in facts.told(rng).messages:
            found = re.fullmatch(r"(?:Your name is|It is) (.+)\.", str(message.text))
            if message.role == "assistant" and found and message.learn and found[1] not in ("green", "white"):
                assert found[1] in earlier
            earlier += str(message.text)


def test_orders_about_lists_are_obeyed():
    for way, letters in ((lists.UPPER, str.upper), (lists.LOWER, str.lower)):
        assert letters("aB") in ("AB", "ab"), way
    rng = Random(14)
    for _ in range(100):
        asked, answered = (str(m.text) for m in lists.given(rng).messages)
        words = re.findall(r"[^\W\d_]+", answered.lower())
        assert words
        assert all(word in asked.lower() for word in words)


def test_sums_are_right():
    rng = Random(3)
    for _ in range(300):
        a, sign, b, c = sums.operation(rng)
        assert c == {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}[sign]
        asked, answered = sums.problem(rng).messages
        for line in (answered.thought or "").splitlines():
            sentence, _, work = line.partition(" -> ")
            assert sentence in asked.text
            if not work.isdigit():
                assert_worked(work)


def assert_worked(line: str) -> None:
    """``47 + 28: 7 + 8 = 15, 4 + 2 + 1 = 7, so 75``, or a small sum alone: every step and the whole are right."""
    head, _, rest = line.partition(": ")
    for step in (rest or head).split(", so ")[0].split(", "):
        left, right = step.split(" = ")
        assert eval(left) == int(right)  # our own digits and signs
    if rest:
        assert eval(head) == int(rest.split(", so ")[1])


@pytest.mark.parametrize("sign", "+-*")
def test_sums_are_worked_by_their_digits(sign):
    rng = Random(13)
    for _ in range(400):
        a, b = rng.randint(0, 300), rng.randint(0, 99 if sign != "*" else 9)
        assert_worked(sums.worked(max(a, b), sign, min(a, b)))


@pytest.mark.parametrize("task", [tools.call, tools.among, tools.direct, tools.two_calls], ids=lambda t: t.__name__)
def test_calls_are_of_a_tool_that_is_there_and_carry_what_it_requires(task):
    rng = Random(4)
    for _ in range(200):
        chat = task(rng)
        specs = {tool["name"]: tool["parameters"] for tool in chat.tools}
        for message in chat.messages:
            for name, arguments in message.calls:
                assert set(specs[name]["required"]) <= set(arguments) <= set(specs[name]["properties"])


@pytest.mark.parametrize(
    "task", [tools.call, tools.among, tools.direct, tools.two_calls, tools.no_call], ids=lambda t: t.__name__
)
def test_beside_a_tool_nobody_says_that_a_tool_is_missing_to_look_it_up(task):
    rng = Random(7)
    assert not any(message.text == talk.LOOK_UP for _ in range(300) for message in task(rng).messages)


def test_a_value_asked_for_was_told():
    rng = Random(5)
    for _ in range(200):
        chat = memory.dialogue(rng)
        earlier = ""
        for message in chat.messages:
            found = re.fullmatch(r"Your (?:name|city) is (.+)\.", str(message.text))
            if message.role == "assistant" and found and " and " not in found[1]:
                assert found[1] in earlier
            earlier += str(message.text)


def test_records_hold_what_their_schema_says():
    rng = Random(6)
    for _ in range(200):
        _, record, schema, _ = records.case(rng)
        assert list(record) == list(schema["properties"])
        json.dumps(record)


def test_no_key_of_the_scorecard_is_taught():
    rng = Random(14)
    taught = {key for _ in range(3000) for key in records.case(rng)[1]}
    assert len(taught) > 1000 and not taught & {key for _, fields in structured.RECORDS for key in fields}


def test_a_value_of_a_kind_stands_in_its_sentence():
    rng = Random(15)
    for _ in range(300):
        text, fields = kinds.sentence(rng)
        assert fields and all(str(value) in text for _, value in fields.values())


def test_a_call_that_is_forced_is_the_bare_json_of_a_tool():
    rng = Random(16)
    unknown = 0
    for _ in range(400):
        chat = forced.forced(rng)
        parts = chat.messages[-1].text
        call = json.loads("".join(text for text, _ in parts))
        specs = {tool["name"]: tool["parameters"] for tool in chat.tools}
        assert list(call) == ["name", "arguments"] and parts[0] == ('{"', HARDLY)
        assert set(specs[call["name"]]["required"]) <= set(call["arguments"]) <= set(specs[call["name"]]["properties"])
        unknown += "unknown" in call["arguments"].values()
    assert 0 < unknown < 60


def test_orders_of_numbers_are_obeyed():
    rng = Random(7)
    for _ in range(100):
        chat = orders._numbers(rng)
        found = [int(n) for n in re.findall(r"\d+", re.sub(r"^\d+\. ", "", str(chat.messages[-1].text), flags=re.M))]
        assert found in (sorted(found), sorted(found, reverse=True))


def test_grammar():
    rng = Random(8)
    assert choose(rng, "a[ b|]c") in ("a bc", "ac")
    assert fill("{x} and {y}", x="{y}", y=1) == "{y} and 1"
    assert listing(["a", "b", "c"]) == "a, b and c"
    for _ in range(200):
        assert "Xé_9" in ask(rng, "please say {v} aloud for everybody here", v="Xé_9")


def test_the_template_writes_what_the_lessons_write():
    jinja2 = pytest.importorskip("jinja2")
    from recipes.pebble.chat import TEMPLATE

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    template = environment.from_string(TEMPLATE)
    tool = {"name": "find", "description": "Find it", "parameters": {"type": "object", "required": ["what"], "properties": {
        "what": {"type": "string", "description": "the thing"}, "size": {"enum": ["S", "L"]},
        "until": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "a day"}}}}  # fmt: skip
    chat = Chat(
        [
            Message("system", "Be brief."),
            user("hi"),
            pebble("", thought="hm", calls=[("find", {"what": "é"})]),
            Message("tool", "{}"),
            pebble("Done."),
        ],
        [tool],
    )
    messages = [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [{"function": {"name": "find", "arguments": {"what": "é"}}}]},
        {"role": "tool", "content": "{}"}, {"role": "assistant", "content": "Done."},
    ]  # fmt: skip
    expected = "".join(text for text, _ in render(chat))
    assert template.render(messages=messages, tools=[{"type": "function", "function": tool}]) == expected
    assert '"until": "string?, a day"' in expected
    # what the engine asks for under a schema or a forced call must be a prompt that the last lessons have
    unthought = render(variants.unthought(Chat([*chat.messages[:2], pebble("x")], [tool])))
    begun = "".join(text for text, _ in unthought).partition("x<|im_end|>")[0]
    assert (
        template.render(
            messages=messages[:2],
            tools=[{"type": "function", "function": tool}],
            add_generation_prompt=True,
            enable_thinking=False,
        )
        == begun
    )
