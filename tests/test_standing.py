"""The whole service, as a process with a real engine, at bad moments."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tests.live import Live, clean_environment, free_ports, running, stop
from tests.tiny_model import tiny_gguf

MODEL = "test.tiny-v1"
NO_END = {"logit_bias": [[token, False] for token in (262, 263, 264)]}
"""Never the tokens that end an answer: a model of random weights would end it at any time."""
ASK = [{"role": "user", "content": [{"text": "hello"}]}]

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("standing"),
    # botocore leaves the socket of a stream that was not read to its end to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


def add_model(home: Path, gguf: Path) -> None:
    words = [sys.executable, "-m", "outcrop", "models", "add", str(gguf), "--id", MODEL, "--home", str(home)]
    subprocess.run(words, check=True, capture_output=True, env=clean_environment())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, gguf: Path) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("standing") / "home"
    home.mkdir()
    add_model(home, gguf)
    with running(home, {"model": MODEL}) as live:
        yield live


def client(live: Live, **config: Any) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=live.url,
        region_name="us-east-1",
        aws_access_key_id=live.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=live.env["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}, max_pool_connections=80, **config),
    )


def converse(bedrock: Any, tokens: int = 5) -> dict[str, Any]:
    return bedrock.converse(
        modelId=MODEL, messages=ASK, inferenceConfig={"maxTokens": tokens}, additionalModelRequestFields=NO_END
    )


def stream(bedrock: Any, tokens: int) -> Any:
    return iter(opened(bedrock, tokens)["stream"])


def opened(bedrock: Any, tokens: int) -> dict[str, Any]:
    return bedrock.converse_stream(
        modelId=MODEL, messages=ASK, inferenceConfig={"maxTokens": tokens}, additionalModelRequestFields=NO_END
    )


def engine_pid(live: Live) -> int:
    told = live.cli("status").stdout
    line = next(line for line in told.splitlines() if line.startswith(MODEL) and "pid" in line)
    return int(line.split("pid ")[1].split(",")[0])


def test_an_engine_killed_in_mid_stream_ends_the_stream_with_a_modelled_error(server: Live) -> None:
    bedrock = client(server)
    converse(bedrock)
    victim = engine_pid(server)
    events = stream(bedrock, 3500)
    next(events)
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        list(events)
    assert converse(bedrock)["usage"]["outputTokens"] == 5
    assert engine_pid(server) != victim


def test_sixty_four_streams_at_once_all_come_to_their_end(server: Live) -> None:
    bedrock = client(server)

    def run(_: int) -> tuple[str, int]:
        told = list(stream(bedrock, 40))
        stopped = next(event["messageStop"] for event in told if "messageStop" in event)
        return stopped["stopReason"], told[-1]["metadata"]["usage"]["outputTokens"]

    with ThreadPoolExecutor(64) as pool:
        ends = list(pool.map(run, range(64)))
    assert ends == [("max_tokens", 40)] * 64


def test_a_client_that_hangs_up_frees_its_slot(server: Live) -> None:
    bedrock = client(server)
    for _ in range(3):
        reply = opened(bedrock, 3500)
        next(iter(reply["stream"]))
        reply["stream"].close()
    deadline = time.monotonic() + 60
    while "0 requests in flight" not in server.cli("status").stdout:
        assert time.monotonic() < deadline, server.cli("status").stdout
    assert converse(bedrock)["stopReason"]


def test_a_half_open_client_does_not_hold_others_up(server: Live) -> None:
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
    for connection in held:
        connection.sendall(b"POST /model/x/converse HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert converse(client(server))["stopReason"]
    for connection in held:
        connection.close()


def test_a_second_server_on_the_same_home_is_refused_politely(server: Live) -> None:
    port, tls_port = free_ports(2)
    ports = ["--port", str(port), "--tls-port", str(tls_port)]
    words = [sys.executable, "-m", "outcrop", "serve", "--home", str(server.home), *ports]
    done = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), timeout=120, check=False)
    assert done.returncode == 1
    assert f"pid {server.process.pid}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_a_clear_error(server: Live, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "outcrop", "serve", "--home", str(tmp_path), "--port", str(server.port)]
    done = subprocess.run(
        [*words, "--tls-port", "0", "--model", ""],
        capture_output=True, text=True, env=clean_environment(), timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert str(server.port) in done.stderr
    assert "Traceback" not in done.stderr


def test_auth_off_is_refused_beyond_loopback(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "outcrop", "serve", "--home", str(tmp_path), "--host", "0.0.0.0", "--no-auth"]
    done = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), timeout=120, check=False)
    assert done.returncode == 1
    assert "loopback" in done.stderr


def test_a_full_queue_throttles(tmp_path: Path, gguf: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    add_model(home, gguf)
    with running(home, {"model": MODEL, "engine_slots": "1", "queue_limit": "1"}) as live:
        bedrock = client(live, read_timeout=280)
        converse(bedrock)
        first = stream(bedrock, 3500)
        next(first)
        with ThreadPoolExecutor(6) as pool:
            outcomes = list(pool.map(lambda _: outcome(bedrock), range(6)))
        assert "ThrottlingException" in outcomes
        list(first)
        assert outcome(bedrock) == "ok"


def outcome(bedrock: Any) -> str:
    try:
        converse(bedrock, 3000)
        return "ok"
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_sigterm_lets_a_stream_finish_and_refuses_new_requests(tmp_path: Path, gguf: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    add_model(home, gguf)
    with running(home, {"model": MODEL, "drain_s": "200"}) as live:
        bedrock = client(live)
        converse(bedrock)
        events = stream(bedrock, 3500)
        next(events)
        live.process.send_signal(signal.SIGTERM)
        rest = list(events)
        assert "metadata" in rest[-1]
        assert stop(live.process) == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", live.port), timeout=1)


def test_a_killed_server_takes_its_engine_along_and_starts_again(tmp_path: Path, gguf: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    add_model(home, gguf)
    with running(home, {"model": MODEL}) as live:
        converse(client(live))
        engine = engine_pid(live)
        key = live.env["AWS_ACCESS_KEY_ID"]
        live.process.kill()
        live.process.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{engine}").exists() and "State:\tZ" not in Path(f"/proc/{engine}/status").read_text():
        assert time.monotonic() < deadline, "the engine outlived its server"
        time.sleep(0.1)
    with running(home, {"model": MODEL}) as again:
        assert again.env["AWS_ACCESS_KEY_ID"] == key
        assert converse(client(again))["stopReason"]


def test_a_revoked_key_is_refused_while_the_server_runs(server: Live) -> None:
    made = server.cli("keys", "create", "short").stdout.split()
    bedrock = boto3.client(
        "bedrock-runtime", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id=made[0], aws_secret_access_key=made[1], config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while True:  # another process learns of a new key within a second or two
        try:
            converse(bedrock)
            break
        except ClientError:
            assert time.monotonic() < deadline
    server.cli("keys", "revoke", made[0])
    deadline = time.monotonic() + 30
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        while time.monotonic() < deadline:
            converse(bedrock)
            time.sleep(0.1)
