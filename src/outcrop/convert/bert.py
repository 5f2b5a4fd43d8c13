"""A BERT encoder's Hugging Face folder to a GGUF embedding model: config, pooling, WordPiece vocabulary, weights.

Knows nothing of engines. Cross-encoders (BertForSequenceClassification) are refused: llama.cpp gives every token the
segment "A", and theirs tell the query from the document by segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from . import gguf_file, weights, wordpiece
from .tokenizer import read_json

ARCHITECTURES = ("BertModel", "BertForMaskedLM")
SEQUENCE_LENGTH = "outcrop.sequence_length"
"""Metadata of our own: tokens past which sentence-transformers cuts a text, where that is less than the positions."""

POOLINGS = {
    "pooling_mode_mean_tokens": gguf.PoolingType.MEAN,
    "pooling_mode_cls_token": gguf.PoolingType.CLS,
}
"""Switch in sentence-transformers' pooling config -> llama.cpp's pooling."""

MODULES = ("Transformer", "Pooling", "Normalize")
"""sentence-transformers' modules that llama.cpp's embeddings come to."""

HEADS = ("pooler.", "cls.")
"""Parts of the checkpoint that come after the encoder and that embeddings do not use."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a BERT config.json."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocab: int
    positions: int
    segments: int
    norm_eps: float


def matches(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is of an encoder that `convert` here takes."""
    given = config.get("architectures")
    return isinstance(given, list) and any(name in ARCHITECTURES for name in given)


def convert(folder: Path, config: Mapping[str, Any], name: str, out: Path, dtype: str) -> Path:
    """Write the encoder in `folder` as GGUF to `out`. ValueError names what is wrong with the folder."""
    shape = shape_of(config)
    pooling = _pooling(folder)
    vocabulary = wordpiece.read(folder, shape.vocab)
    length = _sequence_length(folder, shape)
    entries = _entries(weights.open_folder(folder), shape)

    def fill(writer: gguf.GGUFWriter) -> None:
        _fill(writer, name, shape, pooling)
        if length < shape.positions:
            writer.add_uint32(SEQUENCE_LENGTH, length)
        vocabulary.fill(writer)

    return gguf_file.write(out, "bert", fill, entries, dtype)


def shape_of(config: Mapping[str, Any]) -> Shape:
    """Read the numbers; ValueError when one is missing, impossible or asks for what llama.cpp does not do."""
    try:
        shape = _shape(config)
    except KeyError as error:
        raise ValueError(f"config.json has no {error.args[0]}") from error
    except (TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"config.json: {error}") from error
    sizes = (shape.hidden, shape.layers, shape.heads, shape.feed_forward, shape.vocab, shape.positions, shape.segments)
    if min(sizes) < 1 or shape.layers > 1000 or shape.hidden % shape.heads:
        raise ValueError("config.json: a size is zero, negative or impossible")
    return shape


def _shape(config: Mapping[str, Any]) -> Shape:
    for key, wanted in (("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if config.get(key, wanted) != wanted:
            raise ValueError(f"config.json: {key} {config[key]!r} is not supported, only {wanted}")
    return Shape(
        hidden=int(config["hidden_size"]),
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        feed_forward=int(config["intermediate_size"]),
        vocab=int(config["vocab_size"]),
        positions=int(config.get("max_position_embeddings", 512)),
        segments=int(config.get("type_vocab_size", 2)),
        norm_eps=float(config.get("layer_norm_eps", 1e-12)),
    )


def _pooling(folder: Path) -> gguf.PoolingType:
    """How token vectors become one. A folder without sentence-transformers' files is pooled by mean, as it does."""
    path = _pooling_folder(folder)
    if path is None:
        return gguf.PoolingType.MEAN
    settings = read_json(path / "config.json")
    chosen = [key for key, value in settings.items() if key.startswith("pooling_mode_") and value is True]
    if len(chosen) != 1 or chosen[0] not in POOLINGS:
        raise ValueError(f"{path}: pooling by {', '.join(chosen) or 'nothing'}; known: {', '.join(POOLINGS)}")
    return POOLINGS[chosen[0]]


def _pooling_folder(folder: Path) -> Path | None:
    """The Pooling module's folder by modules.json; ValueError for a module that llama.cpp would leave out."""
    if not (folder / "modules.json").is_file():
        return None
    found = None
    for module in wordpiece.read_list(folder / "modules.json"):
        kind, path = str(module.get("type", "")).rpartition(".")[2], str(module.get("path", ""))
        if kind not in MODULES:
            raise ValueError(f"{folder}/modules.json: the module {kind or 'without a type'} has no counterpart")
        if kind == "Pooling":
            found = folder / Path(path).name
    return found


def _sequence_length(folder: Path, shape: Shape) -> int:
    given = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    return min(given, shape.positions) if isinstance(given, int) and given > 2 else shape.positions


def tensors(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Every tensor that the encoder must have, by its Hugging Face name, with its shape."""
    wide = (shape.hidden,)
    expected: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (shape.vocab, shape.hidden),
        "embeddings.position_embeddings.weight": (shape.positions, shape.hidden),
        "embeddings.token_type_embeddings.weight": (shape.segments, shape.hidden),
        "embeddings.LayerNorm.weight": wide,
        "embeddings.LayerNorm.bias": wide,
    }
    layer = _layer(shape)
    for number in range(shape.layers):
        expected |= {f"encoder.layer.{number}.{name}": dims for name, dims in layer.items()}
    return expected


def _layer(shape: Shape) -> dict[str, tuple[int, ...]]:
    square, wide = (shape.hidden, shape.hidden), (shape.hidden,)
    dense = {
        "attention.self.query": square,
        "attention.self.key": square,
        "attention.self.value": square,
        "attention.output.dense": square,
        "intermediate.dense": (shape.feed_forward, shape.hidden),
        "output.dense": (shape.hidden, shape.feed_forward),
    }
    norms = ("attention.output.LayerNorm", "output.LayerNorm")
    return (
        {f"{name}.weight": dims for name, dims in dense.items()}
        | {f"{name}.bias": dims[:1] for name, dims in dense.items()}
        | {f"{name}.{part}": wide for name in norms for part in ("weight", "bias")}
    )


def _entries(found: dict[str, weights.Tensor], shape: Shape) -> list[gguf_file.Entry]:
    found = {name.removeprefix("bert."): tensor for name, tensor in found.items()}
    weights.compare(found, tensors(shape), lambda name: name.startswith(HEADS))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, shape.layers)
    entries = []
    for name, dims in tensors(shape).items():
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert target is not None, name
        exact = name.startswith(("embeddings.position_", "embeddings.token_type_"))
        entries.append(gguf_file.Entry(target, dims, found[name].read, exact))
    return entries


def _fill(writer: gguf.GGUFWriter, name: str, shape: Shape, pooling: gguf.PoolingType) -> None:
    writer.add_type("model")
    writer.add_name(name)
    writer.add_context_length(shape.positions)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_eps(shape.norm_eps)
    writer.add_vocab_size(shape.vocab)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_token_type_count(shape.segments)
