"""Reports of a worker whose disk was full, or that was killed, in the middle of a line."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from outcrop.jobs.folder import JobFolder
from outcrop.training.progress import Progress

WHOLE = b'{"time": 1, "step": 1, "loss": 2.0}\n'


@pytest.mark.parametrize("torn", [b'{"time": 2, "st', b"{", b'{"time": 2, "step": 2, "loss": 1.0}'])
def test_a_line_without_its_end_costs_no_other(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "events.jsonl").write_bytes(WHOLE + torn)
    with closing(Progress(tmp_path)) as progress:
        progress.report(step=3, loss=0.5)
    assert [event["step"] for event in progress.steps()][-1] == 3
    assert [event["step"] for event in JobFolder(tmp_path).events()] == [event["step"] for event in progress.steps()]
    assert progress.steps()[0]["step"] == 1


def test_a_file_that_is_whole_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(WHOLE)
    Progress(tmp_path).close()
    assert (tmp_path / "events.jsonl").read_bytes() == WHOLE


def test_a_torn_line_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    """As an earlier version of the service may have left it."""
    (tmp_path / "events.jsonl").write_bytes(WHOLE + b'{"time": 2, "st' + WHOLE + WHOLE)
    assert len(JobFolder(tmp_path).events()) == 2
    with closing(Progress(tmp_path)) as progress:
        progress.report(phase="training", status="InProgress")
    assert JobFolder(tmp_path).events()[-1]["phase"] == "training"
