"""Continued pre-training: plain texts, packed end to end into full sequences, every token learnt. On TRL's SFTTrainer.

Knows nothing of conversations.
"""

from __future__ import annotations

from typing import Any

from . import harness, render
from .job import Job, encoded


def run(job: Job, rows: list[dict[str, Any]], validators: list[list[dict[str, Any]]]) -> None:
    """Tokenize and pack, train, export."""
    with job.progress.phase("data_processing"):
        model, tokenizer = job.load()
        length = min(job.h["maxSequenceLength"], model.config.max_position_embeddings)
        sets = [
            _packed(tokenizer, rows, "train", length),
            *(_packed(tokenizer, v, "validation", length) for v in validators),
        ]
    with job.progress.phase("training"):
        trainer = _trainer(job, model, tokenizer, sets[0])
        harness.train(trainer, job.progress, sets[1:], job.h["evalInterval"], job.stop)
        job.finish(trainer.model, tokenizer)


def _packed(tokenizer: Any, rows: list[dict[str, Any]], name: str, length: int) -> Any:
    """Texts one after the other, each with its end token, cut every `length` tokens; the last piece may be shorter."""
    from datasets import Dataset

    tokens = [token for ids in encoded(rows, name, lambda row: render.text(tokenizer, row)) for token in ids]
    pieces = [tokens[at : at + length] for at in range(0, len(tokens), length)]
    return Dataset.from_list([{"input_ids": piece, "labels": piece} for piece in pieces if len(piece) > 1])


def _trainer(job: Job, model: Any, tokenizer: Any, data: Any) -> Any:
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(
        **harness.settings(job.folder, job.h, len(data), "cpt"),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    adapter = None if hasattr(model, "peft_config") else harness.lora(job.h)
    return SFTTrainer(model, args=arguments, train_dataset=data, processing_class=tokenizer, peft_config=adapter)
