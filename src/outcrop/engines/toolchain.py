"""What compiles: cmake, ninja and a C++ compiler, found on this machine or fetched from PyPI without root.

Knows nothing of what is compiled. Fetched tools live in a folder of their own, never in our environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

Say = Callable[[str], None]
OLDEST_CLANG = 14
CLANGS = ["clang", *(f"clang-{version}" for version in range(24, OLDEST_CLANG - 1, -1))]
ZIG = "ziglang==0.15.2"


class BuildFailed(Exception):
    """A build that cannot go on; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Compiler:
    family: str
    """clang or gcc: what a candidate asks for. Zig's is a clang."""
    name: str
    """For people: "clang 16"."""
    c: str
    cxx: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Where tools are looked for and kept."""

    folder: Path
    say: Say = field(default=print)

    def tool(self, name: str) -> str:
        """Path of `cmake` or `ninja`, from PATH or fetched."""
        return shutil.which(name) or self._fetched(name, f"bin/{name}")

    def compilers(self, fetch: bool = True) -> Iterator[Compiler]:
        """Best first: clang, gcc, last the clang inside the PyPI package ziglang, fetched only when it is its turn."""
        yield from _clangs()
        yield from _gccs()
        if fetch and sys.platform == "linux" and (zig := self._zig()):
            yield zig

    def environment(self) -> dict[str, str]:
        """For running what was fetched."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", "")])
        python = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        return {**os.environ, "PATH": path, "PYTHONPATH": python}

    def _zig(self) -> Compiler | None:
        try:
            zig = self._fetched(ZIG, "ziglang/zig")
        except BuildFailed as error:
            self.say(f"  {error}")
            return None
        version = subprocess.run([zig, "version"], capture_output=True, text=True, check=False).stdout.strip()
        c, cxx = (_wrapper(self.folder / "bin" / f"zig-{word}", [zig, word]) for word in ("cc", "c++"))
        return Compiler("clang", f"zig {version}", c, cxx, ("-fno-sanitize=undefined",))

    def _fetched(self, package: str, path: str) -> str:
        if not (self.folder / path).exists():
            self.say(f"fetching {package} from PyPI (no root needed)")
            self._install(package)
        return str(self.folder / path)

    def _install(self, package: str) -> None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--target",
            str(self.folder),
            "--upgrade",
            package,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["pip is missing"]
            raise BuildFailed(f"{package} is not installed and could not be fetched: {lines[-1]}")


def _clangs() -> Iterator[Compiler]:
    for name in CLANGS:
        c, cxx = shutil.which(name), shutil.which(name.replace("clang", "clang++"))
        if c and cxx and (version := _version(c)) >= OLDEST_CLANG:
            yield Compiler("clang", f"clang {version}", c, cxx)
            return


def _gccs() -> Iterator[Compiler]:
    c, cxx = shutil.which("gcc"), shutil.which("g++")
    if c and cxx and "clang" not in _banner(c):  # macOS has a gcc that is a clang
        yield Compiler("gcc", f"gcc {_version(c)}", c, cxx)


def _version(compiler: str) -> int:
    match = re.search(r"(\d+)\.\d+", re.sub(r"\(.*?\)", "", _banner(compiler)))
    return int(match[1]) if match else 0


def _banner(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]


def _wrapper(path: Path, command: list[str]) -> str:
    """cmake wants a compiler to be one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
    path.chmod(0o755)
    return str(path)
