"""How far a download is, on a terminal as a bar, elsewhere as a line for each tenth.

Knows nothing of what is downloaded.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 30


class ProgressBar:
    """Callable with a name, bytes done and bytes in all."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._bar = self.stream.isatty()
        self._tenths: dict[str, int] = {}
        self._shown = 0.0

    def __call__(self, name: str, done: int, total: int) -> None:
        self._draw(name, done, total) if self._bar else self._tell(name, done, total)
        self.stream.flush()

    def _draw(self, name: str, done: int, total: int) -> None:
        if done < total and time.monotonic() - self._shown < 0.1:
            return
        self._shown = time.monotonic()
        filled = WIDTH * done // max(total, 1)
        line = f"\r{name[-40:]:40} [{'#' * filled}{' ' * (WIDTH - filled)}] {_amounts(done, total)}"
        self.stream.write(line + ("\n" if done >= total else ""))

    def _tell(self, name: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if self._tenths.get(name) == tenth:
            return
        self._tenths[name] = tenth
        self.stream.write(f"{name}: {10 * tenth} % of {_amounts(total, total)}\n")


def _amounts(done: int, total: int) -> str:
    unit, size = next(((u, s) for u, s in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if total >= s), ("B", 1.0))
    return f"{total / size:.1f} {unit}" if done == total else f"{done / size:.1f}/{total / size:.1f} {unit}"
