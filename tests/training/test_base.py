"""The packaged model, brought back from the file that is served, is trained and written as its engine reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training import workers
from tests.training.served import answer, served
from tests.training.test_pebble import PEBBLE

pytestmark = workers.MARKS

ROWS = [{"prompt": "what is the word", "completion": "granite"}]


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_the_served_file_is_trained(tmp_path: Path, tuning: str) -> None:
    """By an adapter or in full: what was learnt by heart is said by llama.cpp, and was not said before."""
    h = {"tuning": tuning, "epochCount": 30, "learningRate": 0.003, "batchSize": 1}
    folder = workers.job(tmp_path / "job", PEBBLE, ROWS, hyperparameters=h)
    assert workers.run(folder) == 0, workers.failure(folder) or workers.log(folder)
    model = folder / "model"
    made = (PEBBLE, model / "adapter.gguf") if tuning == "lora" else (model / "model.gguf", None)
    with served(PEBBLE) as url:
        assert answer(url, ROWS[0]["prompt"]).strip() != "granite"
    with served(*made) as url:
        more = {"lora": [{"id": 0, "scale": 1.0}]} if tuning == "lora" else {}
        assert answer(url, ROWS[0]["prompt"], **more).strip() == "granite"
