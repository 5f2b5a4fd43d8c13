"""Where records end up: names that must not escape, bodies too large, AWS's keys."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import orjson
import pytest

from outcrop.config import Settings
from outcrop.errors import ValidationException
from outcrop.invocation_log import InvocationLog
from outcrop.invocation_log.delivery import append, group_path
from outcrop.store.objects import Objects

from .conftest import GROUP, LOGS, S3, call, delivered


@pytest.mark.parametrize(
    "name", ["", "/", "..", "../x", "/a/../b", "a//b", "a b", "a\x00", "ü", "a\n", "./a", "x" * 513]
)
def test_a_log_group_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ValidationException):
        group_path(Settings(home=Path("/h")), name)


def test_log_groups_are_files() -> None:
    settings = Settings(home=Path("/h"))
    assert group_path(settings, "/aws/bedrock/x") == Path("/h/logs/aws/bedrock/x.jsonl")
    assert group_path(settings, "plain.v1") == Path("/h/logs/plain.v1.jsonl")


def test_an_append_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    append(path, b"one\n")
    real = os.write

    def half(file: int, data: memoryview) -> int:
        if bytes(data[:1]) == b"t":
            return real(file, data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        append(path, b"two\n")
    monkeypatch.undo()
    assert path.read_bytes() == b"one\n"


def test_a_line_torn_by_a_crash_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    append(path, b"one\n")
    path.write_bytes(path.read_bytes() + b'{"tor')
    append(path, b"two\n")
    append(path, b"three\n")
    assert path.read_bytes() == b'one\n{"tor\ntwo\nthree\n'


async def test_keys_are_laid_out_as_by_aws(log: InvocationLog, objects: Objects) -> None:
    await log.configure(S3)
    log.record(call())
    await log.flush()
    (info,) = await objects.list(f"{LOGS}/")
    layout = LOGS + r"/us-east-1/\d{4}/\d\d/\d\d/\d\d/\d{8}T\d{9}Z_[0-9a-f]{16}\.json\.gz"
    assert re.fullmatch(layout, info.url)


async def test_large_bodies_are_objects_of_their_own(log: InvocationLog, objects: Objects) -> None:
    await log.configure(S3)
    large = {"text": "x" * 200_000}
    log.record(call(1, inputBody=large, outputBody={"small": 1}))
    log.record(call(2, inputBody={"small": 2}, outputBody=large))
    await log.flush()
    first, second = await delivered(objects)
    assert "inputBodyJson" not in first["input"]
    assert first["input"]["inputBodyS3Path"].endswith("/data/id-1_input.json.gz")
    assert first["output"]["outputBodyJson"] == {"small": 1}
    assert second["output"]["outputBodyS3Path"].endswith("/data/id-2_output.json.gz")
    kept = await objects.get(first["input"]["inputBodyS3Path"])
    assert orjson.loads(gzip.decompress(kept)) == large


async def test_a_log_group_keeps_large_bodies_inline_unless_told(
    log: InvocationLog, objects: Objects, settings: Settings
) -> None:
    large = {"text": "x" * 200_000}
    told = {"cloudWatchConfig": GROUP["cloudWatchConfig"] | {"largeDataDeliveryS3Config": S3["s3Config"]}}
    for number, config in enumerate((GROUP, told)):
        await log.configure(config)
        log.record(call(number, inputBody=large))
        await log.flush()
    lines = (settings.home / "logs/aws/bedrock/x.jsonl").read_bytes().splitlines()
    inline, away = map(orjson.loads, lines)
    assert inline["input"]["inputBodyJson"] == large
    assert orjson.loads(gzip.decompress(await objects.get(away["input"]["inputBodyS3Path"]))) == large
