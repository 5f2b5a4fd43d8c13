"""The scorecard: a reply that is right is marked right, a wrong one wrong, and there are enough items."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from recipes.pebble import card, serving

from outcrop.engines.probe import PEBBLE
from outcrop.evaluation.pebble import rows as questions
from outcrop.evaluation.pebble import scorecard
from outcrop.evaluation.pebble.item import Reply


@pytest.mark.parametrize("row", list(questions.ROWS))
def test_every_figure_has_its_items_and_silence_scores_nothing(row):
    items = questions.draw(row, 30)
    parts = {item.part for item in items}
    assert len(parts) == questions.PARTS.get(row, 1)
    assert all(sum(item.part == part for item in items) == 30 for part in parts)
    assert not any(item.mark(Reply()) for item in items)


def test_the_draw_is_repeatable():
    assert [i.messages for i in questions.draw("tools", 10)] == [i.messages for i in questions.draw("tools", 10)]


def test_an_exact_call_is_right_and_any_other_wrong():
    wrong = Reply(calls=[("nothing", {})])
    marked = [
        (item.mark(wrong), item.mark(Reply(text="no"))) for item in questions.draw("tools", 40) if item.part == "call"
    ]
    assert not any(w for w, _ in marked)
    assert any(silent for _, silent in marked)
    assert not all(silent for _, silent in marked)


def test_structured_items_take_their_record_and_nothing_else():
    for item in questions.draw("structured", 20):
        assert item.schema is not None
        assert not item.mark(Reply(text="{}"))
        assert not item.mark(Reply(text="not json"))


def test_an_answer_needs_value_and_source():
    for item in questions.draw("grounded", 20):
        sources = dict(re.findall(r"\[(\d)\] (.*)", item.messages[0]["content"][0]["text"]))
        marks = [item.mark(Reply(text=f"{line} [{number}]")) for number, line in sources.items()]
        assert sum(marks) == (1 if item.part == "there" else 0)
        assert item.mark(Reply(text="The passage does not say.")) == (item.part == "not there")


def test_speed_is_counted_in_the_services_tokens(monkeypatch):
    """A model that takes a millisecond to read four letters or to write a token, and writes fifty."""
    now, prompts = [0.0], []

    def ask(item, limit):
        letters = len(item.messages[0]["content"][0]["text"])
        prompts.append(letters // 4)
        written = min(limit, 50)
        now[0] += (letters / 4 + written) / 1000
        return Reply(read=letters // 4, written=written)

    monkeypatch.setattr(scorecard.time, "perf_counter", lambda: now[0])
    figures = scorecard.speed(ask)
    assert figures["tokens_per_second"] == 1000
    assert 510 < figures["first_token_ms"] < 525
    assert max(prompts[1:]) < 520


def test_the_table_shows_every_figure():
    figures = {
        "rows": {"memory": {"": {"right": 1, "asked": 2, "percent": 50.0}}},
        "speed": {"tokens_per_second": 9, "first_token_ms": 1.0},
    }
    assert "| dialogue memory | 50.0 % | 90 % | 2 |" in scorecard.table(figures)
    json.dumps(figures)


def test_a_failing_request_is_a_wrong_answer_and_is_told():
    """A question that is longer than the context says nothing of what a model remembers."""

    def broken(item, limit):
        raise OSError("gone")

    figures = scorecard.score(broken, "memory", 5, 1, 2)
    assert figures[""] == {"right": 0, "asked": 5, "percent": 0.0, "failed": 5, "error": "OSError: gone"}
    assert "| 0.0 % | 90 % | 5, 5 failed: OSError: gone |" in scorecard.table({"rows": {"memory": figures}})
    assert "failed" not in scorecard.score(lambda item, limit: Reply(text="no"), "memory", 5, 1, 2)[""]


def test_a_build_is_measured_through_the_service(tmp_path):
    """Every request arrives and every question fits the context; what is right is the model's affair."""
    figures = card.measure(PEBBLE, 1, tmp_path / "scorecard.json")
    assert json.loads((tmp_path / "scorecard.json").read_text()) == figures
    parts = [part for row in figures["rows"].values() for part in row.values()]
    assert len(parts) == 14 and not any("failed" in part for part in parts)
    assert len((tmp_path / "scorecard.replies.jsonl").read_text().splitlines()) == 14
    assert figures["speed"]["tokens_per_second"] > 0


def test_what_is_no_model_is_not_measured(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but nothing more")
    with pytest.raises(subprocess.CalledProcessError), serving.service(tmp_path / "broken.gguf"):
        pytest.fail("served")
