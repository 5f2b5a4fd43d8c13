"""What distinguishes one model architecture from another, as rows of data, and the tensors a config calls for.

Knows nothing of files or of GGUF's byte layout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ATTENTION_BIASES = frozenset({"q_proj", "k_proj", "v_proj", "o_proj"})
MLP_BIASES = frozenset({"gate_proj", "up_proj", "down_proj"})


@dataclass(frozen=True, slots=True)
class Architecture:
    """One row: how the weights of a Hugging Face class are named and laid out for llama.cpp."""

    gguf: str
    """llama.cpp's name of the architecture."""
    interleaved_rope: bool = False
    """llama.cpp rotates neighbours (2i, 2i+1) where Hugging Face rotates halves: q and k rows are permuted."""
    qk_norm: bool = False
    biases: frozenset[str] = frozenset()
    """Projections that always have a bias."""
    optional_biases: frozenset[str] = frozenset()
    """Projections that may have one (config: attention_bias, mlp_bias)."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What the Hugging Face class assumes where config.json is silent, beyond `DEFAULTS`."""


ARCHITECTURES: dict[str, Architecture] = {
    "LlamaForCausalLM": Architecture("llama", interleaved_rope=True, optional_biases=ATTENTION_BIASES | MLP_BIASES),
    "MistralForCausalLM": Architecture(
        "llama", interleaved_rope=True, defaults={"sliding_window": 4096, "max_position_embeddings": 131072}
    ),
    "Qwen2ForCausalLM": Architecture(
        "qwen2",
        biases=ATTENTION_BIASES - {"o_proj"},
        defaults={"max_position_embeddings": 32768, "use_sliding_window": False},
    ),
    "Qwen3ForCausalLM": Architecture(
        "qwen3",
        qk_norm=True,
        defaults={"head_dim": 128, "max_position_embeddings": 32768, "use_sliding_window": False},
    ),
}

MOST_LAYERS = 10_000
"""Beyond any model; keeps a broken config.json from asking for endless lists of tensors."""

DEFAULTS = {
    "rms_norm_eps": 1e-6,
    "rope_theta": 10_000.0,
    "max_position_embeddings": 2048,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
}


ROPE_TYPES: dict[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
    "yarn": ("factor", "original_max_position_embeddings"),
}
"""rope_type -> what config.json must give with it. transformers' others (dynamic, longrope) are refused."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a config.json, with its class's defaults filled in."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocab: int
    context: int
    norm_eps: float
    rope_theta: float
    rope: Mapping[str, Any]
    tied: bool
    biases: frozenset[str]


def find(config: Mapping[str, Any]) -> Architecture:
    """The row for a config.json; ValueError lists the known ones."""
    given = config.get("architectures")
    names = [str(name) for name in given] if isinstance(given, list) else []
    for name in names:
        if name in ARCHITECTURES:
            return ARCHITECTURES[name]
    raise ValueError(f"architecture {', '.join(names) or 'not given'} is unknown; known: {', '.join(ARCHITECTURES)}")


def shape_of(config: Mapping[str, Any], row: Architecture) -> Shape:
    """Read the numbers; ValueError when one is missing, impossible or asks for what llama.cpp does not do."""
    values = {**DEFAULTS, **row.defaults, **config}
    try:
        return _shape(values, row)
    except KeyError as error:
        raise ValueError(f"config.json has no {error.args[0]}") from error
    except (TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"config.json: {error}") from error


def _shape(values: dict[str, Any], row: Architecture) -> Shape:
    if values["hidden_act"] not in ("silu", "swish"):
        raise ValueError(f"config.json: hidden_act {values['hidden_act']!r} is not supported, only silu")
    heads, rope = int(values["num_attention_heads"]), _rope(values)
    shape = Shape(
        hidden=int(values["hidden_size"]),
        layers=int(values["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(values.get("num_key_value_heads") or heads),
        head_dim=int(values.get("head_dim") or int(values["hidden_size"]) // heads),
        feed_forward=int(values["intermediate_size"]),
        vocab=int(values["vocab_size"]),
        context=_context(values),
        norm_eps=float(values["rms_norm_eps"]),
        rope_theta=float(rope.get("rope_theta", values["rope_theta"])),
        rope=rope,
        tied=bool(values["tie_word_embeddings"]),
        biases=_biases(values, row),
    )
    if min(shape.hidden, shape.layers, heads, shape.kv_heads, shape.head_dim, shape.feed_forward, shape.vocab) < 1:
        raise ValueError("config.json: a size is zero or negative")
    if shape.layers > MOST_LAYERS:
        raise ValueError(f"config.json: {shape.layers} layers")
    if heads % shape.kv_heads or shape.head_dim % 2:
        raise ValueError("config.json: heads do not divide into kv heads, or head_dim is odd")
    return shape


def _rope(values: Mapping[str, Any]) -> dict[str, Any]:
    # transformers 5 writes rope_parameters, with theta inside; before, rope_scaling beside rope_theta.
    rope = dict(values.get("rope_parameters") or values.get("rope_scaling") or {})
    kind = rope["rope_type"] = rope.get("rope_type") or rope.get("type") or "default"
    if kind not in ROPE_TYPES:
        raise ValueError(f"config.json: rope type {kind!r} is not supported; supported: {', '.join(ROPE_TYPES)}")
    missing = [key for key in ROPE_TYPES[kind] if rope.get(key) is None]
    if missing:
        raise ValueError(f"config.json: {kind} rope scaling without {', '.join(missing)}")
    # llama.cpp computes yarn's attention factor itself, as the paper has it: 0.1 ln(factor) + 1.
    if float(values.get("partial_rotary_factor") or rope.get("partial_rotary_factor") or 1.0) != 1.0 or any(
        rope.get(key) is not None for key in ("attention_factor", "mscale", "mscale_all_dim")
    ):
        raise ValueError(f"config.json: this rope has no counterpart in llama.cpp: {rope}")
    return rope


def _context(values: Mapping[str, Any]) -> int:
    """The context in tokens. llama.cpp gives these architectures no sliding window, but full attention
    is the same up to the window's length: there the context ends."""
    context = int(values["max_position_embeddings"])
    window = values.get("sliding_window")
    kinds = values.get("layer_types") or ["sliding_attention"]
    slides = values.get("use_sliding_window", True) and "sliding_attention" in kinds
    return min(context, int(window)) if window and slides else context


def _biases(values: Mapping[str, Any], row: Architecture) -> frozenset[str]:
    asked = (ATTENTION_BIASES if values.get("attention_bias") else frozenset()) | (
        MLP_BIASES if values.get("mlp_bias") else frozenset()
    )
    beyond = asked - row.optional_biases - row.biases
    if beyond:
        raise ValueError(f"config.json: llama.cpp's {row.gguf} has no bias on {', '.join(sorted(beyond))}")
    return row.biases | asked


def tensors(shape: Shape, row: Architecture) -> dict[str, tuple[int, ...]]:
    """Every tensor that the weights must have, by its Hugging Face name, with its shape."""
    expected: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (shape.vocab, shape.hidden)}
    layer = _layer(shape, row)
    for number in range(shape.layers):
        expected |= {f"model.layers.{number}.{name}": dims for name, dims in layer.items()}
    expected["model.norm.weight"] = (shape.hidden,)
    if not shape.tied:
        expected["lm_head.weight"] = (shape.vocab, shape.hidden)
    return expected


def _layer(shape: Shape, row: Architecture) -> dict[str, tuple[int, ...]]:
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    projections = {
        "self_attn.q_proj": (queries, shape.hidden),
        "self_attn.k_proj": (keys, shape.hidden),
        "self_attn.v_proj": (keys, shape.hidden),
        "self_attn.o_proj": (shape.hidden, queries),
        "mlp.gate_proj": (shape.feed_forward, shape.hidden),
        "mlp.up_proj": (shape.feed_forward, shape.hidden),
        "mlp.down_proj": (shape.hidden, shape.feed_forward),
    }
    norms = {"input_layernorm": shape.hidden, "post_attention_layernorm": shape.hidden}
    if row.qk_norm:
        norms |= {"self_attn.q_norm": shape.head_dim, "self_attn.k_norm": shape.head_dim}
    return (
        {f"{name}.weight": (width,) for name, width in norms.items()}
        | {f"{name}.weight": dims for name, dims in projections.items()}
        | {f"{n}.bias": d[:1] for n, d in projections.items() if n.partition(".")[2] in shape.biases}
    )


def ignorable(name: str, shape: Shape) -> bool:
    """Whether a tensor beyond the expected ones holds nothing of its own."""
    return name.endswith(".rotary_emb.inv_freq") or (shape.tied and name == "lm_head.weight")


def heads_to_permute(name: str, shape: Shape, row: Architecture) -> int:
    """How many heads the rows of this tensor are permuted in; 0 leaves them."""
    if not row.interleaved_rope:
        return 0
    return {"q_proj": shape.heads, "k_proj": shape.kv_heads}.get(name.split(".")[-2], 0)


def permute(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head from halves (0..d/2, d/2..d) to neighbours (0, d/2, 1, d/2+1, ...)."""
    split = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


def llama3_factors(shape: Shape) -> np.ndarray:
    """Divisors of the rotary frequencies, [head_dim / 2] (Llama 3.1's scaling, as transformers computes it)."""
    rope = shape.rope
    factor, low, high = (float(rope[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    original = float(rope["original_max_position_embeddings"])
    frequencies = shape.rope_theta ** -(np.arange(0, shape.head_dim, 2, dtype=np.float64) / shape.head_dim)
    smooth = np.clip((original * frequencies / (2 * math.pi) - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)
