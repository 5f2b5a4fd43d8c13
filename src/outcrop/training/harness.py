"""What every method shares: the trainer's settings, its reports, its checkpoints, and the export of what was trained.

Knows nothing of losses. Imports transformers and peft inside its functions: for worker processes only.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..convert import adapter, convert
from .job import Job, Stopped
from .progress import Progress

CHECKPOINTS = 20
"""How many checkpoints a run writes; the newest whole one is where it goes on."""


Rows = list[dict[str, Any]]
Dataset = Callable[[Any, Any, Rows, str], Any]
"""(model, tokenizer, rows, `train` or `validation`) -> what the trainer takes."""
Trainer = Callable[[Any, Any, Any], Any]
"""(model, tokenizer, dataset) -> TRL's trainer."""


def run(job: Job, rows: Rows, validators: list[Rows], dataset: Dataset, trainer: Trainer) -> None:
    """The whole of a method: data, training, export. Raises DataError for data that `dataset` refuses."""
    with job.progress.phase("data_processing"):
        model, tokenizer = job.load()
        data = dataset(model, tokenizer, rows, "train")
        checks = [dataset(model, tokenizer, validator, "validation") for validator in validators]
    with job.progress.phase("training"):
        training = trainer(model, tokenizer, data)
        train(training, job.progress, checks, job.h["evalInterval"], job.stop)
        job.finish(training.model, tokenizer)


def tokens_trainer(job: Job, model: Any, tokenizer: Any, data: Any, method: str) -> Any:
    """TRL's SFTTrainer over {"input_ids", "labels"} as they stand."""
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(
        **settings(job.folder, job.h, len(data), method),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    adapter = lora(model, job.h)
    return SFTTrainer(model, args=arguments, train_dataset=data, processing_class=tokenizer, peft_config=adapter)


def settings(folder: Path, h: dict[str, Any], examples: int, method: str) -> dict[str, Any]:
    """transformers.TrainingArguments, the same for all methods. `h` are the job's hyperparameters."""
    import torch

    cuda = torch.cuda.is_available()
    steps = max(1, -(-examples // h["batchSize"])) * h["epochCount"]
    return {
        "output_dir": str(folder / "checkpoints"),
        "num_train_epochs": h["epochCount"],
        "per_device_train_batch_size": h["batchSize"],
        "per_device_eval_batch_size": h["batchSize"],
        "learning_rate": (h["learningRate"] or RATES[method, h["tuning"]]) * h["learningRateMultiplier"],
        "warmup_steps": h["learningRateWarmupSteps"],
        "lr_scheduler_type": "linear",
        "max_grad_norm": 1.0,
        "seed": h["seed"],
        "use_cpu": not cuda,
        "bf16": cuda,
        "gradient_checkpointing": cuda,
        "logging_steps": 1,
        "save_steps": max(1, steps // CHECKPOINTS),
        "save_total_limit": 2,
        "dataloader_pin_memory": cuda,
        "disable_tqdm": True,
        "report_to": "none",
    }


RATES = {
    ("sft", "lora"): 1e-3, ("sft", "full"): 5e-5, ("cpt", "lora"): 5e-4, ("cpt", "full"): 5e-5,
    ("dpo", "lora"): 1e-4, ("dpo", "full"): 1e-6, ("grpo", "lora"): 5e-5, ("grpo", "full"): 1e-6,
}  # fmt: skip
"""(method, tuning) -> the learning rate where the job names none."""


def lora(model: Any, h: dict[str, Any]) -> Any:
    """PEFT's configuration of a LoRA adapter on every projection; None for full tuning, and where there is one."""
    if h["tuning"] == "full" or hasattr(model, "peft_config"):
        return None
    from peft import LoraConfig

    return LoraConfig(r=h["loraRank"], lora_alpha=h["loraAlpha"], target_modules="all-linear", task_type="CAUSAL_LM")


def train(trainer: Any, progress: Progress, validators: list[Any], every: int, stop: threading.Event) -> None:
    """Train from the newest whole checkpoint to the end. Raises Stopped once a checkpoint is written after `stop`."""
    trainer.add_callback(_reporter(trainer, progress, validators, every, stop))
    trainer.train(resume_from_checkpoint=newest_checkpoint(Path(trainer.args.output_dir)))
    if stop.is_set() and trainer.state.global_step < trainer.state.max_steps:
        raise Stopped


def newest_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that is whole. Broken ones are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for path in found:
        if _whole(path):
            return str(path)
        shutil.rmtree(path, ignore_errors=True)
    return None


def _whole(checkpoint: Path) -> bool:
    """Its state is written last; where the machine died, files that came before may still have lost their ends."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text())
        return all(map(_complete, checkpoint.glob("*.safetensors"))) and zipfile.is_zipfile(checkpoint / "optimizer.pt")
    except (OSError, ValueError):
        return False


def _complete(path: Path) -> bool:
    """A safetensors file is as long as its header says."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return path.stat().st_size == 8 + size + max(ends, default=0)


def _reporter(trainer: Any, progress: Progress, validators: list[Any], every: int, stop: threading.Event) -> Any:
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        """Tells of each step, measures the validation loss at the end of each epoch (or `every` steps), and stops."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.begun, self.first = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs is None or "loss" not in logs:
                return
            spent = time.monotonic() - self.begun
            rate = (state.global_step - self.first) / spent if spent else 0.0
            progress.report(
                step=state.global_step,
                total_steps=state.max_steps,
                epoch=round(state.epoch or 0.0, 4),
                loss=float(logs["loss"]),
                tokens=int(logs.get("num_tokens", 0)),
                tokens_per_s=round(logs.get("num_tokens", 0) / spent, 1) if spent else 0.0,
                seconds_left=round((state.max_steps - state.global_step) / rate, 1) if rate else None,
                **_measures(logs, ""),
            )

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if every and state.global_step % every == 0 and state.global_step < state.max_steps:
                self._validate(state)
            if stop.is_set():
                control.should_save = control.should_training_stop = True

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if (not every or state.global_step == state.max_steps) and not stop.is_set():
                self._validate(state)

        def _validate(self, state: Any) -> None:
            for number, validator in enumerate(validators):
                logs = trainer.evaluate(validator)
                progress.report(
                    step=state.global_step,
                    epoch=round(state.epoch or 0.0, 4),
                    validation_loss=float(logs["eval_loss"]),
                    validator=number,
                    **_measures(logs, "eval_"),
                )

    return Reporter()


MEASURES = {
    "mean_token_accuracy": "accuracy", "rewards/accuracies": "accuracy", "reward": "reward",
    "completions/mean_length": "length",
}  # fmt: skip
"""TRL's name of a measure -> ours: tokens (or pairs) that are right, 0 to 1; what the grader gave; tokens an answer."""


def _measures(logs: dict[str, Any], prefix: str) -> dict[str, float]:
    told = {name: logs.get(f"{prefix}{theirs}") for theirs, name in MEASURES.items()}
    return {name: round(float(value), 6) for name, value in told.items() if value is not None}


def export(model: Any, tokenizer: Any, folder: Path) -> str:
    """Write model/ as the server takes it and say what it is: `adapter` (adapter/ of PEFT, adapter.gguf) or `full`
    (hf/, model.gguf). The folder is whole or not there."""
    made = folder / "model.part"
    shutil.rmtree(made, ignore_errors=True)
    kind = "adapter" if hasattr(model, "peft_config") else "full"
    EXPORTS[kind](model, tokenizer, made)
    shutil.rmtree(folder / "model", ignore_errors=True)
    made.rename(folder / "model")
    return kind


def _export_adapter(model: Any, tokenizer: Any, made: Path) -> None:
    base = made / "base"
    model.save_pretrained(made / "adapter", selected_adapters=["default"], save_embedding_layers=False)
    model.get_base_model().config.save_pretrained(base)
    adapter.convert(made / "adapter", base, made / "adapter.gguf")
    shutil.rmtree(base)


def _export_full(model: Any, tokenizer: Any, made: Path) -> None:
    model.save_pretrained(made / "hf")
    tokenizer.save_pretrained(made / "hf")
    convert(made / "hf", made / "model.gguf", "q8_0" if model.num_parameters() > 50_000_000 else "f16")


EXPORTS = {"adapter": _export_adapter, "full": _export_full}
