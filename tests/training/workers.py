"""Real worker processes for tests, forked from a server that has imported TRL once.

Knows nothing of what is trained. Each child is `outcrop.training.worker` on a folder: its signals, its exit status and
its files are the real thing; only the imports, half a minute on a busy machine, are not paid again.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

MARKS = [
    pytest.mark.timeout(600),  # seconds on calm cores, but these may share a machine with a training
    pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="needs outcrop[train]"),
]
"""Of every test that runs workers."""

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.training.preloaded"])


def job(folder: Path, begin: Path, rows: Iterable[Any], method: str = "FINE_TUNING", **order: Any) -> Path:
    """Write job.json and its data, to begin with a folder or a GGUF file.

    `order` may hold validation rows, hyperparameters (any values) and more members of job.json.
    """
    folder.mkdir(parents=True)
    write(folder / "train.jsonl", rows)
    validation = []
    if "validation" in order:
        write(folder / "validation-0.jsonl", order.pop("validation"))
        validation = ["validation-0.jsonl"]
    hyperparameters = {name: str(value) for name, value in order.pop("hyperparameters", {}).items()}
    source = begin if begin.suffix == ".gguf" else None
    told = {
        "id": "job", "arn": "arn", "method": method, "train": "train.jsonl", "validation": validation,
        "base": {"id": "tiny", "source": source and str(source), "folder": None if source else str(begin)},
        "hyperparameters": hyperparameters, "niceness": 0, **order,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(told))
    return folder


def write(path: Path, rows: Iterable[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def start(folder: Path, meddle: Callable[[], None] | None = None) -> Any:
    """Start a worker; `meddle`, a function of a module, is called in it first."""
    process = CONTEXT.Process(target=_work, args=(str(folder), meddle))
    process.start()
    return process


def run(folder: Path, meddle: Callable[[], None] | None = None, within_s: float = 300) -> int:
    """Run a worker to its end: its exit status, negative for a signal."""
    process = start(folder, meddle)
    process.join(within_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"still at work after {within_s} s: {log(folder)}")
    return process.exitcode


def log(folder: Path) -> str:
    return (folder / "worker.log").read_text()[-3000:]


def result(folder: Path) -> dict[str, Any]:
    """result.json of a job that must have ended well."""
    assert (folder / "result.json").exists(), f"{failure(folder)} {log(folder)}"
    return json.loads((folder / "result.json").read_text())


def failure(folder: Path) -> str | None:
    path = folder / "failure.json"
    return json.loads(path.read_text())["message"] if path.exists() else None


def events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "events.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def until(process: Any, there: Callable[[], bool], within_s: float = 200) -> None:
    """Wait until `there` while the process lives."""
    end = time.monotonic() + within_s
    while not there():
        assert process.is_alive() and time.monotonic() < end, "it never came"
        time.sleep(0.005)


def _work(folder: str, meddle: Callable[[], None] | None) -> None:
    """The child: stdin stays open as long as it lives, words go to the folder's log."""
    import warnings

    from outcrop.training import worker

    warnings.resetwarnings()
    os.dup2(os.pipe()[0], 0)
    log = os.open(Path(folder) / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if meddle:
        meddle()
    sys.argv = ["worker", folder]
    os._exit(_code(worker.main))


def _code(main: Callable[[], int]) -> int:
    try:
        return main()
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
