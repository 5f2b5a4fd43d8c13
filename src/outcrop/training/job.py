"""One job inside its worker: what every method is given, and small things that all of them do.

Knows nothing of processes or of losses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..jobs.data import DataError
from .progress import Progress


class Stopped(Exception):
    """The job was asked to stop; a checkpoint is written."""


@dataclass(slots=True)
class Job:
    """One job under way: its folder, what was ordered, its hyperparameters with defaults, and whether to stop."""

    folder: Path
    order: dict[str, Any]
    h: dict[str, Any]
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)

    def load(self) -> tuple[Any, Any]:
        """Model and tokenizer to begin with. A custom model's adapter is trained further, or merged for full tuning."""
        from . import base

        model, tokenizer = base.load(self.order["base"])
        if adapter := self.order["base"].get("adapter"):
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
            model = model.merge_and_unload() if self.h["tuning"] == "full" else model
        return model, tokenizer

    def finish(self, model: Any, tokenizer: Any) -> None:
        """Export the model, write the metrics, and last of all the result."""
        from .harness import export

        kind = export(model, tokenizer, self.folder)
        self.progress.write_artifacts()
        self.progress.finish(kind)


def encoded(rows: list[dict[str, Any]], name: str, encode: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """Every row encoded. DataError with the number of the record that cannot be."""
    examples = []
    for number, row in enumerate(rows, 1):
        try:
            examples.append(encode(row))
        except ValueError as error:
            raise DataError(f"{name}: record {number}: {error}") from error
    return examples


def refuse_long(examples: list[dict[str, list[int]]], name: str, most: int) -> None:
    """DataError where an example is longer than `most` tokens or has nothing to learn."""
    for number, example in enumerate(examples, 1):
        length = len(example["input_ids"])
        if length > most:
            raise DataError(f"{name}: record {number} has {length} tokens; maxSequenceLength is {most}.")
        if all(label < 0 for label in example["labels"]):
            raise DataError(f"{name}: record {number} has nothing that could be learnt.")
