"""From model folders to one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from recipes.pebble import export

from outcrop.training import hub_folder
from outcrop.training.network import Shape, Transformer


def test_the_mean_of_two_models_is_the_mean_of_every_weight(tmp_path: Path) -> None:
    made = [Transformer(Shape.of_depth(1, 64)) for _ in range(2)]
    folders = [tmp_path / "first", tmp_path / "last"]
    for model, folder in zip(made, folders, strict=True):
        hub_folder.save(model, folder, 1, 2)
    (folders[1] / "tokenizer.json").write_text("{}")
    out = export.averaged(folders, tmp_path / "mean")
    first, last, mean = (hub_folder.load(folder).state_dict() for folder in (*folders, out))
    assert (out / "tokenizer.json").read_text() == "{}"
    for name, weight in mean.items():
        assert weight.allclose((first[name] + last[name]) / 2, atol=1e-4)
    assert not mean["lm_head.weight"].equal(last["lm_head.weight"])
