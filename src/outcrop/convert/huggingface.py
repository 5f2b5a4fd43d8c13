"""A Hugging Face folder to one GGUF file: config, tokenizer and weights brought together.

Knows nothing of what distinguishes architectures (architectures.py) or of number formats (gguf_file.py).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from . import architectures, bert, gguf_file, tokenizer, weights
from .architectures import Architecture, Shape

ROPE_SCALING = {"linear": gguf.RopeScalingType.LINEAR, "yarn": gguf.RopeScalingType.YARN}


def convert(folder: Path, out: Path, dtype: str = "q8_0") -> Path:
    """Convert a Hugging Face folder of safetensors to the GGUF file `out`; returns `out`.

    `dtype` is f32, f16, bf16 or q8_0; norms and biases stay f32. One tensor is in memory at a time.
    ValueError names what is wrong with the folder; OSError when the disk is full. `out` is whole or untouched.
    """
    gguf_file.check_dtype(dtype)
    config = _config(folder)
    if bert.matches(config):
        return bert.convert(folder, config, _name(folder, config), out, dtype)
    row = architectures.find(config)
    shape = architectures.shape_of(config, row)
    entries = _entries(weights.open_folder(folder), shape, row)
    vocabulary = tokenizer.read(folder, config)

    def fill(writer: gguf.GGUFWriter) -> None:
        _fill(writer, _name(folder, config), shape)
        vocabulary.fill(writer)

    return gguf_file.write(out, row.gguf, fill, entries, dtype)


def is_encoder(folder: Path) -> bool:
    """Whether the folder holds an embedding model: one that loses less as F16 than it would gain as Q8_0."""
    return bert.matches(_config(folder))


def _config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: not a folder")
    config = tokenizer.read_json(folder / "config.json")
    if not config:
        raise ValueError(f"{folder}: no config.json here")
    if config.get("quantization_config"):
        raise ValueError(f"{folder}: the weights are quantised already; convert the original ones")
    return config


def _name(folder: Path, config: dict[str, Any]) -> str:
    return str(config.get("_name_or_path") or folder.resolve().name).rstrip("/").rpartition("/")[2]


def _entries(found: dict[str, weights.Tensor], shape: Shape, row: Architecture) -> list[gguf_file.Entry]:
    weights.compare(found, architectures.tensors(shape, row), lambda name: architectures.ignorable(name, shape))
    names = gguf.get_tensor_name_map(_architecture(row.gguf), shape.layers)
    entries = [_rope_entry(shape)] if shape.rope["rope_type"] == "llama3" else []
    for name, dims in architectures.tensors(shape, row).items():
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert target is not None, name
        read = partial(_read, found[name], architectures.heads_to_permute(name, shape, row))
        entries.append(gguf_file.Entry(target, dims, read))
    return entries


def _architecture(name: str) -> gguf.MODEL_ARCH:
    return next(arch for arch, text in gguf.MODEL_ARCH_NAMES.items() if text == name)


def _read(tensor: weights.Tensor, heads: int) -> np.ndarray:
    values = tensor.read()
    return architectures.permute(values, heads) if heads else values


def _rope_entry(shape: Shape) -> gguf_file.Entry:
    factors = architectures.llama3_factors(shape)
    return gguf_file.Entry("rope_freqs.weight", factors.shape, lambda: factors)


def _fill(writer: gguf.GGUFWriter, name: str, shape: Shape) -> None:
    writer.add_type("model")
    writer.add_name(name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_vocab_size(shape.vocab)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_theta)
    _fill_rope_scaling(writer, shape)


def _fill_rope_scaling(writer: gguf.GGUFWriter, shape: Shape) -> None:
    kind = ROPE_SCALING.get(shape.rope["rope_type"])
    if kind is None:
        return
    writer.add_rope_scaling_type(kind)
    writer.add_rope_scaling_factor(float(shape.rope["factor"]))
    if kind == gguf.RopeScalingType.YARN:
        writer.add_rope_scaling_orig_ctx_len(int(shape.rope["original_max_position_embeddings"]))
        writer.add_rope_scaling_yarn_beta_fast(float(shape.rope.get("beta_fast") or 32))
        writer.add_rope_scaling_yarn_beta_slow(float(shape.rope.get("beta_slow") or 1))
