"""Clients that hang up in the middle of a request that changes records."""

from __future__ import annotations

import asyncio
from typing import Any

from outcrop.call import Call

from .test_gateway import Door


async def test_what_changes_records_goes_on_to_its_end_when_its_client_leaves() -> None:
    started, going, done, hang_up = (asyncio.Event() for _ in range(4))

    async def stop(call: Call, request: Any) -> Any:
        started.set()
        await going.wait()
        done.set()
        return {}

    door = Door(("bedrock", "StopModelCustomizationJob"), stop)
    path = "/model-customization-jobs/some-job/stop"
    task = asyncio.create_task(door.client("POST", path, b"", hang_up=hang_up))
    await asyncio.wait_for(started.wait(), 20)
    hang_up.set()
    await asyncio.sleep(0.2)  # the watch for hang-ups begins after 0.02 s
    going.set()
    await asyncio.wait_for(task, 20)
    assert done.is_set()
    ((_, status, _),) = door.finished
    assert status == 200
