"""Memory and cores where a container allows less than the machine has."""

import psutil
import pytest

from outcrop.engines import machine


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """A cgroup tree of our own: `cgroup(folder, file, text)` writes one limit."""
    own = tmp_path / "proc"
    own.write_text("0::/pod/box\n")
    root = tmp_path / "cgroup"
    (root / "pod" / "box").mkdir(parents=True)
    monkeypatch.setattr(machine, "CGROUPS", root)
    monkeypatch.setattr(machine, "OWN_CGROUP", own)

    def write(folder: str, name: str, text: str) -> None:
        (root / folder / name).write_text(text)

    return write


def test_without_limits_it_is_the_machines(cgroup):
    cgroup("pod/box", "memory.max", "max\n")
    cgroup("pod/box", "memory.current", "1000\n")
    assert abs(machine.available_memory() - psutil.virtual_memory().available) < 1 << 30


def test_the_tightest_limit_on_the_way_up_binds_and_file_cache_is_free(cgroup):
    cgroup("pod/box", "memory.max", "900000\n")
    cgroup("pod/box", "memory.current", "100000\n")
    cgroup("pod", "memory.max", "500000\n")
    cgroup("pod", "memory.current", "300000\n")
    cgroup("pod", "memory.stat", "anon 1\ninactive_file 50000\nslab 3\n")
    assert machine.available_memory() == 500000 - 300000 + 50000


def test_an_overdrawn_limit_leaves_nothing(cgroup):
    cgroup("pod", "memory.max", "5")
    cgroup("pod", "memory.current", "9")
    assert machine.available_memory() == 0


@pytest.mark.parametrize(("quota", "most"), [("100000 100000", 1), ("50000 100000", 1), ("rubbish", 1 << 20)])
def test_a_cpu_quota_binds(cgroup, quota, most):
    cgroup("pod", "cpu.max", quota)
    assert 1 <= machine.cores() <= most
