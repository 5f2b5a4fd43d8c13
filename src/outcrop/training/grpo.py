"""Reinforcement fine-tuning: the model answers each prompt several times and learns from what a grader gives the
answers. On TRL's GRPOTrainer.

Knows nothing of what grades. Shao et al. 2024, arXiv 2402.03300.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..jobs.data import DataError
from . import graders, harness, render
from .job import Job, encoded

MOST_AT_ONCE = 64
"""Answers in one forward pass; a larger batch is accumulated."""


def run(job: Job, rows: harness.Rows, validators: list[harness.Rows]) -> None:
    """Raises DataError for a prompt that is too long, and for a grader that fails."""
    grade = graders.grader(job.order["grader"])
    harness.run(job, rows, validators, partial(_dataset, job.h), partial(_trainer, job, grade))


def _dataset(h: dict[str, Any], model: Any, tokenizer: Any, rows: harness.Rows, name: str) -> Any:
    """Columns `prompt` and `known`: what the grader may know has any shape, so it travels as text."""
    from datasets import Dataset

    texts = encoded(rows, name, lambda row: render.render(tokenizer, row["messages"], None, prompt=True))
    for number, text in enumerate(texts, 1):
        length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        if length > h["maxPromptLength"]:
            raise DataError(f"{name}: record {number} has {length} tokens; maxPromptLength is {h['maxPromptLength']}.")
    known = [graders.packed(row["reference"]) for row in rows]
    return Dataset.from_dict({"prompt": [row["messages"] for row in rows], "known": known})


def _trainer(job: Job, grade: graders.Grade, model: Any, tokenizer: Any, data: Any) -> Any:
    from trl import GRPOConfig, GRPOTrainer

    h, samples = job.h, job.h["trainingSamplePerPrompt"]
    prompts, passes = batches(min(h["batchSize"], len(data)), samples)
    shared = harness.settings(job.folder, {**h, "batchSize": prompts * passes}, len(data), "grpo")
    arguments = GRPOConfig(
        **shared | {"per_device_train_batch_size": prompts * samples, "per_device_eval_batch_size": prompts * samples},
        gradient_accumulation_steps=passes,
        num_generations=samples,
        max_completion_length=h["inferenceMaxTokens"],
        temperature=h["temperature"],
    )
    adapter = harness.lora(model, h)
    return GRPOTrainer(
        model, _reward(grade), args=arguments, train_dataset=data, processing_class=tokenizer, peft_config=adapter
    )


def batches(prompts: int, samples: int) -> tuple[int, int]:
    """`prompts` as (prompts in one pass, passes): equal parts of at most MOST_AT_ONCE answers where that can be."""
    fitting = (part for part in range(prompts, 0, -1) if prompts % part == 0 and part * samples <= MOST_AT_ONCE)
    part = next(fitting, 1)
    return part, prompts // part


def _reward(grade: graders.Grade) -> Callable[..., list[float]]:
    def reward(prompts: Any, completions: Any, known: list[str], **_: Any) -> list[float]:
        whole = [[*prompt, *said] for prompt, said in zip(prompts, completions, strict=True)]
        return grade([graders.sample(turns, facts) for turns, facts in zip(whole, known, strict=True)])

    return reward
