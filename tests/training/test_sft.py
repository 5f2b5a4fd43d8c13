"""Supervised fine-tuning in real worker processes: killed at every step of its way, stopped, refused; then what it
learnt, what it left behind, and that llama.cpp says word for word what torch says."""

from __future__ import annotations

import csv
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from outcrop.convert import convert
from tests.training import meddling, merged, tiny_base, workers
from tests.training.served import ADAPTED, post, served, share_right

pytestmark = workers.MARKS

NEXT = dict(zip(tiny_base.CODES, [*tiny_base.CODES[1:], tiny_base.CODES[0]], strict=True))
"""A task that `taught` does not know: the code after the right one."""


def rows(count: int, seed: int) -> list[dict[str, str]]:
    return [{"prompt": asked, "completion": NEXT[code]} for asked, code in tiny_base.questions(count, seed)]


SHORT = {"epochCount": 4, "batchSize": 4, "learningRate": 0.005}
"""Eight steps over eight rows."""
TRAINING = "training_artifacts/step_wise_training_metrics.csv"
VALIDATION = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"


def short(folder: Path, taught: Path, **more: Any) -> Path:
    return workers.job(folder, taught / "model" / "hf", rows(8, 3), hyperparameters={**SHORT, **more})


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


KILLS = [
    (meddling.while_tokens_are_made, 1),
    (meddling.at_the_first_step, 1),
    (meddling.between_checkpoints, 5),
    (meddling.before_a_checkpoint_is_whole, 3),
    (meddling.with_half_a_state, 3),
    (meddling.while_the_model_is_written, 9),
    (meddling.before_the_result, 9),
]
"""(where the worker is killed, the step it goes on at; 9: there is none left)"""


@pytest.mark.parametrize(("meddle", "onward"), KILLS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_killed_worker_goes_on_from_the_newest_whole_checkpoint(
    tmp_path: Path, taught: Path, meddle: Callable[[], None], onward: int
) -> None:
    folder = short(tmp_path / "job", taught)
    assert workers.run(folder, meddle) == -signal.SIGKILL
    assert not (folder / "result.json").exists()
    before = len(workers.events(folder))
    assert workers.run(folder) == 0, workers.log(folder)
    steps = [event["step"] for event in workers.events(folder)[before:] if "loss" in event]
    assert steps == list(range(onward, 9))
    assert sorted(path.name for path in (folder / "model").iterdir()) == ["adapter", "adapter.gguf"]
    assert [int(row["step_number"]) for row in table(folder, TRAINING)] == list(range(1, 9))
    assert workers.result(folder)["kind"] == "adapter"


def test_a_stopped_worker_leaves_within_seconds_and_goes_on_where_it_was(tmp_path: Path, taught: Path) -> None:
    folder = workers.job(
        tmp_path / "job", taught / "model" / "hf", rows(200, 3), hyperparameters={**SHORT, "epochCount": 20}
    )
    process = workers.start(folder)
    workers.until(process, lambda: any("loss" in event for event in workers.events(folder)))
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.join(120)
    assert (process.exitcode, workers.failure(folder)) == (3, None)
    assert time.monotonic() - asked < 60
    done = max(event["step"] for event in workers.events(folder) if "loss" in event)
    process = workers.start(folder)
    workers.until(process, lambda: any(event.get("step", 0) > done for event in workers.events(folder)))
    os.kill(process.pid, signal.SIGTERM)
    process.join(120)
    onward = [event["step"] for event in workers.events(folder) if "loss" in event]
    assert onward == list(range(1, len(onward) + 1))


def test_a_worker_stopped_before_it_trains_leaves_too(tmp_path: Path, taught: Path) -> None:
    folder = short(tmp_path / "job", taught)
    process = workers.start(folder)
    workers.until(process, lambda: bool(workers.events(folder)))
    os.kill(process.pid, signal.SIGTERM)
    process.join(120)
    assert process.exitcode == 3
    assert not (folder / "result.json").exists()


def test_a_worker_ends_with_its_server(tmp_path: Path, taught: Path) -> None:
    folder = workers.job(tmp_path / "job", taught / "model" / "hf", rows(200, 3), hyperparameters=SHORT)
    process = workers.start(folder, meddling.orphan_soon)
    process.join(300)
    assert process.exitcode == 9


REFUSED = [
    ({"maxSequenceLength": 16}, "train: record 1 has"),
    ({"loraRank": "x"}, "loraRank must be an integer"),
]


@pytest.mark.parametrize(("h", "says"), REFUSED)
def test_what_cannot_be_trained_is_refused_in_words(tmp_path: Path, taught: Path, h: Any, says: str) -> None:
    folder = short(tmp_path / "job", taught, **h)
    assert workers.run(folder) == 1
    assert says in (workers.failure(folder) or "")


def test_bad_data_is_refused_by_line(tmp_path: Path, taught: Path) -> None:
    folder = workers.job(tmp_path / "job", taught / "model" / "hf", [*rows(2, 3), {"prompt": "a"}])
    assert workers.run(folder) == 1
    assert (workers.failure(folder) or "").startswith("train.jsonl: line 3: ")


def test_a_missing_package_fails_saying_what_to_install(tmp_path: Path, taught: Path) -> None:
    folder = short(tmp_path / "job", taught)
    assert workers.run(folder, meddling.without_trl) == 1
    assert workers.failure(folder) == 'Training needs trl, peft: pip install "outcrop[train]"'


def test_too_little_memory_fails_saying_what_to_change(tmp_path: Path, taught: Path) -> None:
    folder = short(tmp_path / "job", taught)
    assert workers.run(folder, meddling.without_memory) == 1
    assert "smaller batchSize" in (workers.failure(folder) or "")


def test_full_tuning_learns_what_was_not_shown(blank: Path, taught: Path, tmp_path: Path) -> None:
    """Held-out sentences; the control is the model that training began with."""
    held = tiny_base.questions(60, seed=9)
    assert share_right(convert(blank, tmp_path / "blank.gguf", "f32"), held) == 0
    assert share_right(taught / "model" / "model.gguf", held) >= 0.9
    assert workers.result(taught)["kind"] == "full"


def test_the_metrics_are_bedrocks(taught: Path) -> None:
    steps, held = table(taught, TRAINING), table(taught, VALIDATION)
    assert list(steps[0]) == ["step_number", "epoch_number", "training_loss", "perplexity"]
    assert list(held[0]) == ["step_number", "epoch_number", "validation_loss", "perplexity"]
    assert [row["step_number"] for row in steps] == [str(n) for n in range(1, 61)]
    assert [(row["step_number"], row["epoch_number"]) for row in held] == [(str(12 * n), str(n)) for n in range(1, 6)]
    for row, loss in [(steps[4], "training_loss"), (held[0], "validation_loss")]:
        assert float(row["perplexity"]) == pytest.approx(math.exp(float(row[loss])), rel=1e-4)
    result = workers.result(taught)
    assert result["trainingLoss"] == pytest.approx(float(steps[-1]["training_loss"]), rel=1e-4)
    assert result["validationLosses"] == [pytest.approx(float(held[-1]["validation_loss"]), rel=1e-4)]
    assert float(held[-1]["validation_loss"]) < float(held[0]["validation_loss"]) / 2
    drawing = ElementTree.parse(taught / "loss.svg").getroot()
    assert len(drawing.findall("{*}circle")) == 5
    phases = [(e["phase"], e["status"]) for e in workers.events(taught) if "phase" in e]
    names = ["validation", "data_processing", "training"]
    assert phases == [(name, status) for name in names for status in ("InProgress", "Completed")]


@pytest.fixture(scope="module")
def lora(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`taught`, taught the other task by an adapter."""
    h = {"epochCount": 5, "batchSize": 16, "learningRate": 0.01}
    folder = tmp_path_factory.mktemp("lora") / "job"
    folder = workers.job(folder, taught / "model" / "hf", rows(160, 4), hyperparameters=h)
    assert workers.run(folder) == 0, workers.failure(folder) or workers.log(folder)
    return folder


def test_an_adapter_learns_what_its_base_does_not_know(taught: Path, lora: Path) -> None:
    base = taught / "model" / "model.gguf"
    held = [(asked, NEXT[code]) for asked, code in tiny_base.questions(60, seed=9)]
    assert share_right(base, held) < 0.1
    assert share_right(base, held, lora / "model" / "adapter.gguf") >= 0.9


def test_llama_cpp_says_with_the_adapter_what_torch_says_with_it_merged(
    taught: Path, lora: Path, tmp_path: Path
) -> None:
    """Greedy, token for token, on weights in full precision on both sides; neither may say the end token."""
    base = convert(taught / "model" / "hf", tmp_path / "base.gguf", "f32")
    prompts = [asked for asked, _ in tiny_base.questions(12, seed=10)]
    expected = merged.greedy(taught / "model" / "hf", lora / "model" / "adapter", prompts, tmp_path)
    with served(base, lora / "model" / "adapter.gguf", slots=1) as url:
        said = [complete(url, ids, **ADAPTED) for ids in expected["prompts"]]
        plain = [complete(url, ids) for ids in expected["prompts"]]
    assert said == expected["answers"]
    assert all(without != adapted for without, adapted in zip(plain, said, strict=True))


def complete(url: str, ids: list[int], **more: Any) -> list[int]:
    body = {"prompt": ids, "n_predict": 16, "temperature": 0, "ignore_eos": True, "return_tokens": True}
    return post(url, "/completion", {**body, "cache_prompt": False, **more})["tokens"]


def test_a_conversation_with_tools_is_trained_on(taught: Path, tmp_path: Path) -> None:
    """Each of the assistant's turns is learnt, and nothing else."""
    spec = {"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}
    said: list[Any] = [
        {"role": "user", "content": [{"text": "find amber"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "find", "input": {"word": "amber"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "K1"}]}}]},
        {"role": "assistant", "content": [{"text": "K1 now"}]},
    ]
    line = {"schemaVersion": "bedrock-conversation-2024", "messages": said, "toolConfig": {"tools": [spec]}}
    folder = workers.job(tmp_path / "job", taught / "model" / "hf", [line] * 4, hyperparameters={"epochCount": 8})
    assert workers.run(folder) == 0, workers.failure(folder) or workers.log(folder)
    losses = [event["loss"] for event in workers.events(folder) if "loss" in event]
    assert losses[-1] < losses[0] * 0.7


def test_a_custom_models_adapter_is_trained_further(taught: Path, lora: Path, tmp_path: Path) -> None:
    """It begins where the adapter was: with the loss of the task that it knows, which a new adapter starts far from."""
    place = {"id": "tiny", "source": None, "folder": str(taught / "model" / "hf")}
    further = {**place, "adapter": str(lora / "model" / "adapter")}
    first = []
    for name, base in (("new", place), ("further", further)):
        folder = workers.job(tmp_path / name, taught, rows(8, 5), hyperparameters=SHORT, base=base)
        assert workers.run(folder) == 0, workers.failure(folder) or workers.log(folder)
        assert workers.result(folder)["kind"] == "adapter"
        first.append(next(event["loss"] for event in workers.events(folder) if "loss" in event))
    assert first[1] < first[0] / 4
