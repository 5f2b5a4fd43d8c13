"""What a job's hyperparameters come to in the trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcrop import hyperparameters

pytest.importorskip("torch", reason="needs outcrop[train]")

from outcrop.training import harness


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ({}, harness.RATES["sft", "lora"]),
        ({"tuning": "full"}, harness.RATES["sft", "full"]),
        ({"learningRateMultiplier": "0.5"}, harness.RATES["sft", "lora"] / 2),
        ({"learningRate": "0.01", "learningRateMultiplier": "2"}, 0.02),
    ],
)
def test_the_learning_rate(tmp_path: Path, given: dict[str, str], rate: float) -> None:
    h = hyperparameters.read("FINE_TUNING", given)
    assert harness.settings(tmp_path, h, 8, "sft")["learning_rate"] == pytest.approx(rate)
