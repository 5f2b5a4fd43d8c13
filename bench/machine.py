"""The machine of a run: what to write beside its numbers, and how to keep a process on one core.

Knows nothing of what is measured.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "asimddp", "i8mm", "sve")
"""CPU flags that llama.cpp's kernels ask for."""
PACKAGES = ("granian", "uvloop", "httptools", "orjson", "botocore", "xllamacpp")


def describe() -> dict[str, Any]:
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "flags": [flag for flag in FLAGS if flag in _cpu_flags()],
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "commit": _commit(),
        "load": [round(n, 2) for n in os.getloadavg()],
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "loop_ms": _loop_ms(),
    }


def _loop_ms() -> float:
    """CPU time of a million additions in Python: tells a machine at full speed from one whose cores are shared."""
    times = []
    for _ in range(15):
        begin, total = time.process_time(), 0
        for number in range(1_000_000):
            total += number
        times.append((time.process_time() - begin) * 1000)
    return round(median(times), 1)


def cores() -> list[int]:
    """The cores this process may run on; empty where the system cannot tell (macOS)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pinned(core: int | None) -> list[str]:
    """The beginning of a command that stays on `core` with its children; nothing where that cannot be had."""
    return [] if core is None or shutil.which("taskset") is None else ["taskset", "-c", str(core)]


def apart() -> tuple[int | None, int | None]:
    """Two cores: one for what is measured, one for everything else. (None, None) where processes cannot be kept."""
    mine = cores()
    return (mine[0], mine[1]) if len(mine) > 1 and shutil.which("taskset") else (None, None)


def _cpuinfo(field: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _cpu_name() -> str:
    return _cpuinfo("model name") or _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()


def _cpu_flags() -> list[str]:
    return (_cpuinfo("flags") or _cpuinfo("Features")).split()


def _commit() -> str:
    return _output("git", "describe", "--always", "--dirty", "--tags")


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
