"""Buckets as folders: keys that must not leave, kills, full disks, two writers; then what obstore and we see alike."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.store.folder import (
    BadBucketName,
    BadKey,
    BucketExists,
    BucketNotEmpty,
    Entry,
    Folder,
    KeyTooLong,
    Misplaced,
    NoBucket,
    NoObject,
)
from outcrop.store.objects import Objects
from outcrop.store.sidecars import Attributes


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "objects")
    made.create_bucket("mine")
    return made


def put(folder: Folder, key: str, data: bytes = b"x", guard: object = None, **attributes: object) -> Entry:
    with folder.stage() as staged:
        staged.write(data)
        staged.finish()
        return folder.commit("mine", key, staged, Attributes(**attributes), guard)  # type: ignore[arg-type]


def read(folder: Folder, key: str) -> bytes:
    with folder.open("mine", key)[1] as file:
        return file.read()


def files(folder: Folder) -> list[Path]:
    return [path for path in (folder.root / "mine").rglob("*") if path.is_file()]


BAD_KEYS = ["", "/", "a/", "/a", "a//b", "..", "../x", "a/../../x", ".", "a/./b", "a\x00b", "a\nb", "a#1", "\ud800"]
BAD_KEYS += ["x" * 256, "a/" + "ü" * 128]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_is_no_path_is_refused_for_writing_and_never_there(folder: Folder, key: str) -> None:
    with pytest.raises(BadKey):
        folder.check("mine", key)
    with pytest.raises(BadKey):
        put(folder, key)
    for look in (folder.open, folder.head):
        with pytest.raises(NoObject):
            look("mine", key)
    folder.delete("mine", key)
    assert files(folder) == []
    assert [path.name for path in folder.root.iterdir() if path.name != ".s3"] == ["mine"]


PREFIXES = [
    "../",
    "../../",
    "/",
    "/etc/",
    "..",
    ".",
    "./",
    "a/../../",
    "//",
    "a//",
    "\x00/",
    "x" * 300 + "/",
    "\ud800/",
]
PREFIXES += ["../other/", "x/" * 600, ".s3/", "\ud800", "\x00"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_prefix_lists_what_is_outside_of_its_bucket(folder: Folder, prefix: str) -> None:
    folder.create_bucket("other")
    (folder.root / "other" / "secret").write_bytes(b"x")
    put(folder, "a/b")
    for folders in (False, True):
        assert list(folder.keys("mine", prefix, "", folders)) == []
    assert list(folder.keys("mine", "", prefix)) in (["a/b"], [])


def test_what_an_obstore_that_was_killed_left_keeps_no_bucket(folder: Folder) -> None:
    (folder.root / "mine" / "out").mkdir()
    (folder.root / "mine" / "out" / "metrics.csv#1").write_bytes(b"half")
    folder.delete_bucket("mine")
    assert folder.buckets() == []


def test_a_key_of_1025_bytes(folder: Folder) -> None:
    put(folder, "/".join(["x" * 204] * 5))
    with pytest.raises(KeyTooLong):
        put(folder, "/".join(["x" * 204] * 5) + "x")


@pytest.mark.parametrize("name", ["", "..", ".s3", "a", "Mine", "a..b", "a/b", "x" * 64, "mine\n", "-mine", "mi_ne"])
def test_names_that_are_no_buckets(folder: Folder, name: str) -> None:
    for act in (folder.create_bucket, folder.bucket, folder.delete_bucket, lambda n: folder.head(n, "k")):
        with pytest.raises(BadBucketName):
            act(name)


def test_a_missing_bucket_and_one_that_is_there(folder: Folder) -> None:
    for act in (folder.bucket, folder.delete_bucket, lambda n: folder.delete(n, "k"), lambda n: list(folder.keys(n))):
        with pytest.raises(NoBucket):
            act("nope")
    with pytest.raises(BucketExists):
        folder.create_bucket("mine")


def test_a_key_beside_its_own_folder_is_refused_and_the_first_one_stays(folder: Folder) -> None:
    put(folder, "a/b", b"1")
    with pytest.raises(Misplaced):
        put(folder, "a")
    with pytest.raises(Misplaced):
        put(folder, "a/b/c")
    assert list(folder.keys("mine")) == ["a/b"]
    folder.delete("mine", "a/b")
    put(folder, "a", b"2")  # the folder went with its last object
    assert read(folder, "a") == b"2"


def test_a_folder_that_obstore_left_empty_is_in_nobodys_way(folder: Folder) -> None:
    (folder.root / "mine" / "a" / "b").mkdir(parents=True)
    assert list(folder.keys("mine", folders=True)) == []
    put(folder, "a")
    folder.delete("mine", "a")
    (folder.root / "mine" / "a" / "b").mkdir(parents=True)
    folder.delete_bucket("mine")
    assert folder.buckets() == []


def test_a_bucket_is_not_deleted_with_what_is_in_it(folder: Folder) -> None:
    put(folder, "a/b")
    with pytest.raises(BucketNotEmpty):
        folder.delete_bucket("mine")
    assert read(folder, "a/b") == b"x"


def test_what_a_bucket_of_the_same_name_held_before_is_forgotten(folder: Folder) -> None:
    stat = put(folder, "a", metadata={"old": "1"})
    folder.delete("mine", "a")
    folder.delete_bucket("mine")
    folder.create_bucket("mine")
    (folder.root / "mine" / "a").write_bytes(b"x")
    os.utime(folder.root / "mine" / "a", ns=(stat.modified_ns, stat.modified_ns))
    assert folder.head("mine", "a").attributes.metadata == {}


def test_a_guard_sees_what_would_be_replaced_and_stops_it(folder: Folder) -> None:
    seen: list[Entry | None] = []

    def guard(before: Entry | None) -> None:
        seen.append(before)
        if before:
            raise PermissionError

    first = put(folder, "a", b"1", guard, etag="one")
    with pytest.raises(PermissionError):
        put(folder, "a", b"2", guard)
    assert seen == [None, first]
    assert read(folder, "a") == b"1"
    assert list((folder.hidden / "staging").iterdir()) == []


def test_of_many_that_may_create_an_object_one_does(folder: Folder) -> None:
    def guard(before: Entry | None) -> None:
        if before:
            raise PermissionError

    def attempt(number: int) -> bool:
        try:
            put(folder, "a", str(number).encode(), guard)
        except PermissionError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(64))) == 1


def test_writers_and_deleters_at_once_leave_whole_objects_with_their_own_attributes(folder: Folder) -> None:
    def write(number: int) -> None:
        data = bytes([number]) * 1000
        put(folder, f"deep/er/{number % 3}", data, etag=str(number))
        if number % 5 == 0:
            folder.delete("mine", f"deep/er/{number % 3}")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(1, 200)))
    put(folder, "deep/er/1", b"\x07" * 1000, etag="7")
    for key in folder.keys("mine"):
        data, entry = read(folder, key), folder.head("mine", key)
        assert data == bytes([int(entry.etag)]) * 1000


def test_a_reader_keeps_the_object_it_opened(folder: Folder) -> None:
    put(folder, "a", b"old")
    entry, file = folder.open("mine", "a")
    put(folder, "a", b"newer")
    folder.delete("mine", "a")
    assert (file.read(), entry.size) == (b"old", 3)
    file.close()


def test_attributes_of_another_file_are_not_taken_for_ones_own(folder: Folder) -> None:
    put(folder, "a", b"12345", headers={"content-type": "text/plain"}, etag="md5")
    (folder.root / "mine" / "a").write_bytes(b"54321")  # somebody else, the same size
    entry = folder.head("mine", "a")
    assert entry.attributes.headers == {}
    assert "-" in entry.etag
    assert entry.etag != "md5"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"1-1": {"nonsense": 1}}', b'{"1-1": 5}'])
def test_a_damaged_sidecar_costs_the_attributes_and_not_the_object(folder: Folder, text: bytes) -> None:
    put(folder, "a", etag="md5")
    for path in (folder.hidden / "attributes").rglob("*.json"):
        path.write_bytes(text)
    assert read(folder, "a") == b"x"
    assert folder.head("mine", "a").attributes.metadata == {}
    put(folder, "a", b"y", etag="new")
    assert folder.head("mine", "a").etag == "new"


def test_a_kill_between_sidecar_and_object_leaves_the_old_one_with_its_attributes(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "a", b"old", etag="old")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "_place", killed)
    with pytest.raises(KeyboardInterrupt):
        put(folder, "a", b"new", etag="new")
    again = Folder(folder.root)
    assert (again.head("mine", "a").etag, read(again, "a")) == ("old", b"old")


def test_what_a_killed_server_left_in_staging_goes_at_the_next_start(folder: Folder) -> None:
    with folder.stage() as staged:
        staged.write(b"half")
        assert list(folder.keys("mine")) == []
        Folder(folder.root)
        assert list((folder.root / ".s3").glob("staging/*")) == []


CHILD = """
import resource, sys
from pathlib import Path
from outcrop.store.folder import Folder
from outcrop.store.sidecars import Attributes
folder = Folder(Path(sys.argv[1]))
def put(data, etag):
    with folder.stage() as staged:
        for start in range(0, len(data), 65536):
            staged.write(data[start:start + 65536])
        staged.finish()
        folder.commit("mine", "a", staged, Attributes(etag=etag))
"""


def child(folder: Folder, code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD + code, str(folder.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_full_disk_keeps_the_old_object(folder: Folder) -> None:
    put(folder, "a", b"old", etag="old")
    code = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    put(bytes(100_000), "new")
except OSError as error:
    print(error.strerror)
"""
    out, err = child(folder, code).communicate(timeout=60)
    assert (out.strip(), err) == ("File too large", "")
    assert (read(folder, "a"), folder.head("mine", "a").etag) == (b"old", "old")
    assert list((folder.hidden / "staging").iterdir()) == []


def test_a_disk_that_is_full_at_the_last_bytes_keeps_nothing_of_them(folder: Folder) -> None:
    code = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with folder.stage() as staged:
        staged.write(bytes(2000))
        raise ConnectionError
except OSError as error:
    print(error.strerror)
"""
    out, err = child(folder, code).communicate(timeout=60)
    assert (out.strip(), err) == ("File too large", "")
    assert list((folder.hidden / "staging").iterdir()) == []


@pytest.mark.parametrize("wait", [0.0, 0.013, 0.05])
def test_a_kill_at_any_moment_leaves_a_whole_object_with_its_own_attributes(folder: Folder, wait: float) -> None:
    code = """
for n in range(1_000_000):
    put(bytes([n % 251]) * 300_000, str(n % 251))
    print(n, flush=True)
"""
    process = child(folder, code)
    assert process.stdout
    process.stdout.readline()
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = Folder(folder.root)
    data = read(again, "a")
    assert data == bytes([int(again.head("mine", "a").etag)]) * 300_000
    assert list(again.keys("mine")) == ["a"]


async def test_obstore_and_we_see_the_same_objects(folder: Folder) -> None:
    settings = SimpleNamespace(home=folder.root.parent, objects_url="", objects_endpoint="", region="us-east-1")
    objects = Objects(settings)  # type: ignore[arg-type]
    await asyncio.to_thread(put, folder, "a/ü b", b"from the door")
    await objects.put("s3://mine/a/c", b"from a job")
    assert await objects.get("s3://mine/a/ü b") == b"from the door"
    assert [info.url for info in await objects.list("s3://mine/")] == ["s3://mine/a/c", "s3://mine/a/ü b"]
    assert list(folder.keys("mine")) == ["a/c", "a/ü b"]
    assert read(folder, "a/c") == b"from a job"
    (folder.root / "mine" / "half#1").write_bytes(b"obstore writes this")
    assert list(folder.keys("mine")) == ["a/c", "a/ü b"]
    assert [name for name, _ in folder.buckets()] == ["mine"]


KEYS = st.sets(
    st.lists(st.text(alphabet="ab-./ü!", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(KEYS, st.text(alphabet="ab-./ü", max_size=4), st.text(alphabet="ab-./ü", max_size=5))
def test_keys_come_in_the_order_of_their_bytes(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], prefix: str, after: str
) -> None:
    folder = Folder(tmp_path_factory.mktemp("keys") / "objects")
    folder.create_bucket("mine")
    for key in sorted(keys):
        try:
            put(folder, key)
        except (BadKey, Misplaced):
            keys = keys - {key}
    wanted = sorted((k for k in keys if k.startswith(prefix) and k.encode() > after.encode()), key=str.encode)
    assert list(folder.keys("mine", prefix, after)) == wanted
    at = len(prefix)
    shown = {k[: k.index("/", at) + 1] if "/" in k[at:] else k for k in wanted}
    shown = {name for name in shown if name.encode() > after.encode() or after.startswith(name)} - {after}
    assert list(folder.keys("mine", prefix, after, folders=True)) == sorted(shown, key=str.encode)
