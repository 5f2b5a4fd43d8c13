"""The invocation log under failure: full disks, lost stores, kills, two at once; then the plain way through."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outcrop.config import Settings
from outcrop.errors import ThrottlingException
from outcrop.invocation_log import InvocationLog
from outcrop.invocation_log import log as module
from outcrop.store.objects import Objects
from outcrop.store.records import Records

from .conftest import GROUP, S3, call, counted, delivered


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["requestId"] for record in records]


async def arrival(objects: Objects, number: int) -> None:
    for _ in range(200):
        if len(await delivered(objects)) == number:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not {number} records in 10 seconds")


async def test_off_takes_nothing(log: InvocationLog, objects: Objects) -> None:
    assert not log.enabled
    log.record(call())
    await log.flush()
    assert await delivered(objects) == []
    assert not log.spool.folder.exists()


async def test_a_lost_bucket_delays_and_loses_nothing(log: InvocationLog, objects: Objects) -> None:
    await log.configure(S3)
    shutil.rmtree(objects.root / "logs")
    for number in range(3):
        log.record(call(number))
        await log.flush()
    assert counted(log, "failed")[()] < 6  # a try for each batch in each round would be at least 1 + 2 + 3
    objects.create_bucket("logs")
    await log.flush()
    assert ids(await delivered(objects)) == ["id-0", "id-1", "id-2"]
    assert log.spool.sealed() == []


async def test_one_destination_that_fails_does_not_repeat_the_other(
    log: InvocationLog, objects: Objects, settings: Settings
) -> None:
    await log.configure(S3 | GROUP)
    shutil.rmtree(objects.root / "logs")
    log.record(call())
    for _ in range(3):
        await log.flush()
    objects.create_bucket("logs")
    await log.flush()
    assert len(await delivered(objects)) == 1
    assert len((settings.home / "logs/aws/bedrock/x.jsonl").read_bytes().splitlines()) == 1


async def test_memory_is_bounded(log: InvocationLog, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENDING_LIMIT", 2000)
    await log.configure(S3)
    for number in range(20):
        log.record(call(number))
    dropped = counted(log, "dropped")[("memory",)]
    await log.flush()
    kept = ids(await delivered(objects))
    assert 0 < len(kept) < 20
    assert kept == [f"id-{number}" for number in range(len(kept))]
    assert len(kept) + dropped == 20


async def test_the_spool_is_bounded(log: InvocationLog, objects: Objects) -> None:
    await log.configure(S3)
    log.spool.limit = 10
    log.record(call())
    await log.flush()
    assert counted(log, "dropped") == {("disk",): 1}
    log.spool.limit = 1 << 20
    log.record(call(2))
    await log.flush()
    assert ids(await delivered(objects)) == ["id-2"]


async def test_a_spool_that_cannot_be_written_never_fails_a_request(log: InvocationLog, settings: Settings) -> None:
    (settings.home / "spool").write_bytes(b"in the way")
    await log.configure(S3)
    log.record(call())
    await log.flush()
    assert counted(log, "dropped") == {("disk",): 1}


async def test_a_body_that_cannot_be_written_never_fails_a_request(log: InvocationLog) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    await log.configure(S3)
    log.record(call(inputBody={"x": Broken()}))
    assert counted(log, "dropped") == {("unreadable",): 1}


CHILD = """
import asyncio, resource, sys
from dataclasses import replace
from pathlib import Path
from outcrop.config import Settings
from outcrop.invocation_log import InvocationLog
from outcrop.store.objects import Objects
from outcrop.store.records import Records
from tests.invocation_log.conftest import S3, call
async def main():
    settings = Settings(home=Path(sys.argv[1]), drain_s=5.0)
    log = await InvocationLog.open(settings, await Records.open(settings.database), Objects(settings), flush_s=3600)
"""


def child(home: Path, code: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", f"{CHILD}{code}asyncio.run(main())\n", str(home)]
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


async def test_a_kill_loses_nothing_that_was_spooled(settings: Settings, records: Records, objects: Objects) -> None:
    code = """
    await log.configure(S3)
    for number in range(100_000):
        log.record(call(number))
        if number % 100 == 99:
            await log._write()
            print(number, flush=True)
"""
    process = child(settings.home, code)
    assert process.stdout
    for _ in range(5):
        said = await asyncio.to_thread(process.stdout.readline)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    log = await InvocationLog.open(settings, records, objects, flush_s=3600)
    await log.close()
    kept = ids(await delivered(objects))
    assert len(kept) > int(said)
    assert kept == [f"id-{number}" for number in range(len(kept))]
    assert log.spool.sealed() == []


async def test_a_full_disk_drops_whole_records(settings: Settings, records: Records, objects: Objects) -> None:
    code = """
    await log.configure(S3)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    for number in range(100):
        log.record(call(number))
        await log._write()
    print(int(log.counts.dropped._values[("disk",)]))
    sys.stdout.flush()
    import os; os._exit(0)
"""
    out, err = child(settings.home, code).communicate(timeout=60)
    assert "Traceback" not in err
    log = await InvocationLog.open(settings, records, objects, flush_s=3600)
    await log.close()
    kept = await delivered(objects)
    assert len(kept) > 10
    assert len(kept) + int(out) == 100
    assert counted(log, "dropped") == {}


async def test_a_torn_last_line_is_left_out(settings: Settings, records: Records, objects: Objects) -> None:
    first = await InvocationLog.open(settings, records, objects, flush_s=3600)
    await first.configure(S3)
    first.record(call())
    await first._write()
    (path,) = first.spool.sealed()
    with path.open("ab") as file:
        file.write(b'{"requestId":"id-2","inp')
    await first.close()
    assert ids(await delivered(objects)) == ["id-1"]
    assert counted(first, "dropped") == {("torn",): 1}


async def test_two_logs_on_one_home_deliver_each_record_once(
    settings: Settings, records: Records, objects: Objects
) -> None:
    one, two = [await InvocationLog.open(settings, records, objects, flush_s=3600) for _ in range(2)]
    await one.configure(S3 | GROUP)
    await two._reload()
    for number in range(50):
        (one, two)[number % 2].record(call(number))
        if number % 5 == 0:
            await asyncio.gather(one.flush(), two.flush())
    await asyncio.gather(one.close(), two.close())
    assert ids(await delivered(objects)) == [f"id-{number}" for number in range(50)]
    assert len((settings.home / "logs/aws/bedrock/x.jsonl").read_bytes().splitlines()) == 50


async def test_closing_gives_up_in_time(settings: Settings, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(settings)

    async def stuck(*_: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(objects, "put", stuck)
    quick = Settings(home=settings.home, drain_s=0.2)
    log = await InvocationLog.open(quick, records, objects, flush_s=3600)
    await log.configure(S3)
    log.record(call())
    async with asyncio.timeout(20):
        await log.close()
    assert len(log.spool.sealed()) == 1


async def test_records_arrive_by_themselves(settings: Settings, records: Records, objects: Objects) -> None:
    log = await InvocationLog.open(settings, records, objects, flush_s=0.05)
    await log.configure(S3)
    log.record(call())
    await arrival(objects, 1)
    await log.close()


async def test_a_large_batch_does_not_wait(
    log: InvocationLog, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEAL_SIZE", 1000)
    await log.configure(S3)
    for number in range(10):
        log.record(call(number))
    await arrival(objects, 10)


async def test_turning_it_off_delivers_what_was_taken(log: InvocationLog, objects: Objects) -> None:
    await log.configure(S3)
    log.record(call())
    await log.configure(None)
    assert not log.enabled
    await log.flush()
    assert ids(await delivered(objects)) == ["id-1"]


async def test_the_configuration_survives_a_restart(
    settings: Settings, records: Records, objects: Objects, log: InvocationLog
) -> None:
    await log.configure(S3)
    await log.configure(GROUP)
    again = await InvocationLog.open(settings, records, objects)
    assert again.config == GROUP
    await log.configure(None)
    await again._reload()
    assert not again.enabled
    await again.close()


async def test_an_error_is_recorded_with_its_code(log: InvocationLog, objects: Objects) -> None:
    await log.configure(S3)
    log.record(call(1), ThrottlingException("full"))
    log.record(call(2), KeyError("bug"))
    log.record(call(3), asyncio.CancelledError())
    await log.flush()
    codes = [record.get("errorCode") for record in await delivered(objects)]
    assert codes == ["ThrottlingException", "InternalServerException", None]
