"""The packaged model learns a new task from 500 examples with the hyperparameters that a job has when it names none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import outcrop
from tests.training import intents, workers
from tests.training.served import share_right

PEBBLE = Path(outcrop.__file__).parent / "models" / "pebble-v1.gguf"


pytestmark = workers.MARKS


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_pebble_learns_a_task_by_the_defaults(tmp_path: Path) -> None:
    """Held-out requests; the control is Pebble as it is shipped. Under ten minutes on two calm cores."""
    learnt, held = intents.split()
    rows = [{"prompt": text, "completion": code} for text, code in learnt]
    folder = workers.job(tmp_path / "job", PEBBLE, rows)
    begun = time.monotonic()
    assert workers.run(folder, within_s=1400) == 0, workers.failure(folder) or workers.log(folder)
    spent = time.monotonic() - begun
    before, after = share_right(PEBBLE, held), share_right(PEBBLE, held, folder / "model" / "adapter.gguf")
    print(f"{spent:.0f} s; held-out {before:.0%} -> {after:.0%}")
    assert before < 0.05
    assert after > 0.8
