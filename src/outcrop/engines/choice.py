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


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine to run."""

    label: str
    """For people: "wheel 2026.10.11549", "built b0.3.36 (clang 16, avx2)"."""
    binary: str = ""
    """Path of a llama-server; empty for the wheel."""
    reason: str = ""


def choose(settings: Settings) -> Choice:
    """What `settings.engine` comes to on this machine. A built engine that is gone falls back to the wheel."""
    if settings.engine == "auto":
        return built(settings.home) or wheel("no engine was built here: outcrop engine build")
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


def built(home: Path) -> Choice | None:
    """The adopted build, if there is one and it can still be run."""
    try:
        choice = Choice(**json.loads(record_path(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return choice if choice.binary and os.access(choice.binary, os.X_OK) else None


def adopt(home: Path, choice: Choice) -> None:
    """Make `choice` what `auto` means from now on; whole or not at all."""
    path = record_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(choice), indent=2) + "\n")
    draft.replace(path)
