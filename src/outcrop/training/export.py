"""A served model as a folder that transformers loads: ``python -m outcrop.training.export MODEL.gguf FOLDER``.

Knows nothing of catalogs or jobs. The way back from the GGUF file that ships: weights to full precision, the
tokenizer, and the chat template.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..engines.gguf_info import read_info
from . import base


def export(source: Path, folder: Path) -> Path:
    """Write ``config.json``, ``model.safetensors``, the tokenizer and ``chat_template.jinja``; the folder comes back.

    Raises ValueError or OSError for a file that is no GGUF of a Llama, Qwen2 or Qwen3 shape.
    """
    model, tokenizer = base.load({"source": str(source)})
    tokenizer.chat_template = read_info(source).chat_template or tokenizer.chat_template
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write a GGUF file as a Hugging Face folder.")
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(argv)
    print(export(options.source, options.folder))


if __name__ == "__main__":
    main()
