"""Tiny Hugging Face folders with fixed random weights, made with numpy alone, for the converter's tests.

Knows nothing of the converter: it writes what save_pretrained would, so that transformers can read the same folders
(make_goldens.py) and say what the right answers are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

BASE: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 320, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
    "hidden_act": "silu", "bos_token_id": 256, "eos_token_id": 257,
}  # fmt: skip

LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 60}

CASES: dict[str, dict[str, Any]] = {
    "llama": {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "rope_theta": 10000.0},
    "llama3-rope-biases-tied": {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "rope_parameters": LLAMA3_ROPE,
        "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True,
    },
    "llama-linear-rope": {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "rope_theta": 10000.0,
        "rope_scaling": {"type": "linear", "factor": 4.0},
    },
    "mistral-wide-heads-bf16": {
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "rope_theta": 1e6, "head_dim": 32,
        "sliding_window": None, "dtype": "bfloat16",
    },
    "qwen2-tied-f16": {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rope_theta": 1e6, "tie_word_embeddings": True,
        "sliding_window": 128, "use_sliding_window": False, "dtype": "float16",
    },
    "qwen2-yarn": {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rope_theta": 10000.0, "rope_scaling": YARN,
    },
    "qwen3-sharded": {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "rope_theta": 1e6, "head_dim": 32, "shards": 3,
    },
}  # fmt: skip

CODES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def build(folder: Path, case: str, **changes: Any) -> Path:
    """Write the folder of one case: config.json, safetensors, a tokenizer. Returns the folder."""
    config = {**BASE, **CASES[case], **changes}
    shards = config.pop("shards", 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save(folder, random_weights(config), CODES[config.get("dtype", "float32")], shards)
    words_tokenizer(folder, config["vocab_size"])
    return folder


def random_weights(config: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every tensor by name. RandomState, whose stream numpy has frozen, so that goldens stay true."""
    random = np.random.RandomState(7)
    return {name: _values(random, name, dims) for name, dims in _shapes(config).items()}


def _values(random: np.random.RandomState, name: str, dims: tuple[int, ...]) -> np.ndarray:
    values = random.standard_normal(dims).astype(np.float32)
    if "norm" in name:
        return 1 + 0.2 * values
    if name.endswith(".bias"):
        return 0.3 * values
    return values * (1.0 if "embed" in name else 1.6 / dims[1] ** 0.5)


def _shapes(c: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    width, dim = c["hidden_size"], c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    queries, keys, ffn = c["num_attention_heads"] * dim, c["num_key_value_heads"] * dim, c["intermediate_size"]
    matrices = {"self_attn.q_proj": (queries, width), "self_attn.k_proj": (keys, width),
                "self_attn.v_proj": (keys, width), "self_attn.o_proj": (width, queries),
                "mlp.gate_proj": (ffn, width), "mlp.up_proj": (ffn, width), "mlp.down_proj": (width, ffn)}  # fmt: skip
    layer: dict[str, tuple[int, ...]] = {f"{name}.weight": dims for name, dims in matrices.items()}
    layer |= {"input_layernorm.weight": (width,), "post_attention_layernorm.weight": (width,)}
    if c["model_type"] == "qwen3":
        layer |= {"self_attn.q_norm.weight": (dim,), "self_attn.k_norm.weight": (dim,)}
    biased = {"qwen2": ("q_proj", "k_proj", "v_proj")}.get(c["model_type"], ())
    biased += ("q_proj", "k_proj", "v_proj", "o_proj") if c.get("attention_bias") else ()
    biased += ("gate_proj", "up_proj", "down_proj") if c.get("mlp_bias") else ()
    layer |= {f"{n}.bias": dims[:1] for n, dims in matrices.items() if n.split(".")[1] in biased}
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (c["vocab_size"], width)}
    for number in range(c["num_hidden_layers"]):
        shapes |= {f"model.layers.{number}.{name}": dims for name, dims in layer.items()}
    shapes["model.norm.weight"] = (width,)
    return shapes if c.get("tie_word_embeddings") else shapes | {"lm_head.weight": (c["vocab_size"], width)}


def save(folder: Path, tensors: dict[str, np.ndarray], code: str = "F32", shards: int = 1) -> None:
    """Write safetensors, over several files with an index when `shards` is more than one."""
    if shards == 1:
        return write_safetensors(folder / "model.safetensors", tensors, code)
    where = {}
    for number in range(shards):
        name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = dict(list(tensors.items())[number::shards])
        write_safetensors(folder / name, part, code)
        where |= dict.fromkeys(part, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return None


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], code: str) -> None:
    packed = {name: (values.shape, _pack(values, code)) for name, values in tensors.items()}
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (shape, data) in packed.items():
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [at, at + len(data)]}  # type: ignore[assignment]
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data for _, data in packed.values()))


def _pack(values: np.ndarray, code: str) -> bytes:
    if code == "BF16":  # round to nearest even
        bits = values.astype("<f4").view("<u4").astype(np.uint64)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    return values.astype({"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8"}[code]).tobytes()


QWEN2_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}


def split(*regexes: str) -> dict[str, Any]:
    """A pre-tokenizer as Qwen's and Llama 3's: Split by each expression, then ByteLevel."""
    steps: list[dict[str, Any]] = [
        {"type": "Split", "pattern": {"Regex": r}, "behavior": "Isolated", "invert": False} for r in regexes
    ]
    steps.append(BYTES)
    return {"type": "Sequence", "pretokenizers": steps}


def alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def words_tokenizer(folder: Path, size: int) -> Path:
    """`size` made-up words (256 to 258 are the added tokens): llama.cpp gives no probabilities for halves of a
    UTF-8 character, which a byte-level model with random weights says all the time."""
    added = [added_token(256, "<|bos|>"), added_token(257, "<|im_end|>"), added_token(258, "<think>", special=False)]
    vocab = {f"w{n}": n for n in range(size) if n not in (256, 257, 258)}
    model = {"type": "BPE", "vocab": vocab, "merges": ["w 1"]}
    _write_tokenizer(folder, {"added_tokens": added, "pre_tokenizer": split(QWEN2_REGEX), "model": model})
    return folder


MERGES = ["Ġ t", "h e", "Ġt he", "i n", "Ġ a", "e r", "o n", "r e", "Ċ Ċ", "Ġ Ġ", "1 2", "12 3", "' s", "a n", "an d",
          "Ã ©", "Ġ 1", "l l", "l o", "Ġ he", "Ġhe ll", "Ġhell o", "ĠĠ ĠĠ", "! !", "Ġ the"]  # fmt: skip


def byte_level_tokenizer(folder: Path, pre: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A byte-level BPE tokenizer.json of 256 bytes, three added tokens and a few merges; returns the folder."""
    vocab = {text: number for number, text in enumerate(alphabet())}
    added = [added_token(256, "<|bos|>"), added_token(257, "<|im_end|>"), added_token(258, "<think>", special=False)]
    for number, merge in enumerate(dict.fromkeys(m.replace(" ", "") for m in MERGES)):
        vocab[merge] = 259 + number
    data = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "NFC"}, "pre_tokenizer": pre or split(QWEN2_REGEX),
        "post_processor": None, "decoder": BYTES,
        "model": {"type": "BPE", "vocab": vocab, "merges": [m for m in MERGES if m.replace(" ", "") in vocab]},
    }  # fmt: skip
    _write_tokenizer(folder, data | changes)
    return folder


def byte_fallback_tokenizer(folder: Path, **changes: Any) -> Path:
    """A Llama-2-like tokenizer.json: <unk>, <s>, </s>, 256 bytes, letters, merges; returns the folder."""
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyz", *"ABC.,!?'1"]
    words = ["▁t", "he", "▁the", "▁a", "ll", "ell", "hell", "on", "▁he", "▁hell", "▁h", "▁hello", "▁▁", "in", "th"]
    texts = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256)), *letters, *words]
    # As transformers makes them from a SentencePiece model: every way to split a word into two pieces.
    merges = [(w[:n], w[n:]) for w in words for n in range(1, len(w)) if {w[:n], w[n:]} <= {*letters, *words}]
    data = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added_token(0, "<unk>"), added_token(1, "<s>"), added_token(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": None,
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                  "vocab": {text: n for n, text in enumerate(texts)}, "merges": [" ".join(m) for m in merges]},
    }  # fmt: skip
    _write_tokenizer(folder, data | changes, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    return folder


def added_token(number: int, text: str, special: bool = True) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": text, "special": special, **flags}


def _write_tokenizer(folder: Path, data: dict[str, Any], **special: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    settings = {"bos_token": "<|bos|>", "eos_token": "<|im_end|>"} | special
    settings |= {"chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
