"""Supervised fine-tuning as TRL's own examples write it: the peer of row `training`, a process of its own.

`python -m bench.plain_trl FOLDER` reads FOLDER/plain.json: model, data and TrainingArguments. Knows nothing of Outcrop.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    folder = Path(sys.argv[1])
    order = json.loads((folder / "plain.json").read_text())

    class Clock(TrainerCallback):
        """Tokens and seconds from the first step to the last, as Outcrop counts them."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.begun = time.monotonic()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if "num_tokens" in (logs or {}):
                self.tokens, self.spent = logs["num_tokens"], time.monotonic() - self.begun

    data = load_dataset("json", data_files=str(folder / "plain.jsonl"), split="train", cache_dir=str(folder / "cache"))
    trainer = SFTTrainer(
        order["model"],
        args=SFTConfig(**order["arguments"]),
        train_dataset=data,
        peft_config=LoraConfig(**order["lora"]),
        callbacks=[clock := Clock()],
    )
    trainer.train()
    rate = clock.tokens / clock.spent
    print(
        json.dumps({"tokens": int(clock.tokens), "tokens_per_s": rate, "loss": trainer.state.log_history[-2]["loss"]})
    )


if __name__ == "__main__":
    main()
