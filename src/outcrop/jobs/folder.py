"""A job's folder: all that server and worker ever say to each other.

Knows nothing of processes. The server writes job.json and the data, the worker all the rest; a file that says how the
job ended appears whole or not at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..store.files import write_whole

LOG_TAIL = 600
"""Characters of the worker's log that a failure quotes."""


class JobFolder:
    """home/jobs/<id>/."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def model(self) -> Path:
        """What was trained: adapter/ or hf/, and the GGUF file beside it."""
        return self.path / "model"

    def write(self, job: dict[str, Any]) -> None:
        """What is to be done. OSError when the disk is full."""
        write_whole(self.path / "job.json", json.dumps(job, indent=1).encode(), 0o600)

    def events(self) -> list[dict[str, Any]]:
        """Everything the worker reported, in order."""
        return self.events_from(0)[0]

    def events_from(self, place: int) -> tuple[list[dict[str, Any]], int]:
        """What was reported past this byte of the file, and where to go on: a line that is still being written is left
        for the next time."""
        try:
            with (self.path / "events.jsonl").open("rb") as file:
                file.seek(place)
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return [], place
        return [*_events(whole)], place + len(whole) + bool(whole)

    def result(self) -> dict[str, Any] | None:
        return self._read("result.json")

    def failure(self) -> str | None:
        """What went wrong, in words for the person whose job it is."""
        said = self._read("failure.json")
        return said["message"] if said else None

    def forget_failure(self) -> None:
        (self.path / "failure.json").unlink(missing_ok=True)

    def forget_checkpoints(self) -> None:
        """Nobody will go on from them any more."""
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def artifacts(self) -> list[Path]:
        """Metrics and plots, for the output bucket."""
        folders = ("training_artifacts", "validation_artifacts")
        files = [file for name in folders for file in (self.path / name).rglob("*") if file.is_file()]
        return sorted(files) + sorted(self.path.glob("loss.*"))

    def last_words(self) -> str:
        """The end of the worker's log, in a line."""
        try:
            text = self.log.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return " ".join(text[-LOG_TAIL:].split())

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            return json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            return None


def _events(lines: bytes) -> Iterator[dict[str, Any]]:
    """What was reported. A full disk may have cut a line short before the next one was written."""
    for line in lines.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
