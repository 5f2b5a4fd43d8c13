"""From a checkpoint to what ships: a Hugging Face folder and a Q8_0 GGUF file.

Knows nothing of tasks or training.
"""

from __future__ import annotations

from pathlib import Path

import torch

from outcrop.convert import convert
from outcrop.training.network import Shape, Transformer
from outcrop.training.pretrain import save_model


def folder(checkpoint: Path, shape: Shape, tokenizer: Path, out: Path) -> Path:
    """The weights of a running job's checkpoint as a Hugging Face folder."""
    from tokenizers import Tokenizer

    known = Tokenizer.from_file(str(tokenizer))
    model = Transformer(shape)
    model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["model"])
    save_model(model, out, str(tokenizer), known.token_to_id("<|im_end|>"), known.token_to_id("<|endoftext|>"))
    return out


def gguf(model: Path, out: Path) -> Path:
    """The folder as one Q8_0 file."""
    return convert(model, out, "q8_0")
