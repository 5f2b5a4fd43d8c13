"""A tiny Hugging Face folder of a BERT encoder, as sentence-transformers saves one, with fixed random weights.

Knows nothing of the converter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .folders import save

CONFIG: dict[str, Any] = {
    "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": 32,
    "intermediate_size": 64, "layer_norm_eps": 1e-12, "max_position_embeddings": 64, "num_attention_heads": 2,
    "num_hidden_layers": 2, "type_vocab_size": 2, "vocab_size": 40, "position_embedding_type": "absolute",
}  # fmt: skip
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefghij",
    *(f"##{c}" for c in "abcdefghij"),
    "[unused1]",
]
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]
POOLING = {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}


def build(folder: Path, **config: Any) -> Path:
    """Write the folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1_Pooling").mkdir()
    dump(folder / "config.json", {**CONFIG, **config})
    dump(folder / "modules.json", MODULES)
    dump(folder / "1_Pooling/config.json", POOLING)
    dump(folder / "sentence_bert_config.json", {"max_seq_length": 48, "do_lower_case": False})
    dump(folder / "tokenizer_config.json", {"do_lower_case": True, "tokenizer_class": "BertTokenizer"})
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    save(folder, tensors())
    return folder


def dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def tensors() -> dict[str, np.ndarray]:
    """Every tensor by its Hugging Face name, the unused pooler included."""
    random = np.random.RandomState(5)
    return {name: random.standard_normal(dims).astype(np.float32) for name, dims in _shapes()}


def _shapes():
    yield "embeddings.word_embeddings.weight", (40, 32)
    yield "embeddings.position_embeddings.weight", (64, 32)
    yield "embeddings.token_type_embeddings.weight", (2, 32)
    yield from _pair("embeddings.LayerNorm", (32,))
    for i in range(2):
        at = f"encoder.layer.{i}"
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            yield from _pair(f"{at}.{name}", (32, 32))
        yield from _pair(f"{at}.intermediate.dense", (64, 32))
        yield from _pair(f"{at}.output.dense", (32, 64))
        yield from _pair(f"{at}.attention.output.LayerNorm", (32,))
        yield from _pair(f"{at}.output.LayerNorm", (32,))
    yield from _pair("pooler.dense", (32, 32))


def _pair(name: str, dims: tuple[int, ...]):
    yield f"{name}.weight", dims
    yield f"{name}.bias", dims[:1]
