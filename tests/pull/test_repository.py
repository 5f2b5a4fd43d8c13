"""Pulling from a hub on this machine: lost connections, wrong bytes and closed doors first."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from outcrop.pull import PullError, download, pull
from outcrop.pull import repository as module
from outcrop.pull.repository import choose

from .. import hub_server
from ..convert.folders import build
from ..hub_server import Hub

DATA = bytes(range(256)) * 4096
"""1 MiB: large enough to be an LFS file and to be cut anywhere."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(download, "PAUSE_S", 0.001)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", os.devnull)  # nor what `hf auth login` left in a file
    monkeypatch.setenv("HF_TOKEN_PATH", os.devnull)  # for what is started from here
    with hub_server.serve() as hub:
        hub.repos["acme/rock-gguf"] = {"README.md": b"# Rock", "rock-Q8_0.gguf": DATA, "rock-Q4_K_M.gguf": DATA[:5000]}
        yield hub


class Seen:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def __call__(self, name: str, done: int, total: int) -> None:
        self.calls.append((name, done, total))


def fetch(hub: Hub, home: Path, spec: str = "hf:acme/rock-gguf") -> module.Pulled:
    return pull(spec, home, Seen(), hub.endpoint)


def left(home: Path) -> list[str]:
    """Files that are neither locks nor hidden parts."""
    return sorted(p.name for p in home.rglob("*") if p.is_file() and not p.name.endswith((".lock", ".part")))


def test_a_connection_lost_in_mid_file_is_continued(hub: Hub, tmp_path: Path) -> None:
    hub.faults.drops = [100_000, 1, 300_000]
    assert fetch(hub, tmp_path).path.read_bytes() == DATA
    assert hub.ranges() == ["", "bytes=100000-", "bytes=100001-", "bytes=400001-"]


def test_a_pull_that_gave_up_is_continued_by_the_next(hub: Hub, tmp_path: Path) -> None:
    hub.faults.drops = [700_000, 0, 0, 0, 0, 0]
    with pytest.raises(PullError, match="Pull again to continue at byte 700000"):
        fetch(hub, tmp_path)
    assert left(tmp_path) == []
    hub.seen.clear()
    hub.faults.drops = []
    assert fetch(hub, tmp_path).path.read_bytes() == DATA
    assert hub.ranges() == ["bytes=700000-"]


def test_a_killed_pull_is_continued_by_the_next(hub: Hub, tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from outcrop.pull import pull\n"
        "die = lambda name, done, total: done > 0 and os.kill(os.getpid(), 9)\n"
        "pull('hf:acme/rock-gguf', Path(sys.argv[1]), die)"
    )
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint}
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=False)
    assert killed.returncode == -9 and left(tmp_path) == []
    hub.seen.clear()
    assert fetch(hub, tmp_path).path.read_bytes() == DATA
    assert hub.ranges()[0].startswith("bytes=")


def test_a_server_without_ranges_begins_again(hub: Hub, tmp_path: Path) -> None:
    hub.faults.drops, hub.faults.no_ranges = [300_000], True
    assert fetch(hub, tmp_path).path.read_bytes() == DATA


def test_a_busy_server_is_asked_again_and_a_refusing_one_is_not(hub: Hub, tmp_path: Path) -> None:
    hub.faults.statuses = [503, 429]
    assert fetch(hub, tmp_path).path.read_bytes() == DATA
    hub.faults.statuses = [403]
    with pytest.raises(PullError, match="403"):
        fetch(hub, tmp_path / "other")
    assert len(hub.ranges()) == 4


def test_wrong_bytes_are_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.faults.corrupt = {"rock-Q8_0.gguf"}
    with pytest.raises(PullError, match="checksum"):
        fetch(hub, tmp_path)
    assert left(tmp_path) == [] and not [*tmp_path.rglob("*.part")]
    hub.faults.corrupt = set()
    assert fetch(hub, tmp_path).path.read_bytes() == DATA


def test_wrong_bytes_of_a_small_file_are_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.repos["acme/small"] = {"rock.gguf": b"GGUF" * 9}
    hub.faults.corrupt = {"rock.gguf"}
    with pytest.raises(PullError, match="checksum"):
        fetch(hub, tmp_path, "hf:acme/small")


def test_what_lies_there_whole_is_not_fetched_again_and_what_is_damaged_is(hub: Hub, tmp_path: Path) -> None:
    path = fetch(hub, tmp_path).path
    hub.seen.clear()
    fetch(hub, tmp_path)
    assert hub.ranges() == []
    path.write_bytes(b"x" + DATA[1:])
    assert fetch(hub, tmp_path).path.read_bytes() == DATA


def test_of_two_at_once_one_fetches(hub: Hub, tmp_path: Path) -> None:
    threads = [threading.Thread(target=fetch, args=(hub, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hub.ranges() == [""]
    assert (tmp_path / "models/acme--rock-gguf/rock-Q8_0.gguf").read_bytes() == DATA


@pytest.mark.parametrize("token, message", [(None, "gated"), ("wrong", "gated")])
def test_a_gated_repository(
    hub: Hub, tmp_path: Path, token: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated["acme/rock-gguf"] = "hf_right"
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PullError, match=message):
        fetch(hub, tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert fetch(hub, tmp_path).path.read_bytes() == DATA
    assert hub.cdn_tokens == {None}


@pytest.mark.parametrize(
    "spec, message",
    [
        ("hf:acme/nothing", "is not there, or is private"),
        ("hf:acme/rock-gguf@v9", "no such revision"),
        ("hf:acme/rock-gguf:other.gguf", r"(?s)No GGUF file here is called.*rock-Q4_K_M.gguf  \(0.00 GB\)"),
        ("hf:acme/rock-gguf:model.pt", "is a pickle"),
        ("hf:acme/pickled", "Only pickles"),
        ("hf:acme/empty", "Neither a GGUF file nor"),
        ("hf:acme/several", r"(?s)Several models are here.*a-Q8_0.gguf.*b-Q8_0.gguf"),
        ("hf:acme/several:Q8_0", "Several files match"),
        ("hf:acme/../../etc:x", "cannot be pulled"),
        ("acme/rock-gguf", "cannot be pulled"),
        ("hf:rock", "cannot be pulled"),
    ],
)
def test_what_cannot_be_pulled(hub: Hub, tmp_path: Path, spec: str, message: str) -> None:
    hub.repos["acme/pickled"] = {"pytorch_model.bin": b"x", "config.json": b"{}"}
    hub.repos["acme/empty"] = {"README.md": b"x"}
    hub.repos["acme/several"] = {"a-Q8_0.gguf": b"x", "b-Q8_0.gguf": b"x"}
    with pytest.raises(PullError, match=message):
        fetch(hub, tmp_path, spec)
    assert left(tmp_path) == []


def test_no_hub_and_no_space(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PullError, match="cannot be reached"):
        pull("hf:acme/rock-gguf", tmp_path, Seen(), "http://127.0.0.1:1")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=module.SPACE_MARGIN))
    with pytest.raises(PullError, match="GB are free there"):
        fetch(hub, tmp_path)
    assert hub.ranges() == []


def test_names_that_leave_the_folder_are_not_files(hub: Hub, tmp_path: Path) -> None:
    hub.repos["acme/evil"] = {"../../evil.gguf": b"x", "/evil.gguf": b"x", "a\\..\\evil.gguf": b"x"}
    with pytest.raises(PullError, match="Neither"):
        fetch(hub, tmp_path, "hf:acme/evil")


def chosen(names: list[str], wanted: str | None = None) -> list[str]:
    files = {name: download.RemoteFile("", name, 1, None, None) for name in names}
    return [file.name for file in choose(files, wanted)]


def test_which_files_are_chosen() -> None:
    quants = ["m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q8_0.gguf", "m-f16.gguf"]
    assert chosen(quants) == ["m-Q8_0.gguf"]
    assert chosen(quants[:3]) == ["m-Q4_K_M.gguf"]
    assert chosen(quants, "q4_k_s") == ["m-Q4_K_S.gguf"]
    assert chosen(quants, "F16") == ["m-f16.gguf"]
    assert chosen(["m-BF16.gguf", "m-F16.gguf"], "F16") == ["m-F16.gguf"]
    assert chosen(["only.gguf", "model.safetensors", "config.json"]) == ["only.gguf"]
    parts = [f"q8/m-Q8_0-{n:05d}-of-00003.gguf" for n in (1, 2, 3)]
    assert chosen([*reversed(parts), "m-Q4_K_M.gguf"]) == parts
    assert chosen(parts, parts[1]) == parts
    vision = ["m-Q8_0.gguf", "mmproj-m-BF16.gguf", "mmproj-m-f16.gguf"]
    assert chosen(vision) == ["m-Q8_0.gguf", "mmproj-m-f16.gguf"]
    folder = ["config.json", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    beside = ["consolidated.safetensors", "pytorch_model.bin", "README.md", "modeling_evil.py"]
    assert chosen([*folder, *beside]) == folder


def test_safetensors_are_fetched_and_converted(hub: Hub, tmp_path: Path) -> None:
    folder = build(tmp_path / "repo", "qwen3-sharded")
    hub.repos["acme/pebbles"] = {path.name: path.read_bytes() for path in folder.iterdir()} | {"evil.py": b"1/0"}
    hub.faults.drops = [2000]
    found = fetch(hub, tmp_path / "home", "hf:acme/pebbles")
    assert found.converted and found.path.name == "pebbles-Q8_0.gguf" and found.path.read_bytes()[:4] == b"GGUF"
    assert "evil.py" not in left(tmp_path / "home")
    made = found.path.stat().st_mtime_ns
    assert fetch(hub, tmp_path / "home", "hf:acme/pebbles").path.stat().st_mtime_ns == made


def test_a_folder_that_cannot_be_converted_says_so(hub: Hub, tmp_path: Path) -> None:
    hub.repos["acme/odd"] = {"config.json": b'{"architectures": ["OddModel"]}', "model.safetensors": b"x" * 2000}
    with pytest.raises(PullError, match="fetched but cannot be converted: architecture OddModel is unknown"):
        fetch(hub, tmp_path, "hf:acme/odd")


def test_progress_rises_to_the_whole(hub: Hub, tmp_path: Path) -> None:
    seen = Seen()
    hub.faults.drops = [500_000]
    pull("hf:acme/rock-gguf:rock-Q8_0.gguf", tmp_path, seen, hub.endpoint)
    amounts = [done for _, done, _ in seen.calls]
    assert amounts == sorted(amounts) and amounts[-1] == len(DATA)
    assert {(name, total) for name, _, total in seen.calls} == {("rock-Q8_0.gguf", len(DATA))}


def test_the_hub_here_serves_the_unmodified_client(hub: Hub, tmp_path: Path) -> None:
    """Otherwise these tests could be true of a protocol that nobody speaks."""
    from huggingface_hub import HfApi, hf_hub_download

    path = hf_hub_download("acme/rock-gguf", "rock-Q8_0.gguf", local_dir=tmp_path, endpoint=hub.endpoint)
    assert hashlib.sha256(Path(path).read_bytes()).digest() == hashlib.sha256(DATA).digest()
    api = HfApi(endpoint=hub.endpoint)
    assert {entry.path for entry in api.list_repo_tree("acme/rock-gguf")} == set(hub.repos["acme/rock-gguf"])
