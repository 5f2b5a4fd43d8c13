"""Supervised fine-tuning: the assistant's turns of conversations are learnt, by LoRA or in full. On TRL's SFTTrainer.

Knows nothing of where data comes from.
"""

from __future__ import annotations

from typing import Any

from . import harness, render
from .job import Job, encoded, refuse_long


def run(job: Job, rows: list[dict[str, Any]], validators: list[list[dict[str, Any]]]) -> None:
    """Tokenize, train, export. Raises DataError for a conversation that is too long or does not fit the template."""
    with job.progress.phase("data_processing"):
        model, tokenizer = job.load()
        sets = [
            _dataset(tokenizer, rows, "train", job.h),
            *(_dataset(tokenizer, v, "validation", job.h) for v in validators),
        ]
    with job.progress.phase("training"):
        trainer = _trainer(job, model, tokenizer, sets[0])
        harness.train(trainer, job.progress, sets[1:], job.h["evalInterval"], job.stop)
        job.finish(trainer.model, tokenizer)


def _dataset(tokenizer: Any, rows: list[dict[str, Any]], name: str, h: dict[str, Any]) -> Any:
    from datasets import Dataset

    examples = encoded(rows, name, lambda row: render.conversation(tokenizer, row))
    refuse_long(examples, name, h["maxSequenceLength"])
    return Dataset.from_list(examples)


def _trainer(job: Job, model: Any, tokenizer: Any, data: Any) -> Any:
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(
        **harness.settings(job.folder, job.h, len(data), "sft"),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    adapter = None if hasattr(model, "peft_config") else harness.lora(job.h)
    return SFTTrainer(model, args=arguments, train_dataset=data, processing_class=tokenizer, peft_config=adapter)
