"""Lines on disk: what a full disk, a crash or another process may do to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outcrop.invocation_log.spool import Spool


def spool(folder: Path, limit: int = 1 << 20) -> Spool:
    return Spool(folder / "spool", limit)


def read(one: Spool) -> list[bytes]:
    lines: list[bytes] = []
    for path in one.sealed():
        if batch := one.claim(path):
            lines += batch.lines
            batch.release()
    return lines


def test_the_open_file_is_nobody_else_s(tmp_path: Path) -> None:
    one, two = spool(tmp_path), spool(tmp_path)
    one.append({}, [b"1\n"])
    (path,) = two.sealed()
    assert two.claim(path) is None
    one.seal()
    batch = two.claim(path)
    assert batch
    assert one.claim(path) is None
    batch.release()
    assert read(one) == [b"1"]


def test_a_file_that_was_delivered_meanwhile(tmp_path: Path) -> None:
    one = spool(tmp_path)
    one.append({}, [b"1\n"])
    one.seal()
    (path,) = one.sealed()
    path.unlink()
    assert one.claim(path) is None


@pytest.mark.parametrize("content", [b"", b'{"config":', b"garbage\n", b"\xff\n", b"[]\n"])
def test_a_damaged_head_is_no_batch_of_anything(tmp_path: Path, content: bytes) -> None:
    one = spool(tmp_path)
    one.folder.mkdir()
    (one.folder / "20261121T220000000Z_00.jsonl").write_bytes(content)
    batch = one.claim(one.sealed()[0])
    assert batch
    assert (batch.config, batch.lines) == ({}, [])
    batch.release()


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, real = spool(tmp_path), os.write
    one.append({}, [b"1\n"])

    def half(file: int, data: memoryview) -> int:
        if len(data) > 5:
            return real(file, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        one.append({}, [b"a long line\n"])
    monkeypatch.undo()
    one.append({}, [b"2\n"])
    one.seal()
    assert read(one) == [b"1", b"2"]


def test_a_full_disk_at_the_first_byte_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = spool(tmp_path)

    def full(file: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        one.append({}, [b"1\n"])
    monkeypatch.undo()
    assert list(one.folder.iterdir()) == []
    one.append({}, [b"2\n"])
    one.seal()
    assert read(one) == [b"2"]


def test_the_limit_counts_all_files(tmp_path: Path) -> None:
    one = spool(tmp_path, limit=100)
    one.append({}, [b"x" * 39 + b"\n"])
    one.seal()
    one.append({"s3Config": {}}, [b"x" * 9 + b"\n"])
    with pytest.raises(OSError, match="limit"):
        one.append({}, [b"x" * 39 + b"\n"])
    for path in one.sealed():
        path.unlink()
    one.seal()
    one.sealed()
    one.append({}, [b"x" * 39 + b"\n"])


def test_a_new_configuration_begins_a_new_file(tmp_path: Path) -> None:
    one = spool(tmp_path)
    for config in ({"a": 1}, {"a": 1}, {"a": 2}):
        one.append(config, [b"1\n"])
    one.seal()
    batches = [batch for path in one.sealed() if (batch := one.claim(path))]
    assert sorted((batch.config["a"], len(batch.lines)) for batch in batches) == [(1, 2), (2, 1)]
    for batch in batches:
        batch.release()
