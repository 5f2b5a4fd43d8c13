"""Each architecture, converted and served by llama.cpp, answers as transformers does (goldens.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.convert import convert

from .engine import serve
from .folders import CASES, build

GOLDENS = json.loads(Path(__file__).with_name("goldens.json").read_text())


def ask(folder: Path, dtype: str, count: int) -> dict[str, Any]:
    with serve(convert(folder, folder / "model.gguf", dtype)) as engine:
        return engine.greedy(GOLDENS["prompt"], count, n_probs=20)


def first_token(answer: dict[str, Any], wanted: dict[str, float]) -> dict[int, float]:
    """Log-probabilities of the wanted tokens in the place of the first one."""
    found = {token["id"]: token["logprob"] for token in answer["completion_probabilities"][0]["top_logprobs"]}
    return {int(number): found[int(number)] for number in wanted}


@pytest.mark.parametrize("case", CASES)
def test_float32_gives_the_greedy_tokens_and_probabilities_of_transformers(case: str, tmp_path: Path) -> None:
    golden = GOLDENS["answers"][case]
    answer = ask(build(tmp_path, case), "f32", len(golden["tokens"]))
    assert answer["tokens"] == golden["tokens"]
    expected = {int(number): value for number, value in golden["first"].items()}
    assert first_token(answer, golden["first"]) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("dtype, error", [("bf16", 0.15), ("f16", 0.01), ("q8_0", 0.5)])
@pytest.mark.parametrize("case", CASES)
def test_packed_formats_stay_close(case: str, dtype: str, error: float, tmp_path: Path) -> None:
    wanted = GOLDENS["answers"][case]["first"]
    found = first_token(ask(build(tmp_path, case), dtype, 1), wanted)
    assert sum(abs(found[int(number)] - value) for number, value in wanted.items()) / len(wanted) < error
