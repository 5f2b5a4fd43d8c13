"""The peer of the `requests` row: LiteLLM's proxy, from PyPI, in an environment of its own.

Knows nothing of Outcrop. Set up to be fast and quiet: one worker, no database, no look-ups over the network.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from .house import Served, environment_for, free_port, process, wait_for
from .machine import pinned

VENV = Path(__file__).parent.parent / "build" / "bench-venv"
MASTER_KEY = "sk-bench"
MODEL = "stub"
SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "DO_NOT_TRACK": "1",
}

CONFIG = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/default, api_base: "http://127.0.0.1:{port}/v1", api_key: none}}
litellm_settings: {{telemetry: false, set_verbose: false, json_logs: true}}
general_settings: {{master_key: {key}}}
"""


def installed() -> str:
    """Install it where it is not yet (about 700 MB); returns its version, or raises CalledProcessError."""
    python = VENV / "bin" / "python"
    if not (VENV / "bin" / "litellm").exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "litellm[proxy]"], check=True)
    ask = "import importlib.metadata; print(importlib.metadata.version('litellm'))"
    return subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def proxy(folder: Path, engine_port: int, core: int | None = None) -> Iterator[Served]:
    """The proxy before the engine at `engine_port`, ready."""
    config, log, port = folder / "litellm.yaml", folder / "litellm.log", free_port()
    config.write_text(CONFIG.format(model=MODEL, port=engine_port, key=MASTER_KEY))
    command = [*pinned(core), str(VENV / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    with process(command, log, environment_for(SETTINGS)) as child:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", child, log)
        yield Served(port, psutil.Process(child.pid))
