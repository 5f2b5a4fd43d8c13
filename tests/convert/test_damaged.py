"""Files with random damage: whatever they hold, a ValueError says so, and nothing else comes of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.convert import architectures, sentencepiece, tokenizer, weights

from .folders import BASE, CASES, byte_fallback_tokenizer, byte_level_tokenizer, random_weights, save
from .test_sentencepiece import model

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
GOOD = {**BASE, **CASES["qwen2-yarn"]}
PARTS = [*sorted(GOOD), "rope_parameters", "layer_types"]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every part of a JSON value stands."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, part in inner:
        yield from paths(part, (*here, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with the part at `path` replaced."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def only_value_errors(read: Any, *args: Any) -> None:
    try:
        read(*args)
    except ValueError as error:
        assert str(error)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_configurations(data: st.DataObject) -> None:
    broken = {**GOOD, data.draw(st.sampled_from(PARTS)): data.draw(JSON)}

    def read() -> None:
        row = architectures.find(broken)
        architectures.shape_of(broken, row)

    only_value_errors(read)


@pytest.mark.parametrize("make", [byte_level_tokenizer, byte_fallback_tokenizer])
def test_tokenizers(make: Any, place: Path) -> None:
    path = make(place) / "tokenizer.json"
    good = json.loads(path.read_text())
    small = {**good, "model": {**good["model"], "vocab": dict(list(good["model"]["vocab"].items())[:300])}}
    where = [p for p in paths(small) if len(p) < 5 and "vocab" not in p[:2]] + [
        ("model", "vocab"),
        ("model", "vocab", "x"),
    ]

    @given(st.sampled_from(where), JSON)
    @settings(max_examples=200, deadline=None)
    def damage(at: tuple[Any, ...], new: Any) -> None:
        base = small if at[-1:] != ("x",) else replaced(small, ("model", "vocab"), {**small["model"]["vocab"], "x": 1})
        path.write_text(json.dumps(replaced(base, at, new)))
        only_value_errors(tokenizer.read, place, {**GOOD, "vocab_size": 320})

    damage()


def test_safetensors_headers(place: Path) -> None:
    good = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {}}

    @given(st.sampled_from(list(paths(good))), JSON)
    @settings(max_examples=200, deadline=None)
    def damage(at: tuple[Any, ...], new: Any) -> None:
        text = json.dumps(replaced(good, at, new)).encode()
        (place / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(24))
        only_value_errors(lambda: [tensor.read() for tensor in weights.open_folder(place).values()])

    damage()


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_safetensors_bytes(place: Path, at: int, new: bytes) -> None:
    small = {"model.norm.weight": random_weights(GOOD)["model.norm.weight"]}
    save(place, small)
    path = place / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: at % len(data)] + new + data[at % len(data) + len(new) :])
    only_value_errors(lambda: [tensor.read() for tensor in weights.open_folder(place).values()])


@given(st.integers(0, 6000), st.binary(max_size=6), st.integers(0, 6000))
@settings(max_examples=200, deadline=None)
def test_sentencepiece_bytes(place: Path, at: int, new: bytes, end: int) -> None:
    data = model()
    (place / "tokenizer.model").write_bytes((data[: at % len(data)] + new + data[at % len(data) + len(new) :])[:end])
    only_value_errors(sentencepiece.read, place / "tokenizer.model")


@pytest.mark.parametrize("depth", [100_000])
def test_nesting_without_end(depth: int, place: Path) -> None:
    (place / "tokenizer.json").write_text("[" * depth)
    only_value_errors(tokenizer.read, place, GOOD)
    text = b'{"a":' * depth
    (place / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ValueError, match="header cannot be read"):
        weights.open_folder(place)
