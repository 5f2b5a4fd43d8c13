"""The LoRA adapters that one engine process was started with, and why others could not be.

Knows nothing of processes, nor of the models that adapters make. llama.cpp fixes its list when it starts; a request
names an adapter by its place in the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import ModelErrorException, ModelNotReadyException

OFF = {"lora": [{"id": 0, "scale": 0.0}]}
"""The base alone. An empty list means the same to llama.cpp (October 2026), but then a slot goes on from what its cache
holds of the prompt under an adapter; named with a scale of 0 the change is noticed and the cache dropped."""

REFUSED = re.compile(r"failed to load lora adapter '(.+)'")
REASON = re.compile(r"llama_adapter_lora_init\w*: (.+)")


class Adapters:
    """Paths of GGUF files, in the order in which they are loaded."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._stamps = {path: _stamp(path) for path in paths}
        self.faults = {path: "its file is not there" for path, stamp in self._stamps.items() if stamp is None}
        """Path -> why it could not be loaded. Such an adapter fails its own model and no other."""

    @property
    def loaded(self) -> tuple[str, ...]:
        return tuple(path for path in self._stamps if path not in self.faults)

    @property
    def size_bytes(self) -> int:
        return sum(stamp[1] for stamp in self._stamps.values() if stamp)

    def knows(self, path: str) -> bool:
        """Whether another start would bring nothing new of this adapter: it is loaded, or as broken as it was."""
        return path in self._stamps and (path not in self.faults or _stamp(path) == self._stamps[path])

    def blame(self, log: str) -> bool:
        """Note what an engine that did not start says of its adapters; whether it says anything of them."""
        refused = [path for path in REFUSED.findall(log) if path in self.loaded]
        reason = REASON.search(log)
        self.faults |= dict.fromkeys(refused, reason[1] if reason else "llama.cpp refuses it")
        return bool(refused)

    def choosing(self, path: str | None) -> dict[str, Any]:
        """What a request to this process carries so that the right adapter answers: `path`, or none."""
        if path is None:
            return OFF if self.loaded else {}
        if path in self.faults:
            raise ModelErrorException(f"The adapter of this model cannot be loaded: {self.faults[path]}")
        if path not in self.loaded:  # let go of while this request was on its way
            raise ModelNotReadyException("The model is being unloaded. Try again.")
        return {"lora": [{"id": self.loaded.index(path), "scale": 1.0}]}


def _stamp(path: str) -> tuple[int, int] | None:
    """Time of the last change and bytes; None for a file that is not there."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
