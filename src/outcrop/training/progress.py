"""What a worker tells the server and the person who waits: events, metrics in Bedrock's layout, a plot of the loss.

Knows nothing of torch. Everything is written so that a kill leaves whole lines and whole files.
Source of the layout: docs.aws.amazon.com/bedrock/latest/userguide/model-customization-analyze.html.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..jobs.folder import JobFolder
from ..store.files import write_whole

TRAINING_CSV = Path("training_artifacts/step_wise_training_metrics.csv")
VALIDATION_CSV = Path("validation_artifacts/post_fine_tuning_validation/validation_metrics.csv")


BEYOND = ("reward",)
"""Columns after Bedrock's own, where a method measures them."""


class Progress:
    """The reports of one job. After a restart it goes on from the step that the checkpoint was written at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = (folder / "events.jsonl").open("a", encoding="utf-8")
        self._file.write("\n" if _is_torn(folder / "events.jsonl") else "")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """validation, data_processing or training, from its beginning to its end."""
        self.report(phase=name, status="InProgress")
        yield
        self.report(phase=name, status="Completed")

    def report(self, **event: Any) -> None:
        self._file.write(json.dumps({"time": round(time.time(), 3), **event}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def steps(self) -> list[dict[str, Any]]:
        """One event a step, the latest of each: a step that was lost with a crash was done again."""
        return self._latest("loss")

    def validations(self) -> list[dict[str, Any]]:
        return self._latest("validation_loss")

    def _latest(self, member: str) -> list[dict[str, Any]]:
        events = [event for event in JobFolder(self.folder).events() if member in event]
        latest = {(event.get("validator", 0), event["step"]): event for event in events}
        return [latest[key] for key in sorted(latest)]

    def write_artifacts(self) -> None:
        """Both CSV files and loss.svg."""
        _write_csv(self.folder / TRAINING_CSV, "training_loss", [(e, e["loss"]) for e in self.steps()])
        validations = [(event, event["validation_loss"]) for event in self.validations()]
        if validations:
            _write_csv(self.folder / VALIDATION_CSV, "validation_loss", validations)
        write_whole(self.folder / "loss.svg", plot(self.steps(), self.validations()).encode())

    def finish(self, kind: str) -> None:
        """result.json, the last file of a job: the losses at the end and what was trained (adapter or full)."""
        validations = self.validations()
        last = {event.get("validator", 0): event["validation_loss"] for event in validations}
        result = {"trainingLoss": self.steps()[-1]["loss"], "validationLosses": [*last.values()], "kind": kind}
        write_whole(self.folder / "result.json", json.dumps(result).encode())


def _is_torn(path: Path) -> bool:
    """Whether the last line has no end: the disk was full, or the machine died."""
    return path.read_bytes()[-1:] not in (b"", b"\n")


def _write_csv(path: Path, loss: str, rows: list[tuple[dict[str, Any], float]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    more = [name for name in BEYOND if name in rows[0][0]]
    writer.writerow(["step_number", "epoch_number", loss, "perplexity", *more])
    for event, value in rows:
        numbers = [event["epoch"], value, _perplexity(value), *(event.get(name, math.nan) for name in more)]
        writer.writerow([event["step"], *(f"{number:.6g}" for number in numbers)])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.getvalue().encode())


def _perplexity(loss: float) -> float:
    return math.exp(min(loss, 700.0))


# the plot --------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, MARGIN = 640, 360, 48


def plot(steps: list[dict[str, Any]], validations: list[dict[str, Any]]) -> str:
    """The loss over the steps as an SVG drawing, validation losses as dots."""
    points = [(event["step"], event["loss"]) for event in steps]
    dots = [(event["step"], event["validation_loss"]) for event in validations]
    values = [value for _, value in points + dots] or [0.0]
    low, high = min(0.0, *values), max(values) * 1.05 or 1.0
    last = max((step for step, _ in points + dots), default=1) or 1

    def at(step: float, value: float) -> tuple[float, float]:
        x = MARGIN + (WIDTH - 2 * MARGIN) * step / last
        return round(x, 1), round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / (high - low), 1)

    line = " ".join(f"{x},{y}" for x, y in (at(*point) for point in points))
    circles = "".join('<circle cx="{}" cy="{}" r="4" fill="#c2410c"/>'.format(*at(*dot)) for dot in dots)
    left, bottom = at(0, low)
    right, top = at(last, high)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="#444"/>'
        f'<text x="{left - 6}" y="{top + 4}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{left - 6}" y="{bottom}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{right}" y="{bottom + 16}" text-anchor="end">step {last}</text>'
        f'<polyline points="{line}" fill="none" stroke="#1d4ed8" stroke-width="1.5"/>{circles}'
        f'<text x="{MARGIN}" y="24">training loss (line), validation loss (dots)</text></svg>\n'
    )
