"""From model folders to what ships: their mean, and a Q8_0 GGUF file.

Knows nothing of tasks or training.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from outcrop.convert import convert


def averaged(models: list[Path], out: Path) -> Path:
    """The mean of the weights of model folders of one run, as folder ``out``, with the last one's tokenizer.

    It keeps what the last lessons teach and most of what they made forget (Wortsman et al. 2022, arXiv 2109.01903).
    """
    weights = [load_file(model / "model.safetensors") for model in models]
    mean = {
        name: torch.stack([w[name].float() for w in weights]).mean(0).to(weights[0][name].dtype) for name in weights[0]
    }
    shutil.copytree(models[-1], out, dirs_exist_ok=True)
    save_file(mean, out / "model.safetensors", metadata={"format": "pt"})
    return out


def gguf(model: Path, out: Path) -> Path:
    """The folder as one Q8_0 file."""
    return convert(model, out, "q8_0")
