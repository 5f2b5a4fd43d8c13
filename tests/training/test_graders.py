"""Graders that fail, hang, or answer nonsense, of all kinds; what they are told and what their word counts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from outcrop.training import graders
from outcrop.training.graders import GraderError, grader, packed, sample

ASKED = [{"role": "user", "content": "2+2"}]


def samples(*answers: str) -> list[dict[str, Any]]:
    known = packed({"reference_answer": {"sum": 4}, "level": 1})
    return [sample([*ASKED, {"role": "assistant", "content": answer}], known) for answer in answers]


def function(tmp_path: Path, code: str, **spec: Any) -> graders.Grade:
    (tmp_path / "grade.py").write_text(code)
    return grader({"python": f"{tmp_path / 'grade.py'}:lambda_handler", **spec})


GOOD = """
def lambda_handler(event, context):
    results = [{"id": e["id"], "aggregate_reward_score": score(e)} for e in reversed(event)]
    event[0]["messages"].clear()
    return results

def score(e):
    return 0.5 * (e["messages"][-1]["content"] == str(e["reference_answer"]["sum"]))
"""

FAILING = [
    ("def lambda_handler(event, context):\n    return event[0]['nothing']", "The grader failed: KeyError: 'nothing'"),
    ("import sys\ndef lambda_handler(event, context):\n    sys.exit(3)", "The grader failed: SystemExit"),
    ("def lambda_handler(event, context):\n    return {}", "gave no list of results but: {}"),
    ("def lambda_handler(event, context):\n    return []", "no aggregate_reward_score for an answer but: None"),
    ("def lambda_handler(event, context):\n    return [{'id': e['id'], 'aggregate_reward_score': 'a'} for e in event]",
     "no aggregate_reward_score for an answer but: 'a'"),
    ("def lambda_handler(event, context):\n    return [{'id': e['id'], 'aggregate_reward_score': float('nan')} "
     "for e in event]", "but: nan"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "says"), FAILING)
def test_a_function_that_fails_is_quoted(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(GraderError) as raised:
        function(tmp_path, code)(samples("4"))
    assert says in str(raised.value)


def test_a_function_that_hangs_is_given_up(tmp_path: Path) -> None:
    grade = function(tmp_path, "import time\ndef lambda_handler(event, context):\n    time.sleep(60)", timeout_s=0.2)
    begun = time.monotonic()
    with pytest.raises(GraderError, match=r"took longer than 0.2 s"):
        grade(samples("4"))
    assert time.monotonic() - begun < 50, "it was waited for"


LOADING = [("import nowhere_to_be_found", "ModuleNotFoundError"), ("x = (", "SyntaxError"), ("", "has no function")]


@pytest.mark.parametrize(("code", "says"), LOADING)
def test_a_function_that_cannot_be_loaded_is_refused_at_once(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(GraderError, match=says):
        function(tmp_path, code)


def test_a_function_scores_in_the_samples_order_and_keeps_them_whole(tmp_path: Path) -> None:
    asked = samples("4", "5", "4")
    assert function(tmp_path, GOOD)(asked) == [0.5, 0.0, 0.5]
    assert [one["messages"][-1]["content"] for one in asked] == ["4", "5", "4"]


# HTTP ------------------------------------------------------------------------------------------------------------


@contextmanager
def answering(answer: Callable[[str, Any, Any], tuple[int, Any]]) -> Iterator[str]:
    """The address of a server that answers each POST with (status, JSON or bytes) of (path, body, headers)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = answer(self.path, body, self.headers)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graders, "PAUSE_S", 0.001)


BROKEN = [
    (lambda *_: (403, b"not yours"), "answered 403: not yours", 1),
    (lambda *_: (500, b"oh"), "answered 500: oh", graders.TRIES),
    (lambda *_: (200, b"<html>"), "did not answer in JSON", 1),
    (lambda *_: (200, {"message": "hi"}), "gave no list of results", 1),
]


@pytest.mark.parametrize(("answer", "says", "times"), BROKEN)
def test_an_endpoint_that_fails_is_quoted(answer: Any, says: str, times: int) -> None:
    asked = []
    with answering(lambda *call: (asked.append(call), answer(*call))[1]) as url, pytest.raises(GraderError) as raised:
        grader({"url": url})(samples("4"))
    assert says in str(raised.value)
    assert len(asked) == times


def test_an_endpoint_that_hangs_is_given_up() -> None:
    done = threading.Event()
    with answering(lambda *_: (done.wait(20), (200, []))[1]) as url:
        with pytest.raises(GraderError, match=r"took longer than 0.3 s"):
            grader({"url": url, "timeout_s": 0.3})(samples("4"))
        done.set()


def test_an_endpoint_that_is_away_is_said_to_be() -> None:
    with answering(lambda *_: (200, [])) as url:
        pass
    with pytest.raises(GraderError, match="cannot be reached"):
        grader({"url": url})(samples("4"))


def test_an_endpoint_that_was_busy_gets_awss_event_and_scores() -> None:
    events: list[Any] = []

    def busy_once(path: str, body: Any, headers: Any) -> tuple[int, Any]:
        events.append(body)
        if len(events) == 1:
            return 503, b"busy"
        return 200, [{"id": one["id"], "aggregate_reward_score": n} for n, one in reversed([*enumerate(body)])]

    asked = samples("4", "5")
    with answering(busy_once) as url:
        assert grader({"url": url})(asked) == [0.0, 1.0]
    first = events[1][0]
    assert first["messages"] == [*ASKED, {"role": "assistant", "content": "4"}]
    assert (first["reference_answer"], first["level"], first["id"]) == ({"sum": 4}, 1, asked[0]["id"])


# a judge ---------------------------------------------------------------------------------------------------------


def judge(url: str) -> graders.Grade:
    service = {"url": url, "key": "k"}
    return grader({"model": "outcrop.a/b", "criteria": "Is it right?", "service": service})


def test_a_judge_that_gives_no_marks_fails_and_is_quoted() -> None:
    with answering(lambda *_: (200, said("I like it"))) as url, pytest.raises(GraderError) as raised:
        judge(url)(samples("4", "5"))
    assert "gives no marks; it said: 'I like it'" in str(raised.value)


def said(text: str) -> dict[str, Any]:
    return {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}}


def test_a_judge_reads_criteria_conversation_and_reference_and_its_mark_counts_from_0_to_1() -> None:
    calls: list[Any] = []

    def marks(path: str, body: Any, headers: Any) -> tuple[int, Any]:
        calls.append((path, body, headers["Authorization"]))
        words = {"good": "I first thought 3, but: 10", "fair": "5", "odd": "none", "wild": "99"}
        asked = body["messages"][0]["content"][0]["text"]
        return 200, said(next(mark for word, mark in words.items() if f"assistant: {word}" in asked))

    with answering(marks) as url:
        assert judge(url)(samples("good", "fair", "odd", "wild")) == [1.0, 0.5, 0.0, 1.0]
    path, body, key = calls[0]
    assert (path, key) == ("/model/outcrop.a%2Fb/converse", "Bearer k")
    assert "Is it right?" in body["system"][0]["text"]
    assert "user: 2+2" in body["messages"][0]["content"][0]["text"]
    assert 'reference_answer: {"sum": 4}' in body["messages"][0]["content"][0]["text"]


# OpenAI's graders ------------------------------------------------------------------------------------------------

SCORED: dict[str, Any] = {
    "type": "score_model", "name": "s", "model": "outcrop.a", "range": [0, 4],
    "sampling_params": {"temperature": 0, "max_completions_tokens": 9},
    "input": [{"role": "user", "content": "{{item.reference_answer.sum}}: {{sample.output_text}}"}],
}  # fmt: skip


def openai(url: str, **spec: Any) -> graders.Grade:
    return grader({"openai": {**SCORED, **spec}, "service": {"url": url, "key": "k"}})


def chosen(content: str) -> tuple[int, Any]:
    return 200, {"choices": [{"message": {"role": "assistant", "content": content}}]}


def test_openais_judge_that_cannot_be_read_at_all_fails() -> None:
    with answering(lambda *_: chosen('{"resu')) as url, pytest.raises(GraderError, match="gives no scores"):
        openai(url)(samples("4", "5"))


def test_a_line_without_what_openais_grader_reads_fails() -> None:
    check = {"type": "string_check", "operation": "eq", "input": "a", "reference": "{{item.nothing}}"}
    with pytest.raises(GraderError, match="does not have: 'nothing'"):
        grader({"openai": check})(samples("4"))


def test_openais_judge_is_asked_in_its_own_words_and_must_answer_in_form() -> None:
    calls: list[Any] = []

    def marks(path: str, body: Any, headers: Any) -> tuple[int, Any]:
        calls.append((path, body, headers["Authorization"]))
        words = {"4": '{"result": 3}', "5": '{"result": 9}', "6": "six"}
        return chosen(words[body["messages"][0]["content"][-1]])

    with answering(marks) as url:
        assert openai(url)(samples("4", "5", "6")) == [3.0, 4.0, 0.0]
    path, body, key = next(call for call in calls if call[1]["messages"][0]["content"] == "4: 4")
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer k", "outcrop.a")
    assert (body["temperature"], body["max_completion_tokens"]) == (0, 9)
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["result"] == {"type": "number", "minimum": 0, "maximum": 4}


def test_openais_checks_ask_nobody() -> None:
    check = {"type": "string_check", "operation": "eq", "input": "{{sample.output_text}}", "reference": "4"}
    assert grader({"openai": check})(samples("4", "5")) == [1.0, 0.0]
