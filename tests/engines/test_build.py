"""The build: what is tried in which order, and that only what works is adopted, whatever happens in between.

cmake and ninja are stand-ins here; the real ones run for minutes (see tests marked slow).
"""

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop.engines import build as building
from outcrop.engines import choice as choices
from outcrop.engines import machine, toolchain
from outcrop.engines.build import _download, _verify, build, candidates
from outcrop.engines.choice import Choice, adopt, choose
from outcrop.engines.process import EngineFailed
from outcrop.engines.toolchain import BuildFailed, Compiler, Toolbox

AVX2 = frozenset({"avx2", "fma"})
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512vl"}
AMX = AVX512 | {"amx_tile", "amx_int8", "amx_bf16"}

NINJA = """#!/bin/sh
echo "[1/2] compiling"
{trouble}
mkdir -p "$2/bin"
echo "{mark}" > "$2/bin/llama-server"
chmod 755 "$2/bin/llama-server"
echo "[2/2] linking"
"""


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Path:
    """A distribution with one file of llama.cpp and one that is not needed."""
    path = tmp_path / "dist.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("CMakeLists.txt", "docs/huge.md"):
            file = tmp_path / "content"
            file.write_text(name)
            tar.add(file, building.INSIDE + name)
    monkeypatch.setattr(building, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A PATH with a cmake and a ninja of ours and a gcc; `tools(trouble=...)` is shell that ninja runs half-way."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "cpu_flags", lambda: AVX2)
    monkeypatch.setattr(building.platform, "machine", lambda: "x86_64")
    gcc = Compiler("gcc", "gcc 12", "gcc", "g++")
    monkeypatch.setattr(Toolbox, "compilers", lambda self, fetch: iter([gcc]))
    monkeypatch.setattr(building, "probe", lambda binary: None)

    def make(trouble: str = "", mark: str = "binary", cmake: str = "") -> None:
        for name, text in {"cmake": f"#!/bin/sh\n{cmake}\n", "ninja": NINJA.format(trouble=trouble, mark=mark)}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    make()
    return make


def engines_folder(settings) -> list[str]:
    return sorted(path.name for path in (settings.home / "engines").iterdir())


def test_rows_by_processor():
    assert [c.name for c in candidates(AMX, "x86_64")] == ["amx", "avx512", "avx2", "native"]
    assert [c.name for c in candidates(AVX512, "x86_64")] == ["avx512", "avx2", "native"]
    assert [c.name for c in candidates(AVX2, "x86_64")] == ["avx2", "native"]
    assert [c.name for c in candidates(frozenset(), "arm64")] == ["native"]


def test_matrix_kernels_are_left_to_clang(monkeypatch):
    gcc, clang = Compiler("gcc", "gcc 12", "", ""), Compiler("clang", "clang 16", "", "")
    monkeypatch.setattr(Toolbox, "compilers", lambda self, fetch: iter([clang, gcc]))
    monkeypatch.setattr(machine, "cpu_flags", lambda: AMX)
    monkeypatch.setattr(building.platform, "machine", lambda: "x86_64")
    tried = [(c.name, k.family) for c, k in building._attempts(Toolbox(Path("x")), True)]
    assert tried[:3] == [("amx", "clang"), ("avx512", "clang"), ("avx512", "gcc")]
    assert ("amx", "gcc") not in tried
    assert all("-mno-amx-tile" in c.flags for c in building.CANDIDATES[1:3])


def test_what_works_is_adopted_and_all_else_tidied_away(settings, archive, tools):
    said = []
    made = build(settings, say=said.append, source=archive)
    assert made.label == f"built {building.COMMIT} (gcc 12, avx2)" and Path(made.binary).read_text() == "binary\n"
    assert choose(replace(settings, engine="auto")) == made
    assert engines_folder(settings) == sorted([Path(made.binary).parent.name, "build.lock", "engine.json"])
    assert any("2 of 2 files" in line for line in said) and said[-1].startswith("engine: built")


def test_the_first_that_generates_is_taken_and_the_reasons_are_kept(settings, archive, tools, monkeypatch):
    def dies_of_sigill(binary: str) -> None:
        if "avx2" in binary:
            raise EngineFailed("it was killed by SIGILL.")

    monkeypatch.setattr(building, "probe", dies_of_sigill)
    made = build(settings, say=lambda _: None, source=archive)
    assert made.label.endswith("(gcc 12, native)") and "avx2 with gcc 12: it was killed by SIGILL" in made.reason


def test_when_nothing_generates_the_wheel_stays_and_says_why(settings, archive, tools, monkeypatch):
    def never(binary: str) -> None:
        raise EngineFailed("it was killed by SIGILL.")

    monkeypatch.setattr(building, "probe", never)
    made = build(settings, say=lambda _: None, source=archive)
    assert made.label.startswith("wheel") and made.reason.count("SIGILL") == 2
    assert choose(replace(settings, engine="auto")) == made


def test_an_earlier_build_stays_when_a_new_one_fails(settings, archive, tools):
    first = build(settings, say=lambda _: None, source=archive)
    tools(trouble="echo 'x.cpp:1: error: no'; exit 1")
    second = build(settings, say=lambda _: None, source=archive)
    assert second.binary == first.binary and Path(first.binary).is_file() and "x.cpp:1: error: no" in second.reason


def test_a_full_disk_is_reported_and_nothing_is_adopted(settings, archive, tools, monkeypatch):
    monkeypatch.setattr(building.shutil, "copy2", full)
    with pytest.raises(BuildFailed, match="full; free some space and build again"):
        build(settings, say=lambda _: None, source=archive)
    assert choices.recorded(settings.home) is None and "work" in engines_folder(settings)


def full(*_) -> None:
    raise OSError(28, "No space left on device")


def test_a_compiler_that_meets_a_full_disk_is_quoted(settings, archive, tools):
    tools(trouble="echo 'fatal: x.o: No space left on device'; exit 1")
    assert "No space left on device" in build(settings, say=lambda _: None, source=archive).reason


def test_too_small_a_disk_is_refused_before_the_download(settings, monkeypatch):
    monkeypatch.setattr(building, "NEEDED_DISK", 1 << 60)
    with pytest.raises(BuildFailed, match=r"needs .* MiB of disk"):
        build(settings, say=lambda _: None)


def test_what_is_not_the_pinned_distribution_is_not_unpacked(settings, archive, tools):
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(BuildFailed, match=r"is not llama_cpp_python .* sha256"):
        build(settings, say=lambda _: None, source=archive)
    assert engines_folder(settings) == ["build.lock"]
    assert archive.exists(), "a file that somebody gave us is not ours to remove"


KILLED = """
import sys
from pathlib import Path
from outcrop.config import Settings
from outcrop.engines import build as building, machine
from outcrop.engines.toolchain import Compiler, Toolbox
building.SHA256, building.probe = sys.argv[3], lambda binary: None
machine.cpu_flags = lambda: frozenset({"avx2"})
Toolbox.compilers = lambda self, fetch: iter([Compiler("gcc", "gcc 12", "gcc", "g++")])
building.build(Settings(home=Path(sys.argv[1])), source=Path(sys.argv[2]), say=lambda line: print(line, flush=True))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the compiler dies with us on Linux")
def test_killed_in_the_middle_nothing_is_half_adopted_and_the_next_build_goes_on(settings, archive, tools, tmp_path):
    mark = tmp_path / "compiling"
    tools(trouble=f"echo $$ > {mark}; exec sleep 600")
    adopt(settings.home, before := Choice("built before", sys.executable, "", machine.fingerprint()))
    command = [sys.executable, "-c", KILLED, str(settings.home), str(archive), building.SHA256]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while not (mark.exists() and mark.read_text().strip()):
            assert child.poll() is None and time.monotonic() < end, "it never compiled"
            time.sleep(0.02)
        with pytest.raises(BuildFailed, match="another build runs"):
            build(settings, say=lambda _: None, source=archive)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert choose(replace(settings, engine="auto")) == before
    tools()
    said = []
    made = build(settings, say=said.append, source=archive)
    assert Path(made.binary).read_text() == "binary\n"
    assert "unpacking the sources" not in said


def test_a_download_goes_on_where_it_stopped(tmp_path, monkeypatch):
    whole = os.urandom(1000)
    path = tmp_path / "dist.tar.gz"
    path.with_suffix(".part").write_bytes(whole[:300])
    monkeypatch.setattr(building, "SIZE", 1000)
    monkeypatch.setattr(building, "_append", lambda draft, have: draft.write_bytes(draft.read_bytes() + whole[have:]))
    assert _download(path, lambda _: None).read_bytes() == whole


def test_a_download_cut_short_is_kept_for_the_next_try(tmp_path, monkeypatch):
    path = tmp_path / "dist.tar.gz"
    monkeypatch.setattr(building, "_append", lambda draft, have: draft.write_bytes(b"abc"))
    with pytest.raises(BuildFailed, match="stopped at byte 3"):
        _download(path, lambda _: None)
    assert path.with_suffix(".part").read_bytes() == b"abc" and not path.exists()


def test_no_network_says_how_to_do_without(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "URL", "http://127.0.0.1:9/x.tar.gz")
    with pytest.raises(BuildFailed, match="pass it with --source"):
        _download(tmp_path / "d.tar.gz", lambda _: None)


def test_a_downloaded_file_that_is_wrong_is_not_kept(tmp_path):
    path = tmp_path / "d.tar.gz"
    path.write_bytes(b"wrong")
    with pytest.raises(BuildFailed):
        _verify(path, ours=True)
    assert not path.exists()


def test_an_absent_tool_is_fetched_and_a_failure_names_it(tmp_path, monkeypatch):
    box = Toolbox(tmp_path / "tools", say=lambda _: None)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    monkeypatch.setattr(toolchain.sys, "executable", "/bin/false")
    with pytest.raises(BuildFailed, match="ninja is not installed and could not be fetched"):
        box.tool("ninja")
    assert list(box.compilers(fetch=True)) == []


def test_a_compiler_is_named_by_its_family_and_version(tmp_path, monkeypatch):
    for name, banner in {
        "clang-16": "Debian clang version 16.0.6 (15~deb12u1)",
        "gcc": "gcc (Debian 12.2.0-14) 12.2.0",
    }.items():
        for word in (name, name.replace("clang", "clang++").replace("gcc", "g++")):
            (tmp_path / word).write_text(f"#!/bin/sh\necho '{banner}'\n")
            (tmp_path / word).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = list(Toolbox(tmp_path).compilers(fetch=False))
    assert [(c.family, c.name) for c in found] == [("clang", "clang 16"), ("gcc", "gcc 12")]
