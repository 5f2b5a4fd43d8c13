"""A trained model as a Hugging Face folder (``config.json``, ``model.safetensors``), and back.

Knows nothing of training; needs safetensors.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from outcrop.training.network import Shape, Transformer

FIELDS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
)


def save(model: Transformer, folder: Path, end_token: int, pad_token: int) -> None:
    """Write the weights in float32 and the configuration that transformers and the GGUF converter read."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {
        name: value.detach().float().contiguous().cpu() for name, value in model.state_dict().items()
    }
    if model.shape.tie_word_embeddings:
        tensors.pop("lm_head.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config(model.shape, end_token, pad_token), indent=1))
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": end_token, "pad_token_id": pad_token, "do_sample": False})
    )


def _config(shape: Shape, end_token: int, pad_token: int) -> dict:
    family = ("Qwen3ForCausalLM", "qwen3") if shape.qk_norm else ("LlamaForCausalLM", "llama")
    return {
        "architectures": [family[0]],
        "model_type": family[1],
        **{name: getattr(shape, name) for name in FIELDS},
        "rope_theta": shape.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "eos_token_id": end_token,
        "pad_token_id": pad_token,
        "bos_token_id": None,
        "dtype": "float32",
    }


def read_shape(folder: Path) -> Shape:
    """The shape in a folder's ``config.json`` (Qwen3 or Llama families)."""
    config = json.loads((folder / "config.json").read_text())
    theta = config.get("rope_theta") or config.get("rope_parameters", {}).get("rope_theta", 10_000.0)
    heads = config["num_attention_heads"]
    defaults = {"head_dim": config["hidden_size"] // heads, "num_key_value_heads": heads, "tie_word_embeddings": False}
    numbers = {name: config.get(name, defaults.get(name)) for name in FIELDS}
    return Shape(**numbers, rope_theta=theta, qk_norm=config["model_type"] == "qwen3")


def load(folder: Path) -> Transformer:
    """The model of a folder written by ``save``, or any other of the two families."""
    model = Transformer(read_shape(folder))
    tensors: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    if model.shape.tie_word_embeddings:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
    return model
