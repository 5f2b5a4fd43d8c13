"""Counting and logging a request: what must never be said, what must never be raised, then the numbers."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from outcrop import telemetry as module
from outcrop.call import Call, Identity
from outcrop.config import Settings
from outcrop.errors import (
    InternalServerException,
    ModelErrorException,
    ModelStreamErrorException,
    ThrottlingException,
    ValidationException,
)
from outcrop.logs import setup_logging
from outcrop.telemetry import Telemetry

SECRET = "my dog is called Mortimer"


def call(operation: str = "Converse", **note: Any) -> Call:
    identity = Identity("AKIAEXAMPLE", "arn:aws:iam::000000000000:user/ada")
    headers = {"authorization": SECRET}
    return Call(operation, "bedrock-runtime", "id-1", SimpleNamespace(), identity, headers, note=note)  # type: ignore[arg-type]


def finish(telemetry: Telemetry, status: int = 200, error: BaseException | None = None, **note: Any) -> None:
    one = call(**note)
    telemetry.begin(one)
    telemetry.finish(one, status, error)


def samples(telemetry: Telemetry) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(telemetry.metrics().decode())
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(Settings())


@pytest.fixture
def logged() -> Any:
    """A stream that setup_logging writes to; the root logger is put back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    setup_logging(Settings(), stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_no_text_of_a_model_and_no_secret_is_logged(telemetry: Telemetry, logged: io.StringIO) -> None:
    texts = {"inputBody": {"text": SECRET}, "outputBody": SECRET.encode(), "surprise": SECRET}
    for error in (
        None,
        raised(ValidationException(SECRET)),
        raised(KeyError(SECRET)),
        raised(ModelErrorException(SECRET)),
    ):
        finish(telemetry, 500 if error else 200, error, modelId="m", **texts)
    assert len(logged.getvalue().splitlines()) == 4
    assert SECRET not in logged.getvalue()
    assert SECRET not in telemetry.metrics().decode()


def test_ids_that_did_not_resolve_make_no_series(telemetry: Telemetry) -> None:
    for _ in range(50):
        finish(telemetry, 404, ValidationException("no such model"))
    names = {key[0] for key in samples(telemetry)}
    assert not any(name.startswith("bedrock_invocation") and name.endswith("_total") for name in names)
    assert samples(telemetry)[("outcrop_requests_total", "404", "Converse")] == 50


def test_label_values_are_bounded(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LABEL_LIMIT", 3)
    for n in range(10):
        finish(telemetry, modelId=f"m{n}")
    series = {key: value for key, value in samples(telemetry).items() if key[0] == "bedrock_invocations_total"}
    assert len(series) == 4
    assert series[("bedrock_invocations_total", "other")] == 7


@pytest.mark.parametrize(
    "note",
    [
        {"usage": {"inputTokens": "many"}, "modelId": "m"},
        {"usage": {"inputTokens": -1}, "modelId": "m"},
        {"modelId": ["unhashable"]},
        {"firstTokenMs": "soon", "modelId": "m"},
    ],
)
def test_a_bad_note_never_fails_the_request(telemetry: Telemetry, logged: io.StringIO, note: dict[str, Any]) -> None:
    finish(telemetry, **note)
    assert telemetry.in_flight == 0
    assert "could not be counted" in logged.getvalue()


def test_a_lone_surrogate_and_a_huge_integer_are_still_one_json_line(telemetry: Telemetry, logged: io.StringIO) -> None:
    finish(telemetry, requestMetadata={"k": "\ud800", "n": 1 << 70})
    assert json.loads(logged.getvalue())["requestMetadata"]["n"] == 1 << 70


def test_a_dead_stderr_never_fails_the_request(telemetry: Telemetry, capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        setup_logging(Settings(), Full())
        finish(telemetry, modelId="m")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert samples(telemetry)[("bedrock_invocations_total", "m")] == 1


@pytest.mark.parametrize(
    ("status", "error", "metric"),
    [
        (200, None, "bedrock_invocations_total"),
        (400, ValidationException("no"), "bedrock_invocation_client_errors_total"),
        (429, ThrottlingException("full"), "bedrock_invocation_throttles_total"),
        (500, InternalServerException("oh"), "bedrock_invocation_server_errors_total"),
        (500, KeyError("bug"), "bedrock_invocation_server_errors_total"),
        (200, ModelStreamErrorException("died in mid-stream"), "bedrock_invocation_server_errors_total"),
        (424, ModelErrorException("engine"), "bedrock_invocation_server_errors_total"),
        (200, asyncio.CancelledError(), "bedrock_invocation_client_errors_total"),
        (200, GeneratorExit(), "bedrock_invocation_client_errors_total"),
    ],
)
def test_each_end_counts_once(telemetry: Telemetry, status: int, error: BaseException | None, metric: str) -> None:
    finish(telemetry, status, error, modelId="m")
    counted = {k[0]: v for k, v in samples(telemetry).items() if k[0].startswith("bedrock_invocation") and "m" in k}
    counted = {name: value for name, value in counted.items() if name.endswith("_total")}
    assert counted == {metric: 1}


def test_tokens_times_and_gauges(telemetry: Telemetry) -> None:
    usage = {
        "inputTokens": 7,
        "outputTokens": 5,
        "totalTokens": 12,
        "cacheReadInputTokens": 3,
        "cacheWriteInputTokens": 0,
    }
    finish(telemetry, modelId="m", usage=usage, firstTokenMs=20)
    seen = samples(telemetry)
    assert seen[("bedrock_input_token_count_total", "m")] == 7
    assert seen[("bedrock_output_token_count_total", "m")] == 5
    assert seen[("bedrock_cache_read_input_token_count_total", "m")] == 3
    assert seen[("bedrock_time_to_first_token_seconds_sum", "m")] == 0.02
    assert seen[("bedrock_invocation_latency_seconds_count", "m")] == 1
    assert seen[("outcrop_requests_in_flight",)] == 0


def test_control_plane_operations_are_no_invocations(telemetry: Telemetry) -> None:
    finish(telemetry, operation="GetFoundationModel", modelId="m")
    assert ("bedrock_invocations_total", "m") not in samples(telemetry)
    assert samples(telemetry)[("outcrop_requests_total", "200", "GetFoundationModel")] == 1


def test_a_door_counts_where_a_model_was_asked(telemetry: Telemetry) -> None:
    for asked in (True, False):
        made = call("CreateChatCompletion", modelId="m", invoked=asked)
        telemetry.begin(made)
        telemetry.finish(made, 200)
    assert b'bedrock_invocations_total{model_id="m"} 1.0' in telemetry.metrics()


def test_requests_under_way_are_counted(telemetry: Telemetry) -> None:
    one = call()
    telemetry.begin(one)
    assert samples(telemetry)[("outcrop_requests_in_flight",)] == 1
    telemetry.finish(one, 200)
    assert samples(telemetry)[("outcrop_requests_in_flight",)] == 0


def test_engines_are_read_at_the_scrape(telemetry: Telemetry) -> None:
    assert not any(key[0].startswith("outcrop_engine") for key in samples(telemetry))
    engine = SimpleNamespace(model="m", state="ready", active=2, waiting=5, slots=16)
    telemetry.engines = lambda: [engine]
    seen = samples(telemetry)
    assert seen[("outcrop_engine_state", "m", "ready")] == 1
    assert seen[("outcrop_engine_waiting_requests", "m")] == 5
    assert not any(key[0] == "outcrop_engine_memory_bytes" for key in seen)
    engine.active = 3
    assert samples(telemetry)[("outcrop_engine_active_requests", "m")] == 3


def test_the_line_says_what_happened(telemetry: Telemetry, logged: io.StringIO) -> None:
    usage = {"inputTokens": 7, "outputTokens": 5}
    finish(telemetry, modelId="m", usage=usage, firstTokenMs=4, stopReason="end_turn", requestMetadata={"team": "a"})
    line = json.loads(logged.getvalue())
    assert line.pop("time").endswith("Z")
    assert line.pop("latencyMs") >= 0
    assert line == {
        "level": "info",
        "requestId": "id-1",
        "operation": "Converse",
        "service": "bedrock-runtime",
        "modelId": "m",
        "keyId": "AKIAEXAMPLE",
        "status": 200,
        "firstTokenMs": 4,
        "inputTokens": 7,
        "outputTokens": 5,
        "stopReason": "end_turn",
        "requestMetadata": {"team": "a"},
    }


def test_a_fault_of_ours_is_logged_with_its_cause(telemetry: Telemetry, logged: io.StringIO) -> None:
    def broken() -> None:
        raise OSError(28, "No space left on device")

    try:
        try:
            broken()
        except OSError as error:
            raise InternalServerException("could not store it") from error
    except InternalServerException as error:
        finish(telemetry, 500, error)
    line = json.loads(logged.getvalue())
    assert line["level"] == "error"
    assert [cause["type"] for cause in line["cause"]] == ["InternalServerException", "OSError"]
    assert line["cause"][1]["system"] == "No space left on device"
    assert line["cause"][1]["at"][-1].endswith(" broken")


def test_a_client_that_left_is_named(telemetry: Telemetry, logged: io.StringIO) -> None:
    finish(telemetry, 499, modelId="m")
    assert json.loads(logged.getvalue())["errorCode"] == "ClientClosedRequest"
    assert samples(telemetry)[("bedrock_invocation_client_errors_total", "m")] == 1


def test_below_the_level_nothing_is_built(telemetry: Telemetry, logged: io.StringIO) -> None:
    logging.getLogger().setLevel("WARNING")
    finish(telemetry, modelId="m")
    assert logged.getvalue() == ""


def test_the_documented_metrics_are_the_exposed_ones(telemetry: Telemetry) -> None:
    from outcrop.invocation_log import log

    log.Counters(telemetry.registry)
    text = (Path(__file__).parents[1] / "docs" / "observability.md").read_text()
    documented = set(re.findall(r"`((?:bedrock|outcrop)_[a-z0-9_]+)`", text))
    exposed = set(re.findall(r"^# TYPE ((?:bedrock|outcrop)_\w+)", telemetry.metrics().decode(), re.MULTILINE))
    assert documented == exposed
