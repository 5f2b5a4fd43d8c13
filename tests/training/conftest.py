"""The models that training tests begin with: made and taught once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training import tiny_base, workers


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random weights."""
    return tiny_base.make(tmp_path_factory.mktemp("blank") / "hf")


@pytest.fixture(scope="session")
def taught(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job folder of a full fine-tune of `blank`: it answers with the code of the key word."""
    rows = [{"prompt": asked, "completion": code} for asked, code in tiny_base.questions(192, seed=1)]
    held = [{"prompt": asked, "completion": code} for asked, code in tiny_base.questions(16, seed=2)]
    h = {"epochCount": 5, "batchSize": 16, "learningRate": 0.005, "tuning": "full"}
    folder = workers.job(tmp_path_factory.mktemp("taught") / "job", blank, rows, validation=held, hyperparameters=h)
    assert workers.run(folder) == 0, workers.failure(folder) or workers.log(folder)
    return folder
