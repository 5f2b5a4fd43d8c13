"""A real model nobody here trained: karpathy's stories260K, against a forward pass in numpy."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from outcrop.convert import convert_llama2c, llama2c

from .engine import serve

MODELS = Path(__file__).parents[2].parent / "shared/data/models"
STORIES, TOKENS = MODELS / "stories260K.bin", MODELS / "tok512.bin"
needs_stories = pytest.mark.skipif(not STORIES.is_file(), reason=f"{STORIES} is not here")


class Reference:
    """Llama 2 as llama2.c computes it, from the same file, knowing nothing of the converter but the file's layout."""

    def __init__(self, path: Path) -> None:
        self.header = llama2c.read_header(path)
        values, at, self.w = np.fromfile(path, "<f4", offset=28), 0, {}
        for name, shape in llama2c.layout(self.header).items():
            size = int(np.prod(shape))
            self.w[name], at = values[at : at + size].reshape(shape), at + size

    def greedy(self, tokens: list[int], count: int) -> list[int]:
        for _ in range(count):
            tokens = [*tokens, int(self.logits(tokens).argmax())]
        return tokens

    def logits(self, tokens: list[int]) -> np.ndarray:
        x = self.w["token_embd"][tokens]
        for layer in range(self.header.layers):
            x = x + self._attention(layer, _norm(x, self.w["attn_norm"][layer]))
            h = _norm(x, self.w["ffn_norm"][layer])
            gate, up = h @ self.w["ffn_gate"][layer].T, h @ self.w["ffn_up"][layer].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ self.w["ffn_down"][layer].T
        return _norm(x[-1], self.w["output_norm"]) @ self.w.get("output", self.w["token_embd"]).T

    def _attention(self, layer: int, x: np.ndarray) -> np.ndarray:
        h, length = self.header, len(x)
        q, k, v = (
            (x @ self.w[name][layer].T).reshape(length, -1, h.head_dim) for name in ("attn_q", "attn_k", "attn_v")
        )
        q, k = self._rotate(q), self._rotate(k)
        k, v = (np.repeat(t, h.heads // h.kv_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / h.head_dim**0.5 + np.triu(np.full((length, length), -1e9), 1)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return np.einsum("hqk,khd->qhd", weights, v).reshape(length, -1) @ self.w["attn_output"][layer].T

    def _rotate(self, x: np.ndarray) -> np.ndarray:
        """Neighbours (2i, 2i + 1) by position / 10000^(2i / d)."""
        turn = np.arange(len(x))[:, None] * 10000.0 ** (-np.arange(0, x.shape[-1], 2) / x.shape[-1])
        pairs = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(1j * turn)[:, None, :]
        return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)


def _norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


@needs_stories
@pytest.mark.parametrize("dtype", ["f32", "q8_0"])
def test_the_story_equals_the_reference(dtype: str, tmp_path: Path) -> None:
    expected = Reference(STORIES).greedy([1], 60)[1:]
    with serve(convert_llama2c(STORIES, TOKENS, tmp_path / "stories.gguf", dtype)) as engine:
        answer = engine.greedy("", 60)
        assert engine.tokenize("Once upon a time", add_special=True) == [1, 403, 407, 261, 378]
    assert answer["tokens"] == expected
    assert answer["content"].startswith(" Once upon a time, there was a little girl named Lily.")


@needs_stories
@pytest.mark.parametrize("cut", [0, 3, 28, 1000, -4])
def test_a_model_cut_off_is_refused(cut: int, tmp_path: Path) -> None:
    (tmp_path / "cut.bin").write_bytes(STORIES.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"cut\.bin"):
        convert_llama2c(tmp_path / "cut.bin", TOKENS, tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


@needs_stories
@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"\xff" * 4000, TOKENS.read_bytes() + b"x" if STORIES.is_file() else b""]
)
def test_a_broken_tokenizer_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "tok.bin").write_bytes(data)
    with pytest.raises(ValueError, match=r"tok\.bin"):
        convert_llama2c(STORIES, tmp_path / "tok.bin", tmp_path / "out.gguf")


@pytest.mark.parametrize("header", [[0] * 7, [64, 1, 1, 3, 3, 5, 5], [64, 1, 1, 8, 3, 5, 5], [-1, 1, 1, 1, 1, 1, 1]])
def test_another_kind_of_file_is_refused(header: list[int], tmp_path: Path) -> None:
    (tmp_path / "odd.bin").write_bytes(struct.pack("<7i", *header) + bytes(1000))
    with pytest.raises(ValueError, match=r"odd\.bin"):
        convert_llama2c(tmp_path / "odd.bin", tmp_path / "none", tmp_path / "out.gguf")


@needs_stories
def test_an_output_matrix_of_its_own_is_kept(tmp_path: Path) -> None:
    """The same weights, stated as untied: the story must not change."""
    data = STORIES.read_bytes()
    header = list(struct.unpack("<7i", data[:28]))
    embedding = data[28 : 28 + 4 * header[0] * header[5]]
    header[5] = -header[5]
    (tmp_path / "untied.bin").write_bytes(struct.pack("<7i", *header) + data[28:] + embedding)
    with serve(convert_llama2c(tmp_path / "untied.bin", TOKENS, tmp_path / "untied.gguf", "f32")) as engine:
        assert engine.greedy("", 20)["tokens"] == Reference(STORIES).greedy([1], 20)[1:]
