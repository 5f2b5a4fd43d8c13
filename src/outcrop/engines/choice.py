"""Which engine runs: the wheel, a llama-server built here, or one that the settings name.

Knows the record that `outcrop engine build` leaves in home/engines/engine.json; knows nothing of building or running.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..config import Settings
from . import machine


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine to run."""

    label: str
    """For people: "wheel 2026.10.11549", "built b0.3.36 (clang 16, avx2)"."""
    binary: str = ""
    """Path of a llama-server; empty for the wheel."""
    reason: str = ""
    machine: str = ""
    """Fingerprint of the processor it was built for."""


def choose(settings: Settings) -> Choice:
    """What `settings.engine` comes to on this machine. A built engine that is gone falls back to the wheel."""
    if settings.engine == "auto":
        record = recorded(settings.home)
        return runnable(record) or wheel(_why_not(record))
    if settings.engine == "wheel":
        return wheel("the setting `engine` says so")
    return Choice(f"llama-server {settings.engine}", settings.engine, "the setting `engine` names it")


def wheel(reason: str) -> Choice:
    try:
        version = importlib.metadata.version("xllamacpp")
    except importlib.metadata.PackageNotFoundError:
        version = "missing"
    return Choice(f"wheel {version}", "", reason)


def record_path(home: Path) -> Path:
    return home / "engines" / "engine.json"


def recorded(home: Path) -> Choice | None:
    """What the last build came to, if there was one: an engine, or the reasons why the wheel stays."""
    try:
        return Choice(**json.loads(record_path(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def runnable(record: Choice | None) -> Choice | None:
    """The built engine, if it can still be run on this processor (a home folder may travel)."""
    if record is None or record.machine != machine.fingerprint():
        return None
    return record if record.binary and os.access(record.binary, os.X_OK) else None


def _why_not(record: Choice | None) -> str:
    if record is None:
        return "no engine was built here: outcrop engine build"
    if not record.binary:
        return record.reason
    return f"{record.label} is gone or was built for another processor: outcrop engine build"


def adopt(home: Path, choice: Choice) -> None:
    """Make `choice` what `auto` means from now on; whole or not at all."""
    path = record_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(choice), indent=2) + "\n")
    draft.replace(path)
