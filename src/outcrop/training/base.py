"""The model that a job starts from, as transformers sees it: a Hugging Face folder, or the GGUF file that is served.

Knows nothing of data. Imports torch and transformers inside its functions: for worker processes only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..engines.gguf_info import read_info


def load(base: dict[str, Any]) -> tuple[Any, Any]:
    """Model and tokenizer of job.json's `base`: float32 on a CPU, bfloat16 on an accelerator.

    `folder` is a Hugging Face folder; without it `source`, a GGUF file of a Llama, Qwen2 or Qwen3 shape, is brought
    back to full precision. Raises ValueError or OSError for weights that cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    if folder := base.get("folder"):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        return model, _padded(AutoTokenizer.from_pretrained(folder), model)
    place, file = Path(base["source"]).parent, Path(base["source"]).name
    packed = AutoModelForCausalLM.from_pretrained(place, gguf_file=file, config=_config(place, file), dtype=dtype)
    model = AutoModelForCausalLM.from_config(_config(place, file), dtype=dtype)
    model.config.architectures = [type(model).__name__]  # which exports go by
    model.load_state_dict(packed.state_dict())  # the same values in a model that is not marked as quantized
    return model, _padded(AutoTokenizer.from_pretrained(place, gguf_file=file), model)


def _padded(tokenizer: Any, model: Any) -> Any:
    """Some tokenizer classes bring a padding token of their own, which the model may have no row for."""
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= model.config.vocab_size:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _config(place: Path, file: str) -> Any:
    """The configuration in a GGUF file. transformers 5 passes over its key length and takes a default head_dim."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(place, gguf_file=file)
    if head_dim := read_info(place / file).number("attention.key_length"):
        config.head_dim = head_dim
    return config
