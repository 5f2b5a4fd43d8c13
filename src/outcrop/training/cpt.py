"""Continued pre-training: plain texts, packed end to end into full sequences, every token learnt. On TRL's SFTTrainer.

Knows nothing of conversations.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from . import harness, render
from .job import Job, encoded


def run(job: Job, rows: harness.Rows, validators: list[harness.Rows]) -> None:
    """Raises DataError for a text that cannot be read."""
    harness.run(job, rows, validators, partial(_packed, job.h), partial(_trainer, job))


def _packed(h: dict[str, Any], model: Any, tokenizer: Any, rows: harness.Rows, name: str) -> Any:
    """Texts one after the other, each with its end token, cut every `maxSequenceLength` tokens, or where the model
    reads no further; the last piece may be shorter."""
    from datasets import Dataset

    length = min(h["maxSequenceLength"], model.config.max_position_embeddings)
    tokens = [token for ids in encoded(rows, name, lambda row: render.text(tokenizer, row)) for token in ids]
    pieces = [tokens[at : at + length] for at in range(0, len(tokens), length)]
    return Dataset.from_list([{"input_ids": piece, "labels": piece} for piece in pieces if len(piece) > 1])


def _trainer(job: Job, model: Any, tokenizer: Any, data: Any) -> Any:
    return harness.tokens_trainer(job, model, tokenizer, data, "cpt")
