"""A LoRA adapter as PEFT writes it, to the GGUF file that llama.cpp loads beside its base.

Knows nothing of training. Names and layout as in llama.cpp's convert_lora_to_gguf.py.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import gguf

from . import architectures, gguf_file, weights
from .huggingface import _architecture, _read

PREFIX = "base_model.model."
SIDES = {"lora_A": "lora_a", "lora_B": "lora_b"}


def convert(folder: Path, base: Path, out: Path) -> Path:
    """Convert the adapter in `folder` (adapter_config.json, adapter_model.safetensors) for the model whose config.json
    lies in the folder `base`. Returns `out`, whole or untouched. ValueError names what is wrong."""
    config = json.loads((folder / "adapter_config.json").read_text())
    whole = json.loads((base / "config.json").read_text())
    row = architectures.find(whole)
    shape = architectures.shape_of(whole, row)
    names = gguf.get_tensor_name_map(_architecture(row.gguf), shape.layers)
    entries = []
    for name, tensor in weights.open_folder(folder).items():
        module, _, side = name.removeprefix(PREFIX).removesuffix(".weight").rpartition(".")
        target = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if target is None or side not in SIDES:
            raise ValueError(f"{folder}: {name} has no counterpart in llama.cpp")
        heads = architectures.heads_to_permute(f"{module}.weight", shape, row) if side == "lora_B" else 0
        entries.append(gguf_file.Entry(f"{target}.{SIDES[side]}", tensor.shape, partial(_read, tensor, heads), True))

    def fill(writer: gguf.GGUFWriter) -> None:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))

    return gguf_file.write(out, row.gguf, fill, entries, "f32")
