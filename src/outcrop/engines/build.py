"""`outcrop engine build`: llama-server compiled for this very machine, probed, and adopted only if it works.

Knows nothing of serving: it leaves a binary and a record (choice.py) that the next load reads.
Sources: llama.cpp (MIT) as it is inside the source distribution of llama-cpp-python, pinned by hash.
"""

from __future__ import annotations

import errno
import hashlib
import platform
import re
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import Settings
from . import machine
from .choice import Choice, adopt, recorded, runnable, wheel
from .llama import die_with_parent
from .probe import probe
from .process import EngineFailed
from .toolchain import BuildFailed, Compiler, Say, Toolbox

VERSION = "0.3.36"
COMMIT = "0c1e570"
"""llama.cpp's commit inside that distribution."""
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
URL = (
    "https://files.pythonhosted.org/packages/ec/e9/e7de2b0463ea3ffbf0ede6cb21b58c1258a8f6521aae45ca773a59fe7cf3/"
    f"llama_cpp_python-{VERSION}.tar.gz"
)
SIZE = 76_589_250
INSIDE = f"llama_cpp_python-{VERSION}/vendor/llama.cpp/"
UNUSED = ("docs/", "examples/", "gguf-py/", "media/", "models/", "tests/", ".devops/", ".github/", "benches/")
NEEDED_DISK = 1 << 30
"""Bytes of disk that sources, objects and binary take at their most."""

DEFINITIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_DISABLE_FIND_PACKAGE_Git": "ON",  # or it reads the repository that the home folder happens to be in
    "BUILD_SHARED_LIBS": "OFF",
    "GGML_NATIVE": "ON",
    "GGML_CCACHE": "OFF",
    "LLAMA_BUILD_COMMIT": COMMIT,
    "LLAMA_BUILD_NUMBER": "1",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",  # or the build downloads a web page
    "LLAMA_OPENSSL": "OFF",  # it listens on loopback only
}
NO_AMX = ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to compile for a kind of processor."""

    name: str
    machines: frozenset[str] = frozenset()
    """platform.machine() values; empty means any."""
    needs: frozenset[str] = frozenset()
    """CPU flags without which it is not tried."""
    families: frozenset[str] = frozenset({"clang", "gcc"})
    flags: tuple[str, ...] = ()


X86 = frozenset({"x86_64", "AMD64"})
CANDIDATES = (
    # GCC 12's AMX kernels die of SIGILL at `tilezero`
    Candidate("amx", X86, frozenset({"amx_tile", "amx_int8", "avx512f"}), frozenset({"clang"})),
    Candidate("avx512", X86, frozenset({"avx512f", "avx512bw", "avx512vl"}), flags=NO_AMX),
    Candidate("avx2", X86, frozenset({"avx2"}), flags=(*NO_AMX, "-mno-avx512f")),
    Candidate("native"),
)


def build(
    settings: Settings, *, say: Say = print, source: Path | None = None, jobs: int = 0, fetch_tools: bool = True
) -> Choice:
    """Compile, probe and adopt the best engine for this machine; the wheel when none works.

    `source` is a copy of the pinned distribution for a machine without network; `jobs` 0 means all cores;
    `fetch_tools` off never downloads cmake, ninja or a compiler. Raises BuildFailed when nothing could be tried
    at all; whatever was adopted before stays then, as it does when this process is killed.
    """
    folder = settings.home / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder), _disk_errors(folder):
        tree = _sources(folder, source, say)
        toolbox = Toolbox(folder / "tools", say)
        choice = _first_that_works(folder, tree, toolbox, jobs or machine.cores(), fetch_tools)
        if not choice.binary and (earlier := runnable(recorded(settings.home))):
            choice = replace(earlier, reason=f"kept, for nothing newer works: {choice.reason}")
        adopt(settings.home, choice)
        _tidy(folder, choice)
    say(f"engine: {choice.label}" + (f" ({choice.reason})" if choice.reason else ""))
    return choice


def candidates(flags: frozenset[str], architecture: str) -> list[Candidate]:
    """The rows that this processor can run, best first."""
    return [c for c in CANDIDATES if c.needs <= flags and (not c.machines or architecture in c.machines)]


def _first_that_works(folder: Path, tree: Path, toolbox: Toolbox, jobs: int, fetch: bool) -> Choice:
    failures = []
    for candidate, compiler in _attempts(toolbox, fetch):
        toolbox.say(f"compiling for {candidate.name} with {compiler.name}")
        try:
            binary = _compile(folder, tree, toolbox, candidate, compiler, jobs)
            probe(str(binary))
        except (BuildFailed, EngineFailed) as error:
            toolbox.say(f"  {candidate.name} with {compiler.name} does not work: {error}")
            failures.append(f"{candidate.name} with {compiler.name}: {error}")
        else:
            return _place(folder, binary, candidate, compiler, failures)
    return wheel("; ".join(failures) or "no compiler was found")


def _attempts(toolbox: Toolbox, fetch: bool) -> Iterator[tuple[Candidate, Compiler]]:
    """Candidates best first, each with the compilers that suit it."""
    for candidate in candidates(machine.cpu_flags(), platform.machine()):
        for compiler in toolbox.compilers(fetch):
            if compiler.family in candidate.families:
                yield candidate, compiler


def _compile(folder: Path, tree: Path, toolbox: Toolbox, candidate: Candidate, compiler: Compiler, jobs: int) -> Path:
    """Objects stay in home/engines/work, so that a build that was stopped goes on where it was."""
    work = folder / "work" / f"{candidate.name}-{compiler.name}".replace(" ", "-")
    flags = " ".join((*candidate.flags, *compiler.flags))
    defined = {
        **DEFINITIONS,
        "CMAKE_C_COMPILER": compiler.c,
        "CMAKE_CXX_COMPILER": compiler.cxx,
        "CMAKE_C_FLAGS": flags,
        "CMAKE_CXX_FLAGS": flags,
        "CMAKE_MAKE_PROGRAM": toolbox.tool("ninja"),
    }
    words = [f"-D{name}={value}" for name, value in defined.items()]
    _run([toolbox.tool("cmake"), "-G", "Ninja", "-S", str(tree), "-B", str(work), *words], toolbox)
    _run([toolbox.tool("ninja"), "-C", str(work), f"-j{jobs}", "llama-server"], toolbox)
    return work / "bin" / "llama-server"


def _run(command: Sequence[str], toolbox: Toolbox) -> None:
    """Run at low priority, telling progress by tenths. Raises BuildFailed with the compiler's own words."""
    nice = [shutil.which("nice") or "", "-n", "15"]
    lines: list[str] = []
    with subprocess.Popen(
        [*(nice if nice[0] else []), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=toolbox.environment(),
        preexec_fn=die_with_parent,
    ) as child:
        try:
            for line in child.stdout or ():
                lines = [*lines[-200:], line.rstrip()]
                _progress(line, toolbox.say)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise BuildFailed(_cause(lines))


def _progress(line: str, say: Say) -> None:
    step = re.match(r"\[(\d+)/(\d+)\]", line)
    if step and (done := int(step[1])) * 10 // int(step[2]) > (done - 1) * 10 // int(step[2]):
        say(f"  {done} of {step[2]} files compiled")


def _cause(lines: list[str]) -> str:
    for words in ("No space left on device", "rror:", "Killed", "Error"):
        if found := [line for line in lines if words in line]:
            return found[0].strip()[:300]
    return (lines[-1:] or ["no output"])[0][:300]


def _place(folder: Path, binary: Path, candidate: Candidate, compiler: Compiler, failures: list[str]) -> Choice:
    """Move the binary to where it stays; the name says what it is."""
    home = folder / f"{VERSION}-{machine.fingerprint()}-{candidate.name}-{compiler.name}".replace(" ", "-")
    home.mkdir(exist_ok=True)
    draft = home / "llama-server.draft"
    shutil.copy2(binary, draft)
    draft.replace(home / "llama-server")
    label = f"built {COMMIT} ({compiler.name}, {candidate.name})"
    return Choice(label, str(home / "llama-server"), "; ".join(failures), machine.fingerprint())


def _sources(folder: Path, given: Path | None, say: Say) -> Path:
    """llama.cpp's tree, unpacked once and whole."""
    tree = folder / f"source-{VERSION}"
    if tree.is_dir():
        return tree
    archive = given or _download(folder / f"llama_cpp_python-{VERSION}.tar.gz", say)
    _verify(archive, given is None)
    draft = folder / f"source-{VERSION}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    say("unpacking the sources")
    with tarfile.open(archive) as tar:
        tar.extractall(draft, members=_wanted(tar), filter="data")
    draft.rename(tree)
    return tree


def _wanted(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        name = member.name.removeprefix(INSIDE)
        if name != member.name and not name.startswith(UNUSED) and name != ".git":
            yield member.replace(name=name, deep=False)


def _download(path: Path, say: Say) -> Path:
    """Fetch the distribution, going on where an earlier try stopped."""
    if path.is_file():
        return path
    draft = path.with_suffix(".part")
    have = draft.stat().st_size if draft.is_file() else 0
    say(f"downloading {URL.rsplit('/', 1)[1]} (77 MB)" + (f" from byte {have:,} on" if have else ""))
    try:
        if have < SIZE:
            _append(draft, have)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise BuildFailed(f"cannot download {URL}: {error}; fetch it elsewhere and pass it with --source") from error
    if draft.stat().st_size < SIZE:
        raise BuildFailed(f"the download stopped at byte {draft.stat().st_size:,}; build again: it goes on from there")
    draft.replace(path)
    return path


def _append(draft: Path, have: int) -> None:
    """The rest of the file; all of it from a server that knows no ranges."""
    request = urllib.request.Request(URL, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=60) as answer, draft.open("ab") as file:
        if answer.status != 206:
            file.truncate(0)
        shutil.copyfileobj(answer, file, 1 << 20)


def _verify(archive: Path, ours: bool) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        if ours:
            archive.unlink()
        raise BuildFailed(f"{archive} is not llama_cpp_python {VERSION}: sha256 {found}, expected {SHA256}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse a second build in the same home. The lock ends with the process."""
    import fcntl

    with (folder / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BuildFailed(f"another build runs in {folder}") from None
        yield


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_DISK:
        raise BuildFailed(f"a build needs {NEEDED_DISK >> 20:,} MiB of disk; {folder} has {free >> 20:,} MiB")
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BuildFailed(f"the disk of {folder} is full; free some space and build again: it goes on") from error
        raise


def _tidy(folder: Path, choice: Choice) -> None:
    """Keep the adopted binary; what is needed to build is fetched again for the next build."""
    kept = {folder / "engine.json", folder / "build.lock", Path(choice.binary).parent}
    for path in folder.iterdir():
        if path not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
