"""A training process: `python -m outcrop.training.worker FOLDER` does the job that FOLDER/job.json describes.

It talks to the server through the folder alone (jobs/folder.py) and ends with it: the end of stdin ends it. Exit status
0: result.json is there; 1: failure.json says why; 3: it was asked to stop and wrote a checkpoint. Anything else is a
crash; started again it goes on from the newest checkpoint.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from .. import hyperparameters
from ..jobs import data
from ..jobs.data import DataError
from ..store.files import locked, write_whole
from .job import Job, Stopped
from .progress import Progress

DONE, FAILED, STOPPED, ORPHANED = 0, 1, 3, 9
NICENESS = 5
"""Training gives way to answering on a machine that does both."""

NEEDED = ("torch", "transformers", "trl", "peft", "datasets")

METHODS = {
    "bedrock-conversation-2024": "sft",
    "chat messages": "sft",
    "prompt and completion": "sft",
    "preference": "dpo",
    "preferred and other output": "dpo",
    "plain text": "cpt",
    "prompts to be graded": "grpo",
}
"""The data's format -> the module that trains on it."""


def main() -> int:
    folder = Path(sys.argv[1])
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that spin starve one another
    os.environ.setdefault(
        "HF_HUB_OFFLINE", "1"
    )  # what a job needs lies on this machine; PEFT asks the hub all the same
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with locked(folder / "lock"):  # a worker of a server that was killed may be about to notice
        order = json.loads((folder / "job.json").read_text())
        os.nice(order.get("niceness", NICENESS))
        try:
            _work(folder, order)
        except Exception as error:
            return _ended(folder, error)
    return DONE


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(ORPHANED)


def _work(folder: Path, order: dict[str, Any]) -> None:
    h = hyperparameters.read(order["method"], order["hyperparameters"])
    job = Job(folder, order, h, Progress(folder))
    signal.signal(signal.SIGTERM, lambda *_: job.stop.set())
    with job.progress.phase("validation"):
        _check_packages()
        kind = order.get("format", order["method"])
        format, rows = data.read(folder / order["train"], kind)
        validators = [_validators(folder / name, kind, format) for name in order["validation"]]
    method = importlib.import_module(f"outcrop.training.{METHODS[format]}")
    if job.stop.is_set():
        raise Stopped
    method.run(job, rows, validators)


def _validators(path: Path, kind: str, format: str) -> list[dict[str, Any]]:
    found, rows = data.read(path, kind, "validation")
    if found != format:
        raise DataError(f"{path.name} is of the format {found}, the training data of the format {format}.")
    return rows


def _check_packages() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise DataError(f'Training needs {", ".join(missing)}: pip install "outcrop[train]"')


def _ended(folder: Path, error: Exception) -> int:
    """The exit status that an exception ends with; a failure that a person can act on is put into words."""
    if isinstance(error, Stopped):
        return STOPPED
    words = _words(error)
    if words is None:
        raise error
    write_whole(folder / "failure.json", json.dumps({"message": words}).encode())
    return FAILED


def _words(error: Exception) -> str | None:
    """None for a fault of ours: the log gets the traceback, and the server tries again."""
    if isinstance(error, DataError | hyperparameters.ValidationException):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error):
        return "There was not enough memory: use a smaller batchSize or maxSequenceLength, or tuning=lora."
    if isinstance(error, OSError) and error.errno == 28:
        return f"The disk is full: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
