"""A worker that trains nothing and leaves what a training leaves: reports, a real adapter, a result.

What it does is the first word of its data: `tuned`, or one of tests/jobs/fake_worker.py.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from tests.jobs.fake_worker import ACTS, report
from tests.tiny_adapter import tiny_adapter

STEPS = 3


def main() -> None:
    folder = Path(sys.argv[1])
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(9)), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
    lives = len(list(folder.glob("life-*")))
    (folder / f"life-{lives}-{os.getpid()}").touch()
    {**ACTS, "tuned": tuned, "wait-once": wait_once}[act(folder)](folder, lives)


def act(folder: Path) -> str:
    line = json.loads((folder / "train.jsonl").read_text().splitlines()[0])
    messages = line["messages"] if "messages" in line else line["input"]["messages"]
    return messages[0]["content"].split()[0]


def wait_once(folder: Path, lives: int) -> None:
    tuned(folder, lives) if lives else ACTS["wait"](folder, lives)


def tuned(folder: Path, lives: int) -> None:
    for phase in ("validation", "data_processing", "training"):
        report(folder, phase=phase, status="InProgress")
    for step in range(1, STEPS + 1):
        told = {"epoch": step / STEPS, "tokens": 10 * step, "tokens_per_s": 5.0, "seconds_left": 0.0}
        report(folder, step=step, total_steps=STEPS, loss=1 / step, accuracy=step / 4, **told)
    report(folder, step=STEPS, epoch=1.0, validation_loss=0.25, validator=0, accuracy=0.5)
    (folder / "model").mkdir()
    tiny_adapter(folder / "model" / "adapter.gguf", seed=7)
    result = {"trainingLoss": 1 / STEPS, "validationLosses": [0.25], "kind": "adapter"}
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
