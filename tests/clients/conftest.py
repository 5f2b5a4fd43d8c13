"""One running server with the models of the package, and every client run once against it, two at a time.

A client runs in an environment of its own (`make test-clients` makes them) on the lines that `outcrop env --client`
printed; only the server is ours.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from outcrop.clients import CLIENTS, Client
from tests.clients import words
from tests.live import Live, clean_environment, running

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENTS = ROOT / ".venv-clients"
JAVASCRIPT = Path(__file__).parent / "javascript"
AWS = ENVIRONMENTS / "newest" / "bin" / "aws"
RUN_S = 300

ENVIRONMENT = {
    "aioboto3": "aioboto3",
    "instructor": "frameworks",
    "instructor-openai": "frameworks",
    "litellm": "frameworks",
    "llama-index": "frameworks",
    "llama-index-embeddings": "frameworks",
}
"""Where not in `newest`: each environment is a file in python/requirements."""

QUIET = {"AWS_EC2_METADATA_DISABLED": "true", "LITELLM_LOCAL_MODEL_COST_MAP": "true", "PYTHONWARNINGS": "ignore"}
"""Keeps clients from asking the network for anything but the server."""

Told = dict[str, Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/clients/" in str(item.path):
            item.add_marker(pytest.mark.clients)
            item.add_marker(pytest.mark.timeout(2 * RUN_S))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("clients") / "home") as live:
        for id, model in sorted({(id, MODELS[field]) for client in CLIENTS.values() for id, field in client.ids}):
            done = live.cli("models", "alias", id, model)
            assert done.returncode == 0, done.stderr
        yield live


MODELS = {"model": words.MODEL, "embedder": words.EMBEDDER}


@pytest.fixture(scope="session")
def told(server: Live, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """client name -> what its stages told. All clients that the session selected start at once, two at a time."""
    names = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    folder = tmp_path_factory.mktemp("lines")
    with ThreadPoolExecutor(2) as pool:
        runs: dict[str, Future[Told]] = {
            name: pool.submit(run, CLIENTS[name], server, folder) for name in CLIENTS if name in names
        }
        yield lambda name: runs[name].result()
        pool.shutdown(cancel_futures=True)


def run(client: Client, server: Live, folder: Path) -> Told:
    lines = server.cli("env", "--client", client.name)
    assert lines.returncode == 0, lines.stderr
    command = RUNNERS[client.language](client, lines.stdout, folder)
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False,
        env=clean_environment(**QUIET, HOME=str(folder)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def python(client: Client, lines: str, folder: Path) -> list[str]:
    interpreter = environment(client)
    source = folder / f"{client.name}.py"
    source.write_text(lines)
    return [str(interpreter), "-m", "tests.clients.python.run", client.name.replace("-", "_"), str(source)]


def shell(client: Client, lines: str, folder: Path) -> list[str]:
    """The lines are run by sh, what then runs in that shell is Python that calls the CLI."""
    return ["sh", "-c", f"{lines}\nexec {shlex.join(python(client, '', folder))}"]


def javascript(client: Client, lines: str, folder: Path) -> list[str]:
    """One module of the words, the lines, the client's stages and what runs them, beside the packages."""
    if not shutil.which("npm"):
        pytest.skip("Node.js is not installed")
    if not (JAVASCRIPT / "node_modules").exists():
        pytest.skip("the Node packages are not installed: make test-clients installs them")
    parts = [f"const WORDS = {json.dumps(words.for_javascript)};", lines]
    parts += [(JAVASCRIPT / f"{name}.mjs").read_text() for name in (client.name, "run")]
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(JAVASCRIPT / "node_modules")
    source = folder / f"{client.name}.mjs"
    source.write_text("\n".join(parts))
    return ["node", str(source)]


RUNNERS: dict[str, Callable[[Client, str, Path], list[str]]] = {
    "python": python,
    "shell": shell,
    "javascript": javascript,
}


def environment(client: Client) -> Path:
    interpreter = ENVIRONMENTS / ENVIRONMENT.get(client.name, "newest") / "bin" / "python"
    if not interpreter.exists():
        pytest.skip(f"{interpreter.relative_to(ROOT)} is missing: make test-clients makes it")
    return interpreter
