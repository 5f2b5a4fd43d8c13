"""One server a home: a second one, a killed one and an unusable folder first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from outcrop.errors import ServiceUnavailableException
from outcrop.store.home import Home, ServerInfo

SERVE = """
import sys, pathlib
from outcrop.store.home import Home
with Home.open(pathlib.Path(sys.argv[1])).serving("127.0.0.1", 8484, 8485):
    print("up", flush=True)
    sys.stdin.read()
"""


def serve(home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SERVE, str(home)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"up\n"
    return process


def test_a_second_server_is_refused_by_name(tmp_path: Path) -> None:
    with serve(tmp_path / "home") as other:
        home = Home.open(tmp_path / "home")
        refusal = pytest.raises(ServiceUnavailableException, match=rf"pid {other.pid}\) is running on {tmp_path}/home")
        with refusal, home.serving("127.0.0.1", 1, 2):
            pytest.fail("two servers on one home")
        assert (info := home.server()) and (info.pid, info.port, info.tls_port) == (other.pid, 8484, 8485)
        other.kill()


def test_a_killed_server_leaves_the_home_free(tmp_path: Path) -> None:
    with serve(tmp_path) as other:
        other.kill()
        other.wait()
    home = Home.open(tmp_path)
    assert (tmp_path / "server.json").exists()  # what the crash left
    assert home.server() is None
    with home.serving("::1", 1, 2) as info:
        assert home.server() == info == ServerInfo(os.getpid(), "::1", 1, 2, info.started)
    assert home.server() is None and not (tmp_path / "server.json").exists()


def test_the_lock_is_freed_when_serving_fails(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    for _ in range(2):
        with pytest.raises(RuntimeError), home.serving("127.0.0.1", 1, 2):
            raise RuntimeError


def test_a_damaged_server_file_is_no_server_and_no_crash(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    with home.serving("127.0.0.1", 1, 2):
        for damage in (b"", b"{", b"[]", b'{"pid": 1}', b'{"colour": 1}'):
            (tmp_path / "server.json").write_bytes(damage)
            assert home.server() is None


def test_new_folders_are_closed_to_others_and_old_ones_keep_their_mode(tmp_path: Path) -> None:
    Home.open(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o750)
    Home.open(tmp_path / "old")
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o750


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceUnavailableException, match=f"{tmp_path}/file"):
        Home.open(tmp_path / "file")
    assert Home.open(tmp_path / "new").server() is None
