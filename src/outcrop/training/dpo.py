"""Preference tuning: of two answers to a prompt the chosen one is made likelier than the rejected. On TRL's DPOTrainer.

Knows nothing of where data comes from. Rafailov et al. 2023, arXiv 2305.18290; `beta` holds the model to the reference:
for LoRA the model without its adapter (or with the adapter it began with), for full tuning a frozen copy.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from ..jobs.data import DataError
from . import harness, render
from .job import Job, encoded


def run(job: Job, rows: harness.Rows, validators: list[harness.Rows]) -> None:
    """Raises DataError for a pair that is too long or does not fit the template."""
    harness.run(job, rows, validators, partial(_dataset, job.h), partial(_trainer, job))


def pair(tokenizer: Any, row: dict[str, Any]) -> dict[str, list[int]]:
    """{"prompt_ids", "chosen_ids", "rejected_ids"}. ValueError for one that the model's template refuses."""
    sides = {side: render.conversation(tokenizer, _whole(row, side)) for side in ("chosen", "rejected")}
    answers = {f"{side}_ids": [t for t in said["labels"] if t != render.IGNORED] for side, said in sides.items()}
    if not all(answers.values()):
        raise ValueError("it has nothing that could be learnt")
    begun = sides["chosen"]["labels"].index(answers["chosen_ids"][0])
    return {"prompt_ids": sides["chosen"]["input_ids"][:begun], **answers}


def _whole(row: dict[str, Any], side: str) -> dict[str, Any]:
    return {"messages": row["prompt"] + row[side], "tools": row["tools"]}


def _dataset(h: dict[str, Any], model: Any, tokenizer: Any, rows: harness.Rows, name: str) -> Any:
    from datasets import Dataset

    pairs = encoded(rows, name, lambda row: pair(tokenizer, row))
    most = h["maxSequenceLength"]
    for number, ids in enumerate(pairs, 1):
        length = len(ids["prompt_ids"]) + max(len(ids["chosen_ids"]), len(ids["rejected_ids"]))
        if length > most:
            raise DataError(f"{name}: record {number} has {length} tokens; maxSequenceLength is {most}.")
    return Dataset.from_list(pairs)


def _trainer(job: Job, model: Any, tokenizer: Any, data: Any) -> Any:
    from trl import DPOConfig, DPOTrainer

    class Trainer(DPOTrainer):
        """With tokens as `pair` makes them: those that the server will read and write."""

        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    arguments = DPOConfig(**harness.settings(job.folder, job.h, len(data), "dpo"), beta=job.h["beta"], max_length=None)
    adapter = harness.lora(model, job.h)
    whole = adapter is None and not hasattr(model, "peft_config")
    frozen = copy.deepcopy(model).eval().requires_grad_(False) if whole else None
    return Trainer(model, frozen, args=arguments, train_dataset=data, processing_class=tokenizer, peft_config=adapter)
