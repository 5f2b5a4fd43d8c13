"""Objects: URLs that must not pass, stores that fail, writers that collide or die; then the plain use."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import obstore
import pytest
from aiohttp import web

from outcrop.errors import ResourceNotFoundException, ServiceUnavailableException, ValidationException
from outcrop.store.objects import Objects, parse


def settings(home: Path, **knobs: str) -> Any:
    return SimpleNamespace(**{"home": home, "objects_url": "", "objects_endpoint": "", "region": "us-east-1"} | knobs)


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    made = Objects(settings(tmp_path))
    made.create_bucket("logs")
    return made


BAD = [
    "",
    "logs/a",
    "http://logs/a",
    "S3://logs/a",
    "s3://",
    "s3:///a",
    "s3://..",
    "s3://../a",
    "s3://logs/",
    "s3://logs",
    "s3://LOGS/a",
    "s3://lo/a",
    "s3://-logs/a",
    "s3://a..b/c",
    "s3://logs%2f..%2fx/a",
    "s3://logs/../a",
    "s3://logs/a/../../b",
    "s3://logs/a/..",
    "s3://logs/./a",
    "s3://logs//a",
    "s3://logs/a//b",
    "s3://logs/a/",
    "s3://logs//etc/passwd",
    "s3://logs/a\x00b",
    "s3://logs/a\nb",
    "s3://logs/a#1",
    "s3://logs/\ud800",
    "s3://logs/" + "x" * 256,
    "s3://logs/" + "x/" * 600 + "x",
]


@pytest.mark.parametrize("url", BAD)
async def test_a_bad_url_is_refused_and_touches_nothing(objects: Objects, url: str) -> None:
    for act in (objects.put(url, b"x"), objects.get(url), objects.head(url), objects.delete(url)):
        with pytest.raises(ValidationException):
            await act
    assert [path for path in objects.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("key", ["%2e%2e/x", "..%2f..%2fx", "~root", "a\\..\\b", "...", "a b", "ü", "a?b=c", ".hidden"])
async def test_odd_keys_stay_inside_their_bucket(objects: Objects, key: str) -> None:
    await objects.put(f"s3://logs/{key}", b"x")
    assert [info.url for info in await objects.list("s3://logs/")] == [f"s3://logs/{key}"]
    assert all(path.is_relative_to(objects.root / "logs") for path in objects.root.rglob("*") if path.is_file())


async def test_a_missing_bucket_and_a_missing_key_say_so(objects: Objects) -> None:
    for act in (
        objects.put("s3://nope/a", b""),
        objects.get("s3://nope/a"),
        objects.list("s3://nope/"),
        objects.delete("s3://nope/a"),
    ):
        with pytest.raises(ResourceNotFoundException, match="bucket does not exist: nope"):
            await act
    for act in (objects.get("s3://logs/a/b"), objects.head("s3://logs/a")):
        with pytest.raises(ResourceNotFoundException, match="key does not exist"):
            await act
    await objects.delete("s3://logs/a")
    assert await objects.list("s3://logs/a/b") == []


async def test_a_key_that_is_a_folder(objects: Objects) -> None:
    await objects.put("s3://logs/a/b", b"x")
    for url in ("s3://logs/a", "s3://logs/a/b/c"):
        with pytest.raises(ValidationException, match="beside"):
            await objects.put(url, b"y")
        with pytest.raises(ResourceNotFoundException):
            await objects.get(url)
    assert await objects.get("s3://logs/a/b") == b"x"


async def test_a_missing_source_file_is_its_callers_error(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await objects.put("s3://logs/a", tmp_path / "nope")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_an_unwritable_bucket(objects: Objects) -> None:
    (objects.root / "logs").chmod(0o500)
    with pytest.raises(ServiceUnavailableException, match="denied"):
        await objects.put("s3://logs/a", b"x")


CHILD = """
import asyncio, resource, sys
from pathlib import Path
from types import SimpleNamespace
from outcrop.store.objects import Objects
objects = Objects(SimpleNamespace(home=Path(sys.argv[1]), objects_url="", objects_endpoint="", region="us-east-1"))
"""


def child(home: Path, code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD + code, str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_a_full_disk_keeps_the_old_object(objects: Objects, tmp_path: Path) -> None:
    await objects.put("s3://logs/a", b"old")
    code = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    asyncio.run(objects.put("s3://logs/a", bytes(100_000)))
except Exception as error:
    print(type(error).__name__)
"""
    out, err = child(tmp_path, code).communicate(timeout=60)
    assert (out.strip(), err) == ("ServiceUnavailableException", "")
    assert await objects.get("s3://logs/a") == b"old"
    assert [info.url for info in await objects.list("s3://logs/")] == ["s3://logs/a"]


async def test_a_kill_in_mid_write_leaves_a_whole_object(objects: Objects, tmp_path: Path) -> None:
    code = """
async def main():
    for n in range(1_000_000):
        await objects.put("s3://logs/a", bytes([n % 251]) * 4_000_000)
        print(n, flush=True)
asyncio.run(main())
"""
    process = child(tmp_path, code)
    assert process.stdout
    await asyncio.to_thread(process.stdout.readline)
    await asyncio.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    data = await objects.get("s3://logs/a")
    assert len(data) == 4_000_000
    assert len(set(data)) == 1
    assert [info.url for info in await objects.list("s3://logs/")] == ["s3://logs/a"]


async def test_two_writers_at_once_leave_one_whole_object(objects: Objects) -> None:
    bodies = [bytes([n]) * 300_000 for n in range(8)]
    await asyncio.gather(*(objects.put("s3://logs/a", body) for body in bodies))
    assert await objects.get("s3://logs/a") in bodies


async def test_a_fetch_that_fails_leaves_no_file(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(ResourceNotFoundException):
        await objects.fetch("s3://logs/gone", tmp_path / "copy")
    assert os.listdir(tmp_path) == ["objects"]


async def test_a_store_that_breaks_off_in_the_middle(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        async def pieces(self) -> AsyncIterator[bytes]:
            yield b"some"
            raise OSError("connection reset")

        def stream(self, min_chunk_size: int) -> AsyncIterator[bytes]:
            return self.pieces()

    async def get(*_: Any) -> Broken:
        return Broken()

    monkeypatch.setattr(obstore, "get_async", get)
    with pytest.raises(ServiceUnavailableException, match="connection reset"):
        await objects.fetch("s3://logs/a", tmp_path / "copy")
    assert os.listdir(tmp_path) == ["objects"]


async def test_a_fetch_brings_a_large_object_whole(objects: Objects, tmp_path: Path) -> None:
    data = os.urandom(9 << 20)
    await objects.put("s3://logs/large", data)
    await objects.fetch("s3://logs/large", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


async def test_put_list_head_get_delete(objects: Objects, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"123")
    await objects.put("s3://logs/b/2", tmp_path / "source")
    await objects.put("s3://logs/b/1", b"")
    await objects.put("s3://logs/bc", b"x")
    assert [info.url for info in await objects.list("s3://logs/b")] == [
        "s3://logs/b/1",
        "s3://logs/b/2",
        "s3://logs/bc",
    ]
    assert [info.url for info in await objects.list("s3://logs/b/")] == ["s3://logs/b/1", "s3://logs/b/2"]
    assert (await objects.head("s3://logs/b/2")).size == 3
    assert await objects.get("s3://logs/b/2") == b"123"
    await objects.delete("s3://logs/b/2")
    assert [info.url for info in await objects.list("s3://logs/b/")] == ["s3://logs/b/1"]


def test_parse_splits() -> None:
    assert str(parse("s3://a.b-c/d/e f")) == "s3://a.b-c/d/e f"
    assert parse("s3://abc", prefix=True).key == ""
    assert parse("s3://abc/d/", prefix=True).key == "d/"


def test_a_wrong_objects_url_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="objects_url"):
        Objects(settings(tmp_path, objects_url="gs://x"))


KEPT = web.AppKey("kept", dict[str, bytes])


async def s3_stub(request: web.Request) -> web.Response:
    """As much of S3 as put, get, head and delete need, for the bucket `logs` and signed requests only."""
    kept, key = request.app[KEPT], request.path
    if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 Credential=AKIDTEST/"):
        return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
    if request.method == "POST" and "delete" in request.query:  # obstore deletes in bulk, even one object
        names = re.findall("<Key>(.*?)</Key>", await request.text())
        for name in names:
            kept.pop(f"/logs/{name}", None)
        gone = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
        return web.Response(text=f"<DeleteResult>{gone}</DeleteResult>")
    if not key.startswith("/logs/"):
        return web.Response(status=404, text="<Error><Code>NoSuchBucket</Code></Error>")
    if request.method == "PUT":
        kept[key] = await request.read()
        return web.Response(headers={"ETag": '"1"'})
    if key not in kept:
        return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
    headers = {"ETag": '"1"', "Last-Modified": "Sat, 21 Nov 2026 22:00:00 GMT"}
    return web.Response(body=kept[key], headers=headers)


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    app = web.Application()
    app[KEPT] = {}
    app.router.add_route("*", "/{key:.*}", s3_stub)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_an_s3_endpoint_by_configuration(tmp_path: Path, endpoint: str) -> None:
    objects = Objects(settings(tmp_path, objects_url="s3://", objects_endpoint=endpoint))
    await objects.put("s3://logs/a/%2e b", b"x")
    assert await objects.get("s3://logs/a/%2e b") == b"x"
    assert (await objects.head("s3://logs/a/%2e b")).size == 1
    await objects.delete("s3://logs/a/%2e b")
    with pytest.raises(ResourceNotFoundException, match="key does not exist"):
        await objects.get("s3://logs/a/%2e b")
    with pytest.raises(ResourceNotFoundException, match="bucket does not exist"):
        await objects.get("s3://other/a")
    with pytest.raises(ValidationException, match="made there"):
        objects.create_bucket("logs")
    assert not objects.root.exists()


async def test_an_endpoint_that_refuses_us(tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
    objects = Objects(settings(tmp_path, objects_url="s3://", objects_endpoint=endpoint))
    with pytest.raises(ServiceUnavailableException):
        await objects.put("s3://logs/a", b"x")
