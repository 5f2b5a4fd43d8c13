"""A LoRA adapter of random weights for the tiny model, as a GGUF file."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def tiny_adapter(path: Path, seed: int, *, width: int = 64, layers: int = 2, rank: int = 4) -> Path:
    """Write an adapter strong enough to change every answer of `tiny_gguf`; each seed makes another."""
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0 * rank)
    rng = np.random.default_rng(seed)
    for place in (f"blk.{layer}.{name}.weight" for layer in range(layers) for name in ("attn_q", "attn_output")):
        writer.add_tensor(f"{place}.lora_a", rng.standard_normal((rank, width), dtype=np.float32) / 8)
        writer.add_tensor(f"{place}.lora_b", rng.standard_normal((width, rank), dtype=np.float32) / 2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
