"""InvokeModelWithBidirectionalStream through the AWS SDK for JavaScript, which signs every event: h2 with and without
TLS, a client that is killed while it listens, and events that nobody signed."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outcrop.wire import eventstream
from outcrop.wire.sigv4 import EVENT_STREAM, EVENTS_PAYLOAD
from tests.live import Live, clean_environment
from tests.wire.duplex import chunk

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent / "javascript"


@pytest.fixture
def environment(server: Live, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    if not shutil.which("npm"):
        pytest.skip("Node.js is not installed")
    if not (HERE / "node_modules").exists():
        pytest.skip("the Node packages are not installed: make test-clients installs them")
    url = {"h2": server.url, "h2 over TLS": f"https://localhost:{server.tls_port}"}[request.param]
    return clean_environment(**{**server.env, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url}, HOME=str(tmp_path))


@pytest.mark.parametrize("environment", ["h2", "h2 over TLS"], indirect=True)
def test_sessions_both_ways(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["node", "sonic.mjs"], cwd=HERE, capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert "Ada" in told["greeting"]["final"]
    assert told["remembered"]["spoken"] == told["remembered"]["final"]
    assert "Ada" in told["remembered"]["final"]
    assert told["closed"] is True
    assert (told["tool"]["toolName"], json.loads(told["tool"]["content"])) == ("get_weather", {"city": "Lisbon"})
    assert "21" in told["answered"]["final"]
    for refused in ("audio", "disorder", "unknown"):
        assert told[refused]["name"] == "ValidationException"
    assert "neither takes nor gives speech" in told["audio"]["message"]


@pytest.mark.parametrize("environment", ["h2", "h2 over TLS"], indirect=True)
def test_a_client_that_is_killed_leaves_no_session_behind(server: Live, environment: dict[str, str]) -> None:
    before = hung_up(server)
    command = ["node", "sonic.mjs", "wait"]
    with subprocess.Popen(command, cwd=HERE, env=environment, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"listening\n"
        killed.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while hung_up(server) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert hung_up(server) == before + 1


@pytest.mark.parametrize("forged", [True, False], ids=["forged", "unsigned"])
def test_an_event_that_the_caller_did_not_sign_ends_the_session(server: Live, forged: bool) -> None:
    event = chunk(b'{"event": {"sessionStart": {}}}')
    if forged:
        named = {":date": datetime.now(UTC), ":chunk-signature": b"x" * 32}
        event = eventstream.encode(eventstream.encode_headers(named), event)
    (told,) = exchanged(server, event)
    assert (told.headers[":message-type"], told.headers[":error-code"]) == ("error", "InvalidSignatureException")


def exchanged(server: Live, body: bytes) -> list[eventstream.Frame]:
    """The frames that answer a request whose head is signed for a stream of signed events."""
    path = "/model/outcrop.pebble-v1/invoke-with-bidirectional-stream"
    headers = {"Content-Type": EVENT_STREAM, "X-Amz-Content-SHA256": EVENTS_PAYLOAD}
    request = AWSRequest("POST", f"{server.url}{path}", headers, b"")
    pair = Credentials(server.env["AWS_ACCESS_KEY_ID"], server.env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(pair, "bedrock", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with closing(connection):
        connection.request("POST", path, iter([body]), dict(request.headers), encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 200
        return list(eventstream.Reader().feed(answer.read()))


def hung_up(server: Live) -> int:
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    sessions = [line for line in lines if line.get("operation") == "InvokeModelWithBidirectionalStream"]
    return sum(line["status"] == 499 for line in sessions)
