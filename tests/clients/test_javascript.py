"""The AWS SDK for JavaScript with its default transport: HTTP/2 with prior knowledge on the cleartext port."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live import Live, clean_environment

HERE = Path(__file__).parent / "javascript"


@pytest.fixture(scope="session")
def packages() -> Path:
    if not shutil.which("npm"):
        pytest.skip("Node.js is not installed")
    if not (HERE / "node_modules").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True, timeout=300)
    return HERE


@pytest.mark.timeout(400)
def test_a_streamed_conversation_with_a_tool_call(server: Live, packages: Path) -> None:
    environment = clean_environment(**server.env)
    command = ["node", "converse.mjs"]
    done = subprocess.run(
        command, cwd=packages, capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "Ada" in told["remembered"]
    assert told["tool"]["name"] == "get_weather"
    assert "city" in told["tool"]["input"]
    assert "21" in told["answer"]
    assert told["events"] > 5
