"""Progress on a terminal and in a log."""

from __future__ import annotations

import io

from outcrop.pull.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_for_each_tenth() -> None:
    out = io.StringIO()
    progress = ProgressBar(out)
    for done in range(0, 2_000_001, 10_000):
        progress("model.gguf", done, 2_000_000)
    lines = out.getvalue().splitlines()
    assert lines[0] == "model.gguf: 0 % of 2.0 MB" and lines[-1] == "model.gguf: 100 % of 2.0 MB"
    assert len(lines) == 11


def test_a_terminal_gets_one_line_that_fills() -> None:
    out = Terminal()
    progress = ProgressBar(out)
    for done in range(1001):
        progress("a" * 60, done, 1000)
    drawn = out.getvalue()
    assert drawn.count("\n") == 1 and drawn.endswith(f"[{'#' * 30}] 1.0 kB\n")
    assert 2 <= drawn.count("\r") < 100
    assert max(len(line) for line in drawn.split("\r")) < 100


def test_an_empty_file_is_whole_at_once() -> None:
    out = io.StringIO()
    ProgressBar(out)("empty", 0, 0)
    assert "empty" in out.getvalue()
