"""What tests do inside a worker before it begins: kill it, with the real signal, at one place of its way.

Knows nothing of what comes after. Each function is found by name in the forked child.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any


def few_checkpoints() -> None:
    """At every second of eight steps."""
    from outcrop.training import harness

    harness.CHECKPOINTS = 4


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def while_tokens_are_made() -> None:
    from outcrop.training import render

    render.conversation = die


def at_the_first_step() -> None:
    _at_step(1)


def between_checkpoints() -> None:
    _at_step(5)


def _at_step(number: int) -> None:
    from outcrop.training.progress import Progress

    few_checkpoints()
    report = Progress.report

    def meddled(self: Any, **event: Any) -> None:
        report(self, **event)
        if event.get("step") == number:
            die()

    Progress.report = meddled


def before_a_checkpoint_is_whole() -> None:
    _saving_state(lambda path: die())


def with_half_a_state() -> None:
    _saving_state(lambda path: (Path(path).write_text('{"global_step": '), die()))


def _saving_state(act: Any) -> None:
    """At the second checkpoint: the first is there to go on from."""
    from transformers import TrainerState

    few_checkpoints()
    save = TrainerState.save_to_json

    def meddled(self: Any, json_path: str) -> None:
        act(json_path) if self.global_step >= 4 else save(self, json_path)

    TrainerState.save_to_json = meddled


def while_the_model_is_written() -> None:
    from outcrop.training import harness

    harness.adapter.convert = die


def before_the_result() -> None:
    from outcrop.training.progress import Progress

    Progress.finish = die


def without_trl() -> None:
    """As on a machine where the extra is not installed."""
    import importlib.util

    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name in ("trl", "peft") else find(name, *rest)


def without_memory() -> None:
    from outcrop.training.job import Job

    def full(self: Any) -> Any:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: out of memory")

    Job.load = full


def orphan_soon() -> None:
    """The server goes: the other end of stdin closes."""
    import threading

    ours, theirs = os.pipe()
    os.dup2(ours, 0)
    threading.Timer(1.0, lambda: os.close(theirs)).start()
