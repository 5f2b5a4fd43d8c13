"""The conformance run itself: that it would notice a failure (the run over botocore's cases is `make conformance`)."""

from __future__ import annotations

from typing import Any

import pytest

from . import load

conformance = load("conformance")
SUITE = {
    "metadata": {"protocol": "rest-json", "apiVersion": "1"},
    "shapes": {
        "In": {
            "type": "structure",
            "members": {"a": {"shape": "S", "location": "querystring", "locationName": "A"}, "b": {"shape": "T"}},
        },
        "S": {"type": "string"},
        "T": {"type": "timestamp"},
        "Blob": {"type": "blob"},
        "Bad": {
            "type": "structure",
            "members": {"why": {"shape": "S"}},
            "exception": True,
            "error": {"httpStatusCode": 400},
        },
        "Out": {"type": "structure", "members": {"t": {"shape": "T", "location": "header"}, "d": {"shape": "Blob"}}},
    },
}
GIVEN = {
    "name": "Do",
    "http": {"method": "POST", "requestUri": "/do"},
    "input": {"shape": "In"},
    "output": {"shape": "Out"},
    "errors": [{"shape": "Bad"}],
}
SENT = {"method": "POST", "uri": "/do?A=x", "body": '{"b": 5}', "headers": {}}


def case(**more: Any) -> dict[str, Any]:
    return {"given": GIVEN, **more}


@pytest.mark.parametrize(
    ("params", "sent", "says"),
    [
        ({"a": "y", "b": 5}, SENT, "wanted"),
        ({"a": "x"}, SENT, "wanted"),
        ({"a": "x", "b": 5}, {**SENT, "uri": "/nothing"}, "no route"),
        ({"a": "x", "b": 5}, {**SENT, "method": "GET"}, "no route"),
    ],
)
def test_a_wrong_reading_is_noticed(params: dict, sent: dict, says: str) -> None:
    assert says in conformance.reads(SUITE, case(params=params, serialized=sent))


def test_a_right_reading_passes() -> None:
    assert conformance.reads(SUITE, case(params={"a": "x", "b": 5}, serialized=SENT)) is None


def test_a_result_is_judged_by_what_botocore_reads() -> None:
    response = {"status_code": 200, "headers": {}, "body": "other"}
    assert conformance.writes(SUITE, case(result={"t": 5, "d": "text"}, response=response)) is None


def test_an_error_is_judged_by_its_code_and_members() -> None:
    told = case(error={"why": "so"}, errorCode="Bad", errorMessage="m", response={"status_code": 400})
    assert conformance.writes(SUITE, told) is None


def test_a_run_counts_what_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [{**case(), "id": name} for name in ("good", "bad", "RestJsonHostWithPath", "broken")]
    monkeypatch.setattr(conformance, "suites", lambda side: [{**SUITE, "cases": cases}])

    def judge(suite: Any, one: Any) -> str | None:
        return {"good": None, "bad": "no good"}[one["id"]]

    assert conformance.run("input", judge) is False
    assert capsys.readouterr().out.splitlines() == [
        "input: 1 passed, 2 failed, 1 not for a server, 4 in all",
        "  bad: no good",
        "  broken: KeyError: 'broken'",
    ]
