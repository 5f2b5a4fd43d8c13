"""Which engine runs, and that a build that is gone or half written is never chosen."""

import os
from dataclasses import replace

import pytest

from outcrop.engines.choice import Choice, adopt, choose, record_path
from outcrop.engines.machine import fingerprint


@pytest.fixture
def binary(tmp_path) -> str:
    path = tmp_path / "llama-server"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_wheel_is_the_default(settings):
    choice = choose(replace(settings, engine="auto"))
    assert choice.label.startswith("wheel 20") and not choice.binary


def test_a_build_is_used_from_then_on_unless_the_wheel_is_asked_for(settings, binary):
    mine = Choice("built b1 (clang 16, avx2)", binary, "probed", fingerprint())
    adopt(settings.home, mine)
    assert choose(replace(settings, engine="auto")) == mine
    assert choose(replace(settings, engine="wheel")).binary == ""


def test_a_path_is_taken_as_it_is(settings, binary):
    assert choose(replace(settings, engine=binary)).binary == binary


@pytest.mark.parametrize(
    "damage", ["missing", "not executable", "half record", "odd record", "empty binary", "other processor"]
)
def test_a_build_that_cannot_run_falls_back_to_the_wheel(settings, binary, damage):
    adopt(
        settings.home,
        Choice(
            "built",
            "" if damage == "empty binary" else binary,
            "",
            "ffffffff" if damage == "other processor" else fingerprint(),
        ),
    )
    if damage == "missing":
        os.unlink(binary)
    if damage == "not executable" and os.access(binary, os.X_OK):
        os.chmod(binary, 0o644)
    if damage == "half record":
        record_path(settings.home).write_text(record_path(settings.home).read_text()[:20])
    if damage == "odd record":
        record_path(settings.home).write_text('{"label": "x", "color": "red"}')
    assert choose(replace(settings, engine="auto")).label.startswith("wheel")


def test_adopting_leaves_no_draft_behind(settings, binary):
    adopt(settings.home, Choice("a", binary))
    adopt(settings.home, Choice("b", binary))
    assert [path.name for path in record_path(settings.home).parent.iterdir()] == ["engine.json"]
