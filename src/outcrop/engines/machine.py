"""What this machine, or the container we run in, can give an engine: memory, cores and instruction sets.

Knows nothing of engines. Sizes are bytes.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
CPUINFO = Path("/proc/cpuinfo")


def available_memory() -> int:
    """Bytes that can be taken without swapping: the machine's, or the tightest cgroup limit above us."""
    return max(0, min([psutil.virtual_memory().available, *_cgroup_room()]))


def cores() -> int:
    """Cores this process may use: its affinity mask, or a cgroup's CPU quota where that is less."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([own, *_cgroup_quota()]))


def _cgroup_room() -> Iterator[int]:
    """Free bytes under each limit; a file cache that can be dropped counts as free."""
    for folder in _cgroup_folders():
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is not None and used is not None:
            yield limit - used + _inactive_file(folder / "memory.stat")


def _cgroup_quota() -> Iterator[int]:
    for folder in _cgroup_folders():
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.strip().isdigit():
            yield max(1, int(quota) // int(period))


def _cgroup_folders() -> Iterator[Path]:
    """Our cgroup (version 2) and those above it; limits anywhere on the way bind."""
    own = next((line[3:] for line in _text(OWN_CGROUP).splitlines() if line.startswith("0::")), "")
    folder = CGROUPS / own.strip("/")
    yield from (f for f in (folder, *folder.parents) if f.is_relative_to(CGROUPS))


def _inactive_file(path: Path) -> int:
    lines = (line.split() for line in _text(path).splitlines())
    return next((int(words[1]) for words in lines if words[:1] == ["inactive_file"]), 0)


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def cpu_flags() -> frozenset[str]:
    """Instruction-set extensions of the first processor, by Linux's names; empty elsewhere."""
    line = next((line for line in _cpuinfo().splitlines() if line.startswith(("flags", "Features"))), "")
    return frozenset(line.partition(":")[2].split())


def fingerprint() -> str:
    """Eight hex digits that change when code compiled for this very processor may no longer run."""
    facts = [platform.system(), platform.machine(), *sorted(cpu_flags())]
    return hashlib.sha256(" ".join(facts).encode()).hexdigest()[:8]


def _cpuinfo() -> str:
    """The first processor's part; the whole is long on a big machine."""
    try:
        with CPUINFO.open() as file:
            return file.read(8192)
    except OSError:
        return ""
