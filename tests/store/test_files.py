"""Files written whole or not at all: two callers at once and a full disk first."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from outcrop.store.files import create_once, locked, write_whole


def test_of_two_creators_one_wins_and_both_read_the_same(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)
    read: list[bytes] = []

    def create(number: int) -> None:
        barrier.wait()
        read.append(create_once(tmp_path / "key", bytes([number]) * 1000))

    threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(read) == 8 and len(set(read)) == 1
    assert os.listdir(tmp_path) == ["key"]


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "f", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_modes_hold_from_the_first_moment(tmp_path: Path) -> None:
    create_once(tmp_path / "secret", b"x")
    write_whole(tmp_path / "private", b"x", 0o600)
    assert {p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {0o600}


HOLD = """
import sys, pathlib
from outcrop.store.files import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        taken = threading.Event()

        def take() -> None:
            with locked(tmp_path / "lock"):
                taken.set()

        thread = threading.Thread(target=take)
        thread.start()
        assert not taken.wait(0.2)
        holder.kill()
        thread.join(5)
        assert taken.is_set()
