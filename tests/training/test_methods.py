"""The other methods in real worker processes, each shown to learn on what it was not shown, with a control; and kills,
graders that fail, and data that does not fit. Supervised fine-tuning has tests of its own."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from outcrop.training.grpo import batches
from tests.training import meddling, tiny_base, workers
from tests.training.served import share_right

pytestmark = workers.MARKS

LIKED = "K7"
HELD = [(asked, LIKED) for asked, code in tiny_base.questions(60, seed=9) if code != LIKED]
"""Questions that no training saw, with an answer that `taught` does not give to them."""


def run(folder: Path) -> Path:
    assert workers.run(folder) == 0, workers.failure(folder) or workers.log(folder)
    return folder


def losses(folder: Path, name: str = "loss") -> list[float]:
    return [event[name] for event in workers.events(folder) if name in event and "loss" in event]


# preferences -----------------------------------------------------------------------------------------------------


def pairs(count: int, seed: int) -> list[dict[str, str]]:
    """One code is preferred to the right one, whatever was asked."""
    asked = [(question, code) for question, code in tiny_base.questions(2 * count, seed) if code != LIKED]
    return [{"prompt": question, "chosen": LIKED, "rejected": code} for question, code in asked[:count]]


def test_preferences_are_learnt_by_an_adapter(taught: Path, tmp_path: Path) -> None:
    """The preferred answer is given to questions to which the model began by giving the other."""
    h = {"epochCount": 4, "batchSize": 16, "learningRate": 0.001, "beta": 0.1}
    order: dict[str, Any] = {"hyperparameters": h, "validation": pairs(16, 5)}
    folder = run(workers.job(tmp_path / "job", taught / "model" / "hf", pairs(128, 4), **order))
    accuracies = [e["accuracy"] for e in workers.events(folder) if "validation_loss" in e]
    assert accuracies[-1] >= 0.9
    assert workers.result(folder)["validationLosses"][0] < 0.6  # ln 2 where nothing was learnt
    base = taught / "model" / "model.gguf"
    assert share_right(base, HELD) < 0.1
    assert share_right(base, HELD, folder / "model" / "adapter.gguf") > 0.9


def test_preferences_in_full_hold_to_a_frozen_copy(taught: Path, tmp_path: Path) -> None:
    """The first loss is ln 2: model and reference are the same; later ones are less, so they no longer are."""
    h = {"epochCount": 3, "batchSize": 8, "learningRate": 0.0005, "tuning": "full"}
    folder = run(workers.job(tmp_path / "job", taught / "model" / "hf", pairs(32, 4), hyperparameters=h))
    seen = losses(folder)
    assert seen[0] == pytest.approx(0.6931, abs=1e-3)
    assert seen[-1] < 0.6
    assert workers.result(folder)["kind"] == "full"


def test_a_pair_that_is_too_long_is_refused(taught: Path, tmp_path: Path) -> None:
    order: dict[str, Any] = {"hyperparameters": {"maxSequenceLength": 16}}
    folder = workers.job(tmp_path / "job", taught / "model" / "hf", pairs(2, 4), **order)
    assert workers.run(folder) == 1
    assert "train: record 1 has" in (workers.failure(folder) or "")


# continued pre-training ------------------------------------------------------------------------------------------


def texts(count: int, seed: int) -> list[dict[str, str]]:
    """A made-up language: words come in a fixed round, from anywhere in it."""
    draw = random.Random(seed)
    words = [*tiny_base.KEYS, *tiny_base.CODES]
    random.Random(0).shuffle(words)
    starts = [draw.randrange(len(words)) for _ in range(count)]
    return [{"input": " ".join(words[(start + n) % len(words)] for n in range(24))} for start in starts]


def test_plain_texts_are_packed_and_learnt(blank: Path, tmp_path: Path) -> None:
    """The loss on held-out texts falls far below that of the model it began with, its first training loss."""
    h = {"epochCount": 6, "batchSize": 8, "learningRate": 0.005, "tuning": "full", "maxSequenceLength": 128}
    order: dict[str, Any] = {"method": "CONTINUED_PRE_TRAINING", "hyperparameters": h, "validation": texts(8, 2)}
    folder = run(workers.job(tmp_path / "job", blank, texts(160, 1), **order))
    seen = losses(folder)
    assert len(seen) == 48  # 51 tokens a text: 64 full sequences an epoch, not 160 short ones
    assert workers.result(folder)["validationLosses"][0] < seen[0] / 3


# reinforcement ---------------------------------------------------------------------------------------------------

GRADER = """
def lambda_handler(event, context):
    return [{"id": e["id"], "aggregate_reward_score": score(e)} for e in event]

def score(e):
    return float(e["messages"][-1]["content"].strip() in e["reference_answer"]["wanted"])
"""


def graded(count: int, seed: int, wanted: list[str] = tiny_base.CODES[:4]) -> list[dict[str, Any]]:
    asked = tiny_base.questions(count, seed)
    return [
        {"messages": [{"role": "user", "content": question}], "reference_answer": {"wanted": wanted}}
        for question, _ in asked
    ]


def reinforcement(folder: Path, taught: Path, tmp_path: Path, code: str = GRADER, **h: Any) -> Path:
    (tmp_path / "grade.py").write_text(code)
    given = {"batchSize": 8, "trainingSamplePerPrompt": 4, "inferenceMaxTokens": 6, **h}
    order = {"method": "REINFORCEMENT_FINE_TUNING", "hyperparameters": given}
    grader = {"python": f"{tmp_path / 'grade.py'}:lambda_handler"}
    return workers.job(folder, taught / "model" / "hf", graded(48, 4), grader=grader, **order)


def test_what_a_grader_rewards_is_said_more_often(taught: Path, tmp_path: Path) -> None:
    """Half of the codes earn a reward: at first every second answer does, on held-out questions, at last nearly all."""
    folder = run(reinforcement(tmp_path / "job", taught, tmp_path, learningRate=0.01, epochCount=4))
    rewards = losses(folder, "reward")
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.2
    held = [question for question, _ in tiny_base.questions(40, seed=9)]
    base = taught / "model" / "model.gguf"
    before, after = (rewarded(base, held, place) for place in (None, folder / "model" / "adapter.gguf"))
    assert (before < 0.7, after > 0.85) == (True, True), (before, after)
    header = (folder / "training_artifacts/step_wise_training_metrics.csv").read_text().splitlines()[0]
    assert header == "step_number,epoch_number,training_loss,perplexity,reward"


def rewarded(base: Path, questions: list[str], adapter: Path | None) -> float:
    return sum(share_right(base, [(q, code) for q in questions], adapter) for code in tiny_base.CODES[:4])


def test_a_grader_that_fails_ends_the_job_in_its_words(taught: Path, tmp_path: Path) -> None:
    code = "def lambda_handler(event, context):\n    raise RuntimeError('no more tickets')"
    folder = reinforcement(tmp_path / "job", taught, tmp_path, code)
    assert workers.run(folder) == 1
    assert workers.failure(folder) == "The grader failed: RuntimeError: no more tickets"


def test_reinforcement_goes_on_after_a_kill(taught: Path, tmp_path: Path) -> None:
    folder = reinforcement(tmp_path / "job", taught, tmp_path, epochCount=1)
    assert workers.run(folder, meddling.between_checkpoints) == -signal.SIGKILL
    before = len(workers.events(folder))
    run(folder)
    steps = [event["step"] for event in workers.events(folder)[before:] if "loss" in event]
    assert steps == [5, 6]


def test_a_prompt_that_is_too_long_is_refused(taught: Path, tmp_path: Path) -> None:
    folder = reinforcement(tmp_path / "job", taught, tmp_path, maxPromptLength=4)
    assert workers.run(folder) == 1
    assert "maxPromptLength is 4" in (workers.failure(folder) or "")


@pytest.mark.parametrize(
    ("prompts", "samples", "expected"), [(16, 4, (16, 1)), (32, 4, (16, 2)), (7, 16, (1, 7)), (12, 8, (6, 2))]
)
def test_large_batches_are_accumulated(prompts: int, samples: int, expected: tuple[int, int]) -> None:
    assert batches(prompts, samples) == expected


# distillation ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_a_teacher_said_is_learnt_as_any_conversation(blank: Path, taught: Path, tmp_path: Path) -> None:
    """The student, of random weights, answers held-out questions as the teacher does (jobs/distillation.py asks it)."""
    asked = tiny_base.questions(192, seed=6)
    lines = [
        {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [],
            "messages": [
                {"role": "user", "content": [{"text": question}]},
                {"role": "assistant", "content": [{"text": code}]},
            ],
        }
        for question, code in asked
    ]
    h = {"epochCount": 5, "batchSize": 16, "learningRate": 0.005, "tuning": "full"}
    folder = run(workers.job(tmp_path / "job", blank, lines, "DISTILLATION", hyperparameters=h))
    assert share_right(folder / "model" / "model.gguf", tiny_base.questions(60, seed=9)) >= 0.9
