"""The coverage page: what it claims must be so, what a newer botocore adds may be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import load

coverage = load("coverage")
CONVERSE, AGENT, TAG = ("bedrock-runtime", "Converse"), ("bedrock-agent", "GetAgent"), ("bedrock", "TagResource")
CODE = {CONVERSE: "real", AGENT: "state only", TAG: "missing"}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({CONVERSE: "missing"}, "the page says missing, the code real"),
        ({CONVERSE: "state only"}, "the page says state only, the code real"),
        ({TAG: "real"}, "the page says real, the code missing"),
        ({("bedrock", "Imagined"): "real"}, "the page says real, the code missing"),
    ],
)
def test_a_wrong_claim_is_found(changed: dict, says: str) -> None:
    (fault,) = coverage.wrong(CODE | changed, CODE)
    assert fault.endswith(says)


def test_a_handler_without_a_row_is_found() -> None:
    page = {key: kind for key, kind in CODE.items() if key != CONVERSE}
    assert coverage.wrong(page, CODE) == ["bedrock-runtime Converse: the page says missing, the code real"]


def test_operations_of_another_botocore_are_no_fault() -> None:
    newer = CODE | {("bedrock", "CreateTomorrow"): "missing"}
    assert coverage.wrong(CODE, newer) == []
    assert coverage.wrong(newer, CODE) == []


def test_a_page_reads_back_as_it_was_written() -> None:
    rows = coverage.rows()
    text = coverage.page(rows)
    assert coverage.read(text) == rows
    assert f"| all | {sum(kind == 'real' for kind in rows.values())} |" in text


def test_check_fails_without_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "PAGE", tmp_path / "coverage.md")
    assert coverage.main(check=True) == 1
    assert coverage.main(check=False) == 0
    assert coverage.main(check=True) == 0
