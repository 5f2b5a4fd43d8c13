"""A worker that trains nothing: it keeps the protocol of the job folder and does what the hyperparameter `act` says.

done: reports its phases and a result.  bad: a failure in words.  die: ends without a word, each time.
die-once: the first time only.  wait: works until it is asked to stop.  wait-once: the first time only.
deaf: works whatever it is asked.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(9)), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
    job = json.loads((folder / "job.json").read_text())
    lives = len(list(folder.glob("life-*")))
    (folder / f"life-{lives}-{os.getpid()}").touch()
    report(folder, phase="validation", status="InProgress")
    ACTS[job["hyperparameters"]["act"]](folder, lives)


def report(folder: Path, **event: object) -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"time": time.time(), **event}) + "\n")


def done(folder: Path, lives: int) -> None:
    for phase in ("validation", "data_processing", "training"):
        report(folder, phase=phase, status="InProgress")
        report(folder, phase=phase, status="Completed")
    (folder / "model").mkdir()
    (folder / "model" / "adapter.gguf").write_bytes((folder / "train.jsonl").read_bytes())
    (folder / "training_artifacts").mkdir()
    (folder / "training_artifacts" / "step_wise_training_metrics.csv").write_text("step_number\n1\n")
    result = {"trainingLoss": 0.5, "validationLosses": [0.75], "kind": "adapter"}
    (folder / "result.json").write_text(json.dumps(result))


def bad(folder: Path, lives: int) -> None:
    (folder / "failure.json").write_text(json.dumps({"message": "Line 3: no prompt"}))
    sys.exit(1)


def die(folder: Path, lives: int) -> None:
    print("out of luck", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(folder: Path, lives: int) -> None:
    done(folder, lives) if lives else die(folder, lives)


def wait(folder: Path, lives: int) -> None:
    report(folder, phase="training", status="InProgress")
    time.sleep(600)


def wait_once(folder: Path, lives: int) -> None:
    done(folder, lives) if lives else wait(folder, lives)


def deaf(folder: Path, lives: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wait(folder, lives)


ACTS = {"done": done, "bad": bad, "die": die, "die-once": die_once, "wait": wait, "wait-once": wait_once, "deaf": deaf}

if __name__ == "__main__":
    main()
