"""Preference tuning: what it makes of a pair, and that the right reply becomes the likelier of the two."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from recipes.pebble import data, preference, tokenizer  # noqa: E402

from outcrop.training.network import Shape, Transformer  # noqa: E402

PROMPT = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def known():
    return tokenizer.train(list(data.texts(1, 60)), 500, 50)


@pytest.fixture
def model(known) -> Transformer:
    torch.manual_seed(0)
    return Transformer(
        Shape(
            vocab_size=known.get_vocab_size(),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            intermediate_size=64,
        )
    )


def test_a_likelihood_is_of_the_reply_alone_and_knows_no_padding(known, model):
    short, long = (PROMPT, "yes", "no"), (PROMPT, "yes", "no, never in all my life")
    alone, beside = (
        preference._likelihoods(model, *preference._batch([preference._encoded(known, pair)])) for pair in (short, long)
    )
    assert alone[0].item() == pytest.approx(beside[0].item(), abs=1e-4)
    assert beside[1] < alone[1] < 0


def test_same_replies_and_long_ones_are_no_pair(known):
    assert preference._encoded(known, (PROMPT, "yes", "yes")) is None
    assert preference._encoded(known, (PROMPT * 200, "yes", "no")) is None


def test_the_right_reply_becomes_the_likelier_one(known, model, monkeypatch):
    monkeypatch.setattr(preference, "time", SimpleNamespace(monotonic=count().__next__))  # each step takes a second
    found = [(PROMPT, right, own) for right, own in (("yes", "no"), ("Lima", "Rome"), ("47", "74"))]
    settings = preference.Settings(minutes=1, rate=3e-3, pairs_a_step=2)
    ranked = preference.tune(model, known, found, settings)
    assert len(ranked) == 59
    assert sum(ranked[-4:]) / 4 > 0.9
