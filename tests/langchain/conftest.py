"""A server of its own with Pebble, for LangChain's tests: they live in an environment without Outcrop."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import clean_environment, free_ports

ROOT = Path(__file__).resolve().parents[2]
START_S = 120


@pytest.fixture(scope="session", autouse=True)
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Outcrop; credentials that any SDK finds (the server asks for none)."""
    [port] = free_ports(1)
    home = tmp_path_factory.mktemp("home")
    python = ROOT / os.environ.get("VENV", ".venv") / "bin/python"  # as in the Makefile
    command = [str(python), "-m", "outcrop", "serve", "--home", str(home), "--no-auth"]
    command += ["--port", str(port), "--tls-port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=clean_environment())
    url = f"http://127.0.0.1:{port}"
    os.environ.pop("AWS_PROFILE", None)
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "OUTCROP_TEST_URL": url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
    }
    try:
        _wait(server, url)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _wait(server: subprocess.Popen, url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("the server did not start")
