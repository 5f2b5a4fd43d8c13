"""Supervised fine-tuning: the assistant's turns of conversations are learnt, by LoRA or in full. On TRL's SFTTrainer.

Knows nothing of where data comes from.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from . import harness, render
from .job import Job, encoded, refuse_long


def run(job: Job, rows: harness.Rows, validators: list[harness.Rows]) -> None:
    """Raises DataError for a conversation that is too long or does not fit the template."""
    harness.run(job, rows, validators, partial(_dataset, job.h), partial(_trainer, job))


def _dataset(h: dict[str, Any], model: Any, tokenizer: Any, rows: harness.Rows, name: str) -> Any:
    from datasets import Dataset

    examples = encoded(rows, name, lambda row: render.conversation(tokenizer, row))
    refuse_long(examples, name, h["maxSequenceLength"])
    return Dataset.from_list(examples)


def _trainer(job: Job, model: Any, tokenizer: Any, data: Any) -> Any:
    return harness.tokens_trainer(job, model, tokenizer, data, "sft")
