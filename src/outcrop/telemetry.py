"""Seeing: counters for `/metrics` and one log line per request.

Knows nothing of HTTP, and never reads a prompt, an answer or a secret: what it may say is listed in `_line`.

Metric names are CloudWatch's own in snake case, `_total` for counts and `_seconds` for times, labelled by model id:
https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Info, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from . import __version__
from .call import Call
from .config import Settings
from .errors import ServiceError, ThrottlingException

log = logging.getLogger("outcrop.request")

INVOCATIONS = frozenset({"Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"})
"""The operations that CloudWatch counts as invocations. Those of other doors count where a model was asked
(call.note["invoked"])."""

MODEL_FAULTS = frozenset({"ModelErrorException", "ModelStreamErrorException", "ModelTimeoutException"})
"""4xx by their status, yet nothing the client could have written better: counted as server errors."""

GONE = (asyncio.CancelledError, GeneratorExit)
"""How a client that hung up shows."""

HUNG_UP = 499
"""The status that the gateway gives to a request whose client left."""

LABEL_LIMIT = 1000
"""Label values a metric takes before further ones are counted as `other`."""

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
FIRST_TOKEN_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OUTCOMES = {
    "success": ("bedrock_invocations", "Invocations that succeeded."),
    "client_errors": ("bedrock_invocation_client_errors", "Invocations the client got wrong or left."),
    "server_errors": ("bedrock_invocation_server_errors", "Invocations that failed on this side."),
    "throttles": ("bedrock_invocation_throttles", "Invocations refused because the queue was full."),
}
"""How an invocation may end -> metric."""

TOKENS = {
    "inputTokens": (
        "bedrock_input_token_count",
        "Tokens in the input, without those read from or written to the cache.",
    ),
    "outputTokens": ("bedrock_output_token_count", "Tokens in the output."),
    "cacheReadInputTokens": ("bedrock_cache_read_input_token_count", "Input tokens read from the prompt cache."),
    "cacheWriteInputTokens": ("bedrock_cache_write_input_token_count", "Input tokens written to the prompt cache."),
}
"""TokenUsage member -> metric."""

ENGINE_GAUGES = {
    "active": ("outcrop_engine_active_requests", "Requests an engine is answering."),
    "waiting": ("outcrop_engine_waiting_requests", "Requests that wait for a slot of an engine."),
    "slots": ("outcrop_engine_slots", "Requests an engine can answer at the same time."),
    "memory": ("outcrop_engine_memory_bytes", "Resident memory of an engine's process."),
}
"""EngineStatus attribute -> metric; an attribute that is absent or None gives no sample."""

EngineStatuses = Callable[[], Iterable[Any]]


class Telemetry:
    """Counts and logs requests. `engines` is read at every scrape (`Engines.status`); it may be set later."""

    def __init__(self, settings: Settings, engines: EngineStatuses = tuple) -> None:
        self.engines = engines
        self.started = time.time()
        self.in_flight = 0
        self.registry = CollectorRegistry()
        self._requests = Counts("outcrop_requests", "Requests by operation and status.", ("operation", "status"))
        self._duration = Times(
            "outcrop_request_duration_seconds",
            "From the first byte in to the last byte out.",
            "operation",
            LATENCY_BUCKETS,
        )
        self._invocations = Invocations()
        for collector in (self._requests, self._duration, *self._invocations.collectors(), EngineGauges(self)):
            self.registry.register(collector)
        about = {"version": __version__, "region": settings.region}
        Info("outcrop", "The service.", registry=self.registry).info(about)
        ProcessCollector(registry=self.registry)

    def begin(self, call: Call) -> None:
        """A request has been routed. Each `begin` has one `finish`."""
        self.in_flight += 1

    def finish(self, call: Call, status: int, error: BaseException | None = None) -> None:
        """The last byte is out (or the client is gone): count and log. `status` is the one sent; never raises."""
        self.in_flight -= 1
        elapsed = time.monotonic() - call.started
        try:
            self._count(call, status, error, elapsed)
            self._log(call, status, error, elapsed)
        except Exception:  # seeing must never be why a request fails
            logging.getLogger("outcrop.telemetry").exception("request %s could not be counted", call.request_id)

    def metrics(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""
        return generate_latest(self.registry)

    def uptime(self) -> float:
        """Seconds since the service started."""
        return time.time() - self.started

    def _count(self, call: Call, status: int, error: BaseException | None, elapsed: float) -> None:
        self._requests.add((call.operation, str(status)))
        self._duration.add(call.operation, elapsed)
        counts = call.operation in INVOCATIONS or call.note.get("invoked")
        if counts and (model := call.note.get("modelId")):
            self._invocations.count(model, call.note, _outcome(status, error), elapsed)

    def _log(self, call: Call, status: int, error: BaseException | None, elapsed: float) -> None:
        level = logging.ERROR if _outcome(status, error) == "server_errors" else logging.INFO
        if log.isEnabledFor(level):  # a record made by hand: log.info() would look for its caller first
            fields = {"fields": _line(call, status, error, elapsed)}
            log.handle(log.makeRecord(log.name, level, "", 0, "request", (), None, extra=fields))


class Counts(Collector):
    """A counter kept as plain numbers, a fifth of the cost of prometheus' locked ones: one thread may add."""

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self._family = name, help, labels
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, labels: tuple[str, ...] = (), amount: float = 1) -> None:
        """Add `amount` (0 or more; TypeError and ValueError say otherwise)."""
        if amount < 0:
            raise ValueError(f"{self._family[0]} cannot go down by {amount}")
        if labels not in self._values and len(self._values) >= LABEL_LIMIT:
            labels = ("other", *labels[1:])
        self._values[labels] = self._values.get(labels, 0) + amount

    def collect(self) -> Iterator[Metric]:
        name, help, labels = self._family
        family = CounterMetricFamily(name, help, labels=labels)
        for values, number in self._values.items():
            family.add_metric(values, number)
        yield family


class Times(Collector):
    """A histogram of seconds with one label, kept as plain numbers: one thread may add."""

    def __init__(self, name: str, help: str, label: str, buckets: tuple[float, ...]) -> None:
        self._family = name, help, [label]
        self._buckets = buckets
        self._values: dict[str, list[float]] = {}  # label -> count in each bucket, in +Inf, then the sum

    def add(self, label: str, seconds: float) -> None:
        place = bisect_left(self._buckets, seconds)
        numbers = self._values.get(label) or self._new(label)
        numbers[place] += 1
        numbers[-1] += seconds

    def _new(self, label: str) -> list[float]:
        if len(self._values) >= LABEL_LIMIT:
            label = "other"
        return self._values.setdefault(label, [0] * (len(self._buckets) + 2))

    def collect(self) -> Iterator[Metric]:
        name, help, labels = self._family
        family = HistogramMetricFamily(name, help, labels=labels)
        bounds = [*(floatToGoString(bound) for bound in self._buckets), "+Inf"]
        for label, (*counts, total) in self._values.items():
            family.add_metric([label], list(zip(bounds, accumulate(counts), strict=True)), total)
        yield family


class Invocations:
    """CloudWatch's metrics of the AWS/Bedrock namespace, by model id."""

    def __init__(self) -> None:
        self._outcomes = {outcome: Counts(*named, ["model_id"]) for outcome, named in OUTCOMES.items()}
        self._tokens = {member: Counts(*named, ["model_id"]) for member, named in TOKENS.items()}
        self._latency = Times(
            "bedrock_invocation_latency_seconds", "To the last token, successes only.", "model_id", LATENCY_BUCKETS
        )
        self._first_token = Times(
            "bedrock_time_to_first_token_seconds", "To the first token.", "model_id", FIRST_TOKEN_BUCKETS
        )

    def collectors(self) -> list[Collector]:
        return [*self._outcomes.values(), *self._tokens.values(), self._latency, self._first_token]

    def count(self, model: str, note: dict[str, Any], outcome: str, elapsed: float) -> None:
        self._outcomes[outcome].add((model,))
        if outcome == "success":
            self._latency.add(model, elapsed)
        if (first := note.get("firstTokenMs")) is not None:
            self._first_token.add(model, first / 1000)
        for member, tokens in (note.get("usage") or {}).items():
            if tokens and (counts := self._tokens.get(member)):
                counts.add((model,), tokens)


class EngineGauges(Collector):
    """Engine gauges, read when Prometheus asks."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def collect(self) -> Iterator[Metric]:
        yield _gauge("outcrop_requests_in_flight", "Requests under way.", [([], self._telemetry.in_flight)])
        engines = list(self._telemetry.engines())
        states = [([engine.model, str(engine.state)], 1.0) for engine in engines]
        yield _gauge("outcrop_engine_state", "1 for the state an engine is in.", states, ["model_id", "state"])
        for attribute, (name, help) in ENGINE_GAUGES.items():
            numbers = [([engine.model], getattr(engine, attribute, None)) for engine in engines]
            yield _gauge(name, help, [(label, n) for label, n in numbers if n is not None], ["model_id"])


def _gauge(name: str, help: str, samples: Iterable[tuple[list[str], float]], labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(name, help, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _outcome(status: int, error: BaseException | None) -> str:
    """Which of CloudWatch's counters a request belongs to. An error inside a 200 stream counts by its own status."""
    if isinstance(error, ThrottlingException):
        return "throttles"
    if isinstance(error, GONE):
        return "client_errors"
    if error is not None:
        status = error.status if isinstance(error, ServiceError) else 500
    if status >= 500 or _code(error) in MODEL_FAULTS:
        return "server_errors"
    return "client_errors" if status >= 400 else "success"


def _code(error: BaseException | None) -> str | None:
    if error is None or isinstance(error, ServiceError):
        return error and error.code
    return "ClientClosedRequest" if isinstance(error, GONE) else "InternalServerException"


def _line(call: Call, status: int, error: BaseException | None, elapsed: float) -> dict[str, Any]:
    """All that a request's log line may hold. Nothing here is text that a model read or wrote."""
    note, usage = call.note, call.note.get("usage") or {}
    line = {
        "requestId": call.request_id,
        "operation": call.operation,
        "service": call.service,
        "modelId": note.get("modelId"),
        "keyId": call.identity.key_id,
        "status": status,
        "errorCode": _code(error) or ("ClientClosedRequest" if status == HUNG_UP else None),
        "latencyMs": round(elapsed * 1000, 1),
        "firstTokenMs": note.get("firstTokenMs"),
        "inputTokens": usage.get("inputTokens"),
        "outputTokens": usage.get("outputTokens"),
        "stopReason": note.get("stopReason"),
        "requestMetadata": note.get("requestMetadata"),
    }
    if error is not None and _outcome(status, error) == "server_errors":
        line["cause"] = _cause(error)
    return {name: value for name, value in line.items() if value is not None}


def _cause(error: BaseException) -> list[dict[str, Any]]:
    """Where an error came from, innermost last: type and frames of each exception in the chain.

    Messages stay out, since they may quote the request or the answer; an OSError's is the system's own.
    """
    chain: list[dict[str, Any]] = []
    link: BaseException | None = error
    while link is not None and len(chain) < 5:
        frames = traceback.extract_tb(link.__traceback__)[-8:]
        entry: dict[str, Any] = {"type": type(link).__qualname__}
        if isinstance(link, OSError) and link.strerror:
            entry["system"] = link.strerror
        entry["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        chain.append(entry)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain
