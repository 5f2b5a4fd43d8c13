"""The operator's door: who may see, what a probe says when things are broken, and the words of `outcrop status`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from outcrop.config import Settings
from outcrop.endpoints.system import status_json, status_text, system_app
from outcrop.errors import AccessDeniedException, ResourceNotFoundException, ServiceUnavailableException
from outcrop.telemetry import Telemetry


@dataclass
class Engine:
    model: str = "m"
    state: str = "ready"
    engine: str = "wheel 2026.10"
    pid: int = 7
    port: int = 1
    memory: int = 3 << 20
    slots: int = 16
    active: int = 2
    waiting: int = 5
    idle_s: float = 0.0


class Services(SimpleNamespace):
    def __init__(self, *engines: Engine, model: str = "alias") -> None:
        settings = Settings(model=model)
        super().__init__(
            settings=settings,
            telemetry=Telemetry(settings),
            engines=SimpleNamespace(status=lambda: list(engines)),
            catalog=SimpleNamespace(resolve=self.resolve),
            invocation_log=SimpleNamespace(enabled=False),
        )
        self.fails: Exception | None = None

    async def resolve(self, name: str) -> Any:
        if self.fails:
            raise self.fails
        return SimpleNamespace(id="m")


async def refuse(request: Any) -> None:
    raise AccessDeniedException("who are you?")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


async def ask(
    path: str,
    services: Any = None,
    authenticate: Any = refuse,
    method: str = "GET",
    client: str = "127.0.0.1",
    **headers: str,
) -> Answer:
    """One request to the door, as a server would pass it in."""
    named = {"host": "127.0.0.1:8484"} | {name.replace("_", "-"): value for name, value in headers.items()}
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": (client, 5),
        "scheme": "http",
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await system_app(services or Services(), authenticate)(scope, receive, send)
    start, *bodies = sent
    read = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], read, b"".join(body["body"] for body in bodies).decode())


@pytest.mark.parametrize(
    "options",
    [
        {"client": "10.0.0.7"},
        {"x_forwarded_for": "10.0.0.7"},
        {"forwarded": "for=10.0.0.7"},
        {"host": "evil.example"},
        {"host": "[::1"},
        {"host": ""},
    ],
)
async def test_status_is_not_for_strangers(options: dict[str, str]) -> None:
    answer = await ask("/status", **options)
    assert answer.status == 403
    assert answer.json() == {"message": "who are you?"}


async def test_status_is_for_callers_with_a_key() -> None:
    seen: list[Any] = []

    async def accept(request: Any) -> None:
        seen.append(request)

    answer = await ask("/status?a=%2F", authenticate=accept, client="10.0.0.7", authorization="Bearer x")
    assert answer.status == 200
    (signed,) = seen
    assert (signed.method, signed.raw_path, signed.query, signed.secure) == ("GET", "/status", "a=%2F", False)
    assert signed.headers["authorization"] == "Bearer x"


@pytest.mark.parametrize("host", ["127.0.0.1:8484", "localhost:8484", "[::1]:8484"])
async def test_status_on_this_machine_asks_for_no_key(host: str) -> None:
    answer = await ask("/status", Services(Engine()), host=host)
    assert answer.status == 200
    assert answer.json()["engines"][0]["state"] == "ready"
    assert answer.json()["requestsInFlight"] == 0


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/status"])
async def test_the_door_is_for_reading(path: str) -> None:
    assert (await ask(path, method="POST")).status == 405


@pytest.mark.parametrize(
    ("engines", "ready", "state"),
    [
        ((Engine(state="failed"),), 503, "failed"),
        ((Engine(state="ready"),), 200, "ready"),
        ((Engine(state="loading"),), 200, "loading"),
        ((Engine(model="other", state="failed"),), 200, "cold"),
        ((), 200, "cold"),
    ],
)
async def test_ready_is_the_default_model(engines: tuple[Engine, ...], ready: int, state: str) -> None:
    answer = await ask("/readyz", Services(*engines))
    assert (answer.status, answer.json()["state"]) == (ready, state)


@pytest.mark.parametrize("error", [ResourceNotFoundException("gone"), ServiceUnavailableException("locked")])
async def test_not_ready_when_the_model_cannot_be_found(error: Exception) -> None:
    services = Services()
    services.fails = error
    answer = await ask("/readyz", services)
    assert (answer.status, answer.json()["state"]) == (503, type(error).__name__)
    assert (await ask("/healthz", services)).status == 200


async def test_ready_without_a_default_model() -> None:
    assert (await ask("/readyz", Services(model=""))).json() == {"ready": True, "model": "", "state": "none"}


async def test_metrics_are_prometheus_text() -> None:
    services = Services(Engine())
    services.telemetry.engines = services.engines.status
    answer = await ask("/metrics", services, client="10.0.0.7")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'outcrop_engine_waiting_requests{model_id="m"} 5.0' in answer.text


def test_the_words_of_status() -> None:
    status = status_json(Services(Engine(), Engine(model="far", engine="http://far", pid=0)))  # type: ignore[arg-type]
    lines = status_text(status | {"uptimeS": 3725.0, "pid": 9, "memory": 140 << 20, "version": "1"}).splitlines()
    assert lines == [
        "Outcrop 1, pid 9, up 1 h 2 min, 140 MiB",
        "0 requests in flight, invocation logging off",
        "m: ready, pid 7, 3 MiB, 2 of 16 slots, 5 waiting (wheel 2026.10)",
        "far: ready, 2 of 16 slots, 5 waiting (http://far)",
    ]


def test_status_without_engines_says_so() -> None:
    status = status_json(Services())  # type: ignore[arg-type]
    assert status_text(status | {"uptimeS": 0.2}).endswith("no engine is loaded")
