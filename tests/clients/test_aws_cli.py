"""The aws CLI in a shell that ran `eval "$(outcrop env)"`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import AWS
from tests.clients.words import MODEL
from tests.live import Live, clean_environment


@pytest.fixture
def aws(server: Live, tmp_path: Path):
    if not AWS.exists():
        pytest.skip(f"{AWS} is missing: make test-clients installs it")

    def run(*words: str) -> dict:
        environment = clean_environment(**server.env, HOME=str(tmp_path))
        done = subprocess.run([AWS, *words], capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_conversation(aws) -> None:
    messages = '[{"role":"user","content":[{"text":"Hello, my name is Ada."}]}]'
    greedy = '{"temperature":0}'  # sampling, Pebble may say anything, and without end
    reply = aws(
        "bedrock-runtime", "converse", "--model-id", MODEL, "--messages", messages, "--inference-config", greedy
    )
    assert reply["stopReason"]
    assert "Ada" in "".join(block.get("text", "") for block in reply["output"]["message"]["content"])


def test_models_are_listed(aws) -> None:
    models = aws("bedrock", "list-foundation-models")["modelSummaries"]
    assert MODEL in [model["modelId"] for model in models]


def test_over_tls_with_the_bundle_of_env(aws, server: Live) -> None:
    url = f"https://localhost:{server.tls_port}"
    models = aws("bedrock", "list-foundation-models", "--endpoint-url", url)["modelSummaries"]
    assert models
