"""The tokenizer: single digits, words spelt alike everywhere, any Unicode, and llama.cpp of one mind with it."""

from __future__ import annotations

from random import Random

import pytest

pytest.importorskip("tokenizers")

from recipes.pebble import data, lexicon, tokenizer


@pytest.fixture(scope="module")
def known():
    return tokenizer.train(list(data.texts(1, 400)), 1200, 200)


def test_any_text_comes_back(known):
    rng = Random(0)
    for text in [
        "",
        "naïve 東京 🙂 שלום\n\ttabs",
        *(lexicon.unicode_text(rng) for _ in range(100)),
        *data.texts(2, 50),
    ]:
        assert known.decode(known.encode(text).ids, skip_special_tokens=False) == text


def test_digits_stand_alone(known):
    assert known.encode("12345").tokens == list("12345")


def test_a_name_is_spelt_alike_after_a_space_and_a_quote(known):
    for name in ("Tavira", "Quonsel", "Brimdok"):
        plain, quoted = known.encode(f"is {name}").tokens, known.encode(f'is "{name}"').tokens
        tail = plain[plain.index("Ġ") + 1 :] if "Ġ" in plain else plain[-1:]
        assert quoted[-1 - len(tail) : -1] == tail


def test_marks_are_single_tokens(known):
    for mark in tokenizer.CONTROL + tokenizer.VISIBLE:
        assert len(known.encode(mark).ids) == 1


def test_weights_follow_the_characters(known):
    ids, weights = data.encode(known, [("<|im_start|>user\nhello<|im_end|>\n", 0), ("world", 1), ("<|im_end|>", 1)])
    learnt = [i for i, w in zip(ids, weights, strict=True) if w]
    assert known.decode(learnt, skip_special_tokens=False) == "world<|im_end|>"


@pytest.mark.slow
def test_llama_cpp_makes_the_same_tokens(tmp_path):
    pytest.importorskip("torch")
    import json
    import urllib.request

    from recipes.pebble import export
    from recipes.pebble.serving import served

    from outcrop.training import hub_folder
    from outcrop.training.network import Shape, Transformer

    trained = tokenizer.train(list(data.texts(1, 400)), 1024, 150)
    shape = Shape(
        vocab_size=1024,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        intermediate_size=64,
    )
    hub_folder.save(
        Transformer(shape), tmp_path / "model", trained.token_to_id("<|im_end|>"), trained.token_to_id("<|endoftext|>")
    )
    tokenizer.save(trained, tmp_path / "model")
    rng = Random(1)
    texts = [
        *data.texts(5, 100),
        *("".join(rng.choice(" \n\t.a1\"Zé東🙂_'") for _ in range(60)) for _ in range(200)),
    ]
    with served(export.gguf(tmp_path / "model", tmp_path / "m.gguf")) as url:
        for text in texts:
            body = json.dumps({"content": text, "add_special": False, "parse_special": True}).encode()
            request = urllib.request.Request(url + "/tokenize", body, {"content-type": "application/json"})
            assert json.load(urllib.request.urlopen(request))["tokens"] == trained.encode(text).ids
