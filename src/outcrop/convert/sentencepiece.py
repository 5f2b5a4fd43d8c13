"""A SentencePiece tokenizer.model: the pieces of its protobuf, read without the sentencepiece package.

Knows nothing of GGUF. Source: sentencepiece_model.proto (ModelProto: pieces = 1, trainer_spec = 2,
normalizer_spec = 3; SentencePiece: piece = 1, score = 2, type = 3; TrainerSpec: model_type = 3;
NormalizerSpec: add_dummy_prefix = 3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BPE = 2
"""TrainerSpec.model_type of a BPE model; 1 is unigram."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`kind` is SentencePiece.Type, whose numbers GGUF's token types follow."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True, slots=True)
class Model:
    pieces: list[Piece]
    add_dummy_prefix: bool


def read(path: Path) -> Model:
    """Read a BPE model; ValueError when the file is none."""
    try:
        fields = list(_fields(path.read_bytes()))
        pieces = [_piece(value) for number, value in fields if number == 1]
        trainer, normalizer = (dict(_fields(next((v for n, v in fields if n == k), b""))) for k in (2, 3))
    except (LookupError, struct.error, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f"{path}: not a SentencePiece model ({error})") from error
    if trainer.get(3, 1) != BPE or not pieces:
        raise ValueError(f"{path}: not a SentencePiece BPE model; other kinds cannot be converted")
    return Model(pieces, bool(normalizer.get(3, 1)))


def _piece(data: bytes) -> Piece:
    fields = dict(_fields(data))
    (score,) = struct.unpack("<f", fields.get(2, bytes(4)))
    return Piece(bytes(fields[1]).decode(), score, int(fields.get(3, 1)))


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values of one protobuf message: int for varints, bytes for all else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        length, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at) if kind in (1, 5) else (len(data), at)
        if at + length > len(data):
            raise IndexError("cut off")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise IndexError("a number is too long")
