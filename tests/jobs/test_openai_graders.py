"""OpenAI's graders: what they give, what they refuse, and that a formula is never run."""

from __future__ import annotations

from typing import Any

import pytest

from outcrop.jobs import formula, similarity
from outcrop.jobs.openai_graders import GraderFault, Unreadable, check, missing, models, score

ITEM = {"wanted": "Paris", "deep": {"list": ["a", {"b": 2}]}, "messages": [{"role": "user", "content": "capital?"}]}


def string(operation: str, **more: Any) -> dict[str, Any]:
    told = {"input": "{{ sample.output_text }}", "reference": "{{item.wanted}}", **more}
    return {"type": "string_check", "name": "s", "operation": operation, **told}


def judge(**more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "{{item.wanted}}? {{sample.output_text}}"}]
    return {"type": "score_model", "name": "j", "model": "m", "input": said, **more}


FUZZY = {"type": "text_similarity", "evaluation_metric": "fuzzy_match", "reference": "abcd"}
FUZZY |= {"input": "{{sample.output_text}}"}
BOTH = {"type": "multi", "graders": {"a": string("eq"), "b": string("ilike")}, "calculate_output": "0.25*a + 0.75*b"}


def nobody(*_: Any) -> Any:
    raise AssertionError("no model was to be asked")


@pytest.mark.parametrize(
    ("grader", "answer", "mark"),
    [
        (string("eq"), "Paris", 1),
        (string("eq"), "paris", 0),
        (string("ne"), "London", 1),
        (string("like"), "It is Paris.", 1),
        (string("like"), "It is paris.", 0),
        (string("ilike"), "It is paris.", 1),
        (string("eq", reference="{{item.deep.list[1].b}}"), "2", 1),
        (string("eq", reference="{{item.deep.list.0}}"), "a", 1),
        (string("eq", input="{{sample.output_json.city}}"), '{"city": "Paris"}', 1),
        (FUZZY, "abd", 6 / 7),
        (BOTH, "paris", 0.75),
    ],
)
def test_what_an_answer_earns(grader: dict[str, Any], answer: str, mark: float) -> None:
    check(grader)
    assert score(grader, ITEM, answer, nobody) == pytest.approx(mark)


def test_an_answer_that_is_no_json_cannot_be_read_as_such() -> None:
    with pytest.raises(Unreadable):
        score(string("eq", input="{{sample.output_json.city}}"), ITEM, "Paris", nobody)


def test_a_judge_gets_the_filled_messages_and_its_mark_stays_in_range() -> None:
    asked: list[Any] = []

    def ask(grader: Any, messages: Any, schema: Any) -> Any:
        asked.append((messages, schema))
        return 12

    grader = judge(range=[0, 10])
    check(grader)
    assert score(grader, ITEM, "Rome", ask) == 10
    assert asked[0][0] == [{"role": "user", "content": "Paris? Rome"}]
    assert asked[0][1] == {"type": "number", "minimum": 0, "maximum": 10}
    for silence in (None, "five", True):
        with pytest.raises(Unreadable):
            score(grader, ITEM, "Rome", lambda *_, said=silence: said)
    labels = {"labels": ["x", "y"], "passing_labels": ["y"]}
    label = {"type": "label_model", "model": "n", "input": judge()["input"], **labels}
    check(label)
    assert [score(label, ITEM, "Rome", lambda *_, said=said: said) for said in ("y", "x", None)] == [1, 0, 0]
    assert models({"type": "multi", "graders": {"a": grader, "b": label}}) == ["m", "n"]


@pytest.mark.parametrize(
    ("grader", "place"),
    [
        (None, "grader.type"),
        ({"type": "exam"}, "grader.type"),
        (string("near"), "grader.operation"),
        (string("eq", extra=1), "grader.extra"),
        (string("eq", input=3), "grader.input"),
        (string("eq", input="{{ 7 * 7 }}"), "grader"),
        (string("eq", input="{{ sample.output_tools }}"), "grader"),
        (judge(input=[{"role": "user"}]), "grader.input"),
        (judge(input=[{"role": "robot", "content": "x"}]), "grader.input"),
        (judge(range=[1, 0]), "grader.range"),
        (judge(range=5), "grader.range"),
        (judge(range={"low": 0, "high": 1}), "grader.range"),
        (judge(type="label_model", labels=[["x"]], passing_labels=[["x"]]), "grader.labels"),
        (judge(type="label_model", labels=["x"], passing_labels=[["x"]]), "grader.passing_labels"),
        (judge(sampling_params={"n": 3}), "grader.sampling_params"),
        ({"type": "python", "source": "x"}, "grader.source"),
        ({"type": "multi", "graders": {"a": string("near")}, "calculate_output": "a"}, "grader.graders.a.operation"),
        ({"type": "multi", "graders": {"a": string("eq")}, "calculate_output": "b"}, "grader.calculate_output"),
        (
            {"type": "multi", "graders": {"a": {"type": "multi"}}, "calculate_output": "a"},
            "grader.graders.a",
        ),
    ],
)
def test_graders_that_cannot_be(grader: Any, place: str) -> None:
    with pytest.raises(GraderFault) as raised:
        check(grader)
    assert raised.value.place == place


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "grader",
    [
        string("eq", input="{" * 400_000),
        judge(type="label_model", labels=[*map(str, range(90_000))], passing_labels=[*map(str, range(90_000))]),
    ],
)
def test_a_large_grader_is_read_once(grader: Any) -> None:
    check(grader)


def test_braces_that_never_close_are_words() -> None:
    grader = string("eq", input="{{ {{item.wanted}} {{", reference="x")
    with pytest.raises(GraderFault, match="neither"):
        check(grader)
    check(string("eq", input="}} {{item.wanted}} {{ item"))


def test_what_a_line_must_have() -> None:
    grader = {"type": "multi", "graders": {"a": string("eq"), "b": string("eq", reference="{{item.deep.list[7]}}")}}
    assert missing(grader, ITEM) == ["item.deep.list[7]"]
    assert missing(judge(), {}) == ["item.wanted"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("-(a - 1) ^ 2", -0.25),
        ("max(a, 0.1, min(1, 2)) / 2", 0.5),
        ("floor(1.5) + ceil(1.5) + abs(-1) + sqrt(4) + exp(0) + log(1)", 7),
    ],
)
def test_formulas(text: str, value: float) -> None:
    formula.check(text, ["a"])
    assert formula.value(text, {"a": 0.5}) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "a.real", "a[0]", "'x'", "True", "lambda: 1", "open('x')", "min()", "floor(1, 2)", "b", "a if a else 1",
     "1;2", "a := 2", "(" * 300 + "a" + ")" * 300, "+".join(["a"] * 300), "max(a, key=a)", "max(*a)"],
)  # fmt: skip
def test_what_is_no_formula(text: str) -> None:
    with pytest.raises(formula.NoFormula):
        formula.check(text, ["a"])


@pytest.mark.parametrize("text", ["1 / (a - a)", "sqrt(-a)", "9999 ^ 9999", "log(0)", "exp(99999)"])
def test_a_formula_without_a_value(text: str) -> None:
    formula.check(text, ["a"])
    with pytest.raises(formula.NoValue):
        formula.value(text, {"a": 1.0})


@pytest.mark.parametrize(
    ("metric", "given", "wanted", "value"),
    [
        ("rouge_1", "the cat sat", "the cat was here", 2 * 2 / 7),
        ("rouge_2", "the cat sat", "the cat was here", 2 * 1 / 5),
        ("rouge_l", "the sat cat", "the cat was here", 2 * 2 / 7),
        ("gleu", "the cat sat", "the cat sat", 1),
        ("gleu", "the cat", "the dog", 1 / 3),
        ("fuzzy_match", "", "", 1),
        ("fuzzy_match", "", "a", 0),
    ],
)
def test_similarity(metric: str, given: str, wanted: str, value: float) -> None:
    assert similarity.METRICS[metric](given, wanted) == pytest.approx(value)
