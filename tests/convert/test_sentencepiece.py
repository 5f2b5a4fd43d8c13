"""tokenizer.model files, written here field by field as sentencepiece_model.proto has them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from outcrop.convert import convert, sentencepiece, tokenizer

from .engine import serve
from .folders import build

PIECES = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), *((f"<0x{n:02X}>", 0.0, 6) for n in range(256))]
WORDS = [("▁t", -0.0), ("he", -1.0), ("▁the", -2.0), ("▁", -3.0), ("t", -4.0), ("h", -5.0), ("e", -6.0)]


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def piece(text: str, score: float, kind: int | None) -> bytes:
    data = field(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score)
    return field(1, data + (field(3, kind) if kind else b""))


def model(model_type: int = 2, prefix: int | None = None) -> bytes:
    pieces = [piece(*p) for p in PIECES] + [piece(text, score, None) for text, score in WORDS]
    normalizer = field(1, b"identity") + (field(3, prefix) if prefix is not None else b"")
    return b"".join(pieces) + field(2, field(3, model_type) + field(4, 300)) + field(3, normalizer)


def test_pieces_scores_and_kinds(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(model())
    found = sentencepiece.read(tmp_path / "tokenizer.model")
    assert [(p.text, p.score, p.kind) for p in found.pieces] == PIECES + [(t, s, 1) for t, s in WORDS]
    assert found.add_dummy_prefix
    (tmp_path / "tokenizer.model").write_bytes(model(prefix=0))
    assert not sentencepiece.read(tmp_path / "tokenizer.model").add_dummy_prefix


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x0a\xff", model()[:-3], model(model_type=1), b"\xff" * 40, b"text"])
def test_another_kind_of_file_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(data)
    with pytest.raises(ValueError, match=r"tokenizer\.model"):
        sentencepiece.read(tmp_path / "tokenizer.model")


def test_a_folder_with_nothing_but_tokenizer_model_is_served(tmp_path: Path) -> None:
    build(tmp_path, "llama", bos_token_id=1, eos_token_id=2)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer.model").write_bytes(model())
    settings = {"bos_token": "<s>", "eos_token": "</s>"}
    settings |= {"added_tokens_decoder": {"266": {"content": "<x>", "special": True}}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    found = tokenizer.read(tmp_path, {"vocab_size": 320})
    assert found.tokens[266] == "<x>" and found.add_bos
    with serve(convert(tmp_path, tmp_path / "model.gguf", "f16")) as engine:
        assert engine.tokenize("the the", add_special=True) == [1, 261, 261]
        assert engine.tokenize("é", add_special=False) == [262, 3 + 0xC3, 3 + 0xA9]
