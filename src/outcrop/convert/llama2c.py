"""llama2.c's model files (karpathy) to GGUF.

Knows nothing of Hugging Face folders. Source: the `legacy_export` of llama2.c's export.py and its tokenizer.py: seven
int32 (dim, hidden, layers, heads, kv heads, vocabulary, context), float32 weights; a negative vocabulary marks an
output matrix of its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import gguf
import numpy as np

from . import gguf_file
from .tokenizer import BYTE, CONTROL, NORMAL, UNKNOWN, Vocabulary

HEADER = struct.Struct("<7i")
SPECIAL = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
"""The first three tokens of every such tokenizer, in the words that GGUF uses."""


@dataclass(frozen=True, slots=True)
class Header:
    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int
    context: int
    tied: bool

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


def read_header(path: Path) -> Header:
    """ValueError when the file does not begin like a llama2.c model or is cut off."""
    with path.open("rb") as file:
        raw = file.read(HEADER.size)
    if len(raw) < HEADER.size:
        raise ValueError(f"{path}: too short for a llama2.c model")
    dim, hidden, layers, heads, kv_heads, vocab, context = HEADER.unpack(raw)
    if min(dim, hidden, layers, heads, kv_heads, context) < 1 or not vocab or dim % heads or heads % kv_heads:
        raise ValueError(f"{path}: not a llama2.c model (legacy format)")
    return Header(dim, hidden, layers, heads, kv_heads, abs(vocab), context, vocab > 0)


def layout(header: Header) -> dict[str, tuple[int, ...]]:
    """The blocks of the file in order, with their shapes in float32 values. `rope_*` are not needed."""
    h, keys = header, header.kv_heads * header.head_dim
    blocks = {
        "token_embd": (h.vocab, h.dim),
        "attn_norm": (h.layers, h.dim),
        "attn_q": (h.layers, h.dim, h.dim),
        "attn_k": (h.layers, keys, h.dim),
        "attn_v": (h.layers, keys, h.dim),
        "attn_output": (h.layers, h.dim, h.dim),
        "ffn_norm": (h.layers, h.dim),
        "ffn_gate": (h.layers, h.hidden, h.dim),
        "ffn_down": (h.layers, h.dim, h.hidden),
        "ffn_up": (h.layers, h.hidden, h.dim),
        "output_norm": (h.dim,),
        "rope_cos": (h.context, h.head_dim // 2),
        "rope_sin": (h.context, h.head_dim // 2),
    }
    return blocks if h.tied else blocks | {"output": (h.vocab, h.dim)}


def convert_llama2c(bin: Path, tokenizer_bin: Path, out: Path, dtype: str = "q8_0") -> Path:
    """Convert a llama2.c checkpoint and its tokenizer to the GGUF file `out`; returns `out`.

    ValueError when one of the files is not what it should be; OSError when the disk is full.
    """
    header = read_header(bin)
    vocabulary = _vocabulary(tokenizer_bin, header.vocab)

    def fill(writer: gguf.GGUFWriter) -> None:
        _fill(writer, bin.stem, header)
        vocabulary.fill(writer)

    return gguf_file.write(out, "llama", fill, _entries(bin, header), dtype)


def _entries(path: Path, header: Header) -> list[gguf_file.Entry]:
    entries, at = [], HEADER.size
    for name, shape in layout(header).items():
        if not name.startswith("rope_"):
            entries += _block(path, name, shape, at, header.layers)
        at += 4 * prod(shape)
    if at != path.stat().st_size:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, its header calls for {at}")
    return entries


def _block(path: Path, name: str, shape: tuple[int, ...], at: int, layers: int) -> list[gguf_file.Entry]:
    if name in ("token_embd", "output_norm", "output"):
        return [gguf_file.Entry(f"{name}.weight", shape, partial(_read, path, shape, at))]
    step = 4 * prod(shape[1:])
    return [
        gguf_file.Entry(f"blk.{n}.{name}.weight", shape[1:], partial(_read, path, shape[1:], at + n * step))
        for n in range(layers)
    ]


def _read(path: Path, shape: tuple[int, ...], at: int) -> np.ndarray:
    return np.fromfile(path, np.dtype("<f4"), prod(shape), offset=at).reshape(shape).astype(np.float32)


def read_tokens(path: Path, count: int) -> list[tuple[str, float]]:
    """The texts and scores of a llama2.c tokenizer; ValueError when it does not hold `count` tokens."""
    data, at, tokens = path.read_bytes(), 4, []
    try:
        for _ in range(count):
            score, length = struct.unpack_from("<fi", data, at)
            text = struct.unpack_from(f"<{length}s", data, at + 8)[0]
            tokens.append((text.decode(), score))
            at += 8 + length
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a llama2.c tokenizer of {count} tokens ({error})") from error
    if at != len(data):
        raise ValueError(f"{path}: {len(data) - at} bytes beyond its {count} tokens")
    return tokens


def _vocabulary(path: Path, count: int) -> Vocabulary:
    tokens = read_tokens(path, count)
    texts = [text for text, _ in SPECIAL] + [text.replace(" ", "▁") for text, _ in tokens[3:]]
    types = [kind for _, kind in SPECIAL] + [BYTE if 3 <= n < 259 else NORMAL for n in range(3, count)]
    return Vocabulary(
        "llama", "default", texts, types, scores=[score for _, score in tokens],
        special={"unk": 0, "bos": 1, "eos": 2}, add_bos=True, space_prefix=True,
    )  # fmt: skip


def _fill(writer: gguf.GGUFWriter, name: str, header: Header) -> None:
    writer.add_type("model")
    writer.add_name(name)
    writer.add_context_length(header.context)
    writer.add_embedding_length(header.dim)
    writer.add_block_count(header.layers)
    writer.add_feed_forward_length(header.hidden)
    writer.add_head_count(header.heads)
    writer.add_head_count_kv(header.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(header.vocab)
    writer.add_rope_dimension_count(header.head_dim)
    writer.add_rope_freq_base(10_000.0)
