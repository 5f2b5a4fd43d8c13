# ruff: noqa: E501
"""Pre-training as a tool: the loss falls, a stop loses nothing, raw text works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from outcrop.training import pretrain  # noqa: E402
from outcrop.training.packing import write  # noqa: E402

SHAPE = {"vocab_size": 32, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
         "head_dim": 16, "intermediate_size": 64, "max_position_embeddings": 64}  # fmt: skip


@pytest.fixture
def job(tmp_path) -> list[str]:
    """A job over counting rows, which a model learns within a few steps."""
    rows = (np.arange(33)[None] + np.arange(64)[:, None]) % 31 + 1
    write(tmp_path / "data" / "0.npy", np.stack([rows, np.ones_like(rows), np.ones_like(rows)]).astype(np.uint16))
    (tmp_path / "shape.json").write_text(json.dumps(SHAPE))
    return [str(tmp_path / "job"), "--data", str(tmp_path / "data"), "--shape", str(tmp_path / "shape.json"),
            "--step-tokens", "512", "--log-steps", "1", "--threads", "1", "--warmup-steps", "2", "--bf16", "off"]  # fmt: skip


def losses(job: list[str]) -> list[float]:
    return [json.loads(line)["loss"] for line in (Path(job[0]) / "progress.jsonl").read_text().splitlines()]


def test_the_loss_falls_and_a_model_folder_is_left(job):
    pretrain.main([*job, "--tokens", "2e4"])
    found = losses(job)
    assert found[-1] < found[0] / 2
    assert (Path(job[0]) / "model" / "model.safetensors").exists()


def test_a_run_in_two_parts_is_the_run_in_one(job, tmp_path):
    """Settings of the schedule are the same; the first part is cut by a checkpoint at half way."""
    whole = [str(tmp_path / "whole"), *job[1:]]
    pretrain.main([*whole, "--tokens", "12000"])
    first = pretrain.Job(*pretrain.read_settings([*job, "--tokens", "12000"]))
    for _ in range(10):
        first._step()
    first._save()
    pretrain.main([*job, "--tokens", "12000"])
    weights = [torch.load(Path(j[0]) / "checkpoint.pt", weights_only=True)["model"] for j in (whole, job)]
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name])


@pytest.mark.timeout(600)
def test_sigterm_saves_and_leaves_in_peace(job):
    environment = {**os.environ, "PYTHONPATH": str(Path(pretrain.__file__).parents[2])}
    command = [sys.executable, "-m", "outcrop.training.pretrain", *job, "--tokens", "1e9"]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    with child:
        try:
            deadline = time.monotonic() + 300
            while not (Path(job[0]) / "progress.jsonl").exists():
                assert child.poll() is None and time.monotonic() < deadline, "it took no step"
                time.sleep(0.1)
            child.send_signal(signal.SIGTERM)
            assert child.wait(120) == 0
        finally:
            child.kill()
    state = torch.load(Path(job[0]) / "checkpoint.pt", weights_only=True)
    assert state["position"]["step"] >= 1
    assert not (Path(job[0]) / "model").exists()


def test_raw_text_is_packed_once(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["to be or not to be"] * 5, trainer)
    tokenizer.add_special_tokens(["<|im_end|>", "<|endoftext|>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("to be or not to be, that is the question. " * 40)
    pretrain.main([str(tmp_path / "job"), "--data", str(tmp_path / "texts"), "--tokenizer", str(tmp_path / "tokenizer.json"), "--depth", "2",
                   "--row-tokens", "32", "--step-tokens", "256", "--tokens", "2000", "--log-steps", "1", "--threads", "1", "--bf16", "off"])  # fmt: skip
    assert list((tmp_path / "job" / "shards").glob("*.npy"))
    assert (tmp_path / "job" / "model" / "tokenizer.json").exists()


def test_the_rate_warms_up_stays_and_falls():
    assert pretrain.rate(0, 0, 10, 0.5) == pytest.approx(0.1)
    assert pretrain.rate(0.4, 100, 10, 0.5) == 1
    assert pretrain.rate(0.75, 100, 10, 0.5) == pytest.approx(0.5)
    assert pretrain.rate(1, 100, 10, 0.5) == 0


@pytest.mark.parametrize(
    ("rank", "count", "mine"), [("0", "2", [0, 2]), ("1", "2", [1, 3]), ("1", None, [0, 1, 2, 3]), ("3", "8", None)]
)
def test_processes_share_the_cores_of_their_machine(monkeypatch, rank, count, mine):
    """Without a count there is one process here; where there are more than cores each goes where it likes."""
    taken = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: taken.append(cores), raising=False)
    monkeypatch.setenv("LOCAL_RANK", rank)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if count:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", count)
    pretrain._keep_to_own_cores()
    assert taken == ([mine] if mine else [])
