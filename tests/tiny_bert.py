"""A complete GGUF encoder of random weights, small enough to be made and loaded in a test: embeddings or a reranker.

`tiny_bert(path)` has letters, digits and a few words as its WordPiece vocabulary.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
WORDS = ["granite", "basalt", "tea", "stone", "the", "##ing"]
PLAIN = [*SPECIAL, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *WORDS]


def tiny_bert(
    path: Path, pooling: int = 1, *, width: int = 64, layers: int = 2, positions: int = 128, seed: int = 0
) -> Path:
    """Write an encoder to `path`: pooling 1 (mean) for embeddings, 4 (rank) for a reranker with one score."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(path.stem)
    writer.add_context_length(positions)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType(pooling))
    writer.add_token_type_count(2)
    _vocabulary(writer)
    random = np.random.default_rng(seed)
    for name, shape in _shapes(width, layers, positions, pooling):
        norm = "norm" in name and name.endswith("weight")
        values = random.standard_normal(shape, dtype=np.float32) * (0.0 if name.endswith("bias") else 0.3)
        writer.add_tensor(name, np.ones(shape, np.float32) if norm else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _vocabulary(writer: gguf.GGUFWriter) -> None:
    tokens = [t if t in SPECIAL else t[2:] if t.startswith("##") else f"\u2581{t}" for t in PLAIN]
    kinds = [gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.NORMAL for t in PLAIN]
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_eos_token_id(3)
    writer.add_mask_token_id(4)
    writer.add_add_bos_token(True)
    writer.add_add_sep_token(True)


def _shapes(width: int, layers: int, positions: int, pooling: int):
    yield "token_embd.weight", (len(PLAIN), width)
    yield "position_embd.weight", (positions, width)
    yield "token_types.weight", (2, width)
    for part in ("weight", "bias"):
        yield f"token_embd_norm.{part}", (width,)
    for i in range(layers):
        for name, rows, columns in (
            ("attn_q", width, width), ("attn_k", width, width), ("attn_v", width, width), ("attn_output", width, width),
            ("ffn_up", 2 * width, width), ("ffn_down", width, 2 * width),
        ):  # fmt: skip
            yield f"blk.{i}.{name}.weight", (rows, columns)
            yield f"blk.{i}.{name}.bias", (rows,)
        for name in ("attn_output_norm", "layer_output_norm"):
            yield f"blk.{i}.{name}.weight", (width,)
            yield f"blk.{i}.{name}.bias", (width,)
    if pooling == 4:
        yield "cls.weight", (width, width)
        yield "cls.bias", (width,)
        yield "cls.output.weight", (1, width)
        yield "cls.output.bias", (1,)
