"""The generated shapes: a misspelt key must fail the type check, a right one must not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import TOOLS, load

# pyright from cold reads every stub: minutes on a busy machine, and once is enough
pytestmark = [pytest.mark.xdist_group("pyright"), pytest.mark.timeout(400)]

shapes = load("shapes")
PROBE = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from outcrop.shapes.bedrock_runtime import ConverseRequest, ConverseResponse, ConverseStreamResponse

def right(request: ConverseRequest) -> ConverseResponse:
    request["modelId"].lower(), request.get("messages", [])[0]["content"][0].get("text")
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    }

async def stream(response: ConverseStreamResponse) -> None:
    async for event in response.get("stream") or ():
        event.get("contentBlockDelta")
"""
WRONG = {
    'request["modelID"]': "modelID",
    'request.get("messages", [])[0]["contnet"]': "contnet",
    'response: ConverseResponse = {"stopReasn": "end_turn"}': "stopReasn",
    'role: str = request["inferenceConfig"]["maxTokns"]': "maxTokns",
}


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pyright says of the probe with the wrong lines at its end."""
    pytest.importorskip("pyright")
    folder = tmp_path_factory.mktemp("probe")
    lines = [f"    {line}" for line in WRONG]
    text = PROBE + "\n".join(["\ndef wrong(request: ConverseRequest) -> None:", *lines, ""])
    (folder / "probe.py").write_text(text)
    (folder / "pyrightconfig.json").write_text(
        f'{{"extraPaths": ["{TOOLS.parent / "src"}"], "typeCheckingMode": "basic"}}'
    )
    done = subprocess.run([sys.executable, "-m", "pyright", "-p", folder], capture_output=True, text=True, timeout=350)
    return done.stdout


@pytest.mark.parametrize("key", WRONG.values())
def test_a_misspelt_key_fails_the_type_check(faults: str, key: str) -> None:
    assert f'"{key}" is' in faults


def test_right_keys_pass_the_type_check(faults: str) -> None:
    first_wrong = PROBE.count("\n") + 2
    lines = [int(line.split(":")[1]) for line in faults.splitlines() if " error: " in line]
    assert lines
    assert min(lines) > first_wrong


def test_check_tells_an_edited_stub_from_one_of_another_botocore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "FOLDER", tmp_path)
    assert shapes.main(check=True) == 1
    assert shapes.main(check=False) == 0
    assert shapes.main(check=True) == 0
    stub = tmp_path / "bedrock_runtime.pyi"
    text = stub.read_text()
    stub.write_text(text.replace("modelId", "modelID"))
    assert shapes.main(check=True) == 1
    stub.write_text(
        text.replace(f"botocore {shapes.botocore.__version__}", "botocore 1.0.0").replace("modelId", "modelID")
    )
    assert shapes.main(check=True) == 0


def test_names_that_are_keywords_are_written_another_way() -> None:
    service = shapes.spec.load("bedrock-agent-runtime")
    text = shapes.stub(service)
    assert 'RetrievalFilter = TypedDict("RetrievalFilter", {' in text or "class RetrievalFilter(" in text
    compile(text, "stub", "exec")
