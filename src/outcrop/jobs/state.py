"""A customization job's record as it changes: pure functions from one body to the next.

Knows nothing of where the record is kept. Times are seconds since the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

Body = dict[str, Any]
Edit = Callable[[Body], Body]

PHASES = {"validation": "validationDetails", "data_processing": "dataProcessingDetails", "training": "trainingDetails"}
"""The worker's name of a phase -> its member of statusDetails."""

UNFINISHED = ("InProgress", "Stopping")


def fresh(request: Mapping[str, Any], **members: Any) -> Body:
    """The record of a job that waits for its turn."""
    now = time.time()
    details = {
        member: {"status": "NotStarted", "creationTime": now, "lastModifiedTime": now} for member in PHASES.values()
    }
    return {**request, **members, "status": "InProgress", "statusDetails": details, "lastModifiedTime": now}


def phase(name: str, status: str) -> Edit:
    """A phase began or is done."""
    return lambda body: _touched(body, statusDetails=_with_phase(body["statusDetails"], PHASES[name], status))


def stopping(body: Body) -> Body:
    """Asked to stop; a job that has ended stays as it is."""
    return _touched(body, status="Stopping") if body["status"] == "InProgress" else body


def paused(body: Body) -> Body:
    """To leave its slot with a checkpoint and wait; only what is under way can."""
    return _touched(body, paused=True) if body["status"] == "InProgress" else body


def resumed(body: Body) -> Body:
    """As it was before it was paused, if it was."""
    left = {member: value for member, value in body.items() if member != "paused"}
    return _touched(left) if "paused" in body else body


def rests(body: Mapping[str, Any]) -> bool:
    """Whether it waits to be resumed."""
    return bool(body.get("paused")) and body["status"] == "InProgress"


def checked(body: Body) -> Body:
    """Its data can be used."""
    return _touched(body, checked=time.time())


def ended(status: str, **members: Any) -> Edit:
    """Completed, Failed or Stopped. What had not come to its end ends the same way."""

    def edit(body: Body) -> Body:
        details = body["statusDetails"]
        for member, phase in details.items():
            if phase["status"] in ("InProgress", "Stopping"):
                details = _with_phase(details, member, status)
        return _touched(resumed(body), status=status, endTime=time.time(), statusDetails=details, **members)

    return edit


def _with_phase(details: Body, member: str, status: str) -> Body:
    return {**details, member: {**details[member], "status": status, "lastModifiedTime": time.time()}}


def _touched(body: Body, **members: Any) -> Body:
    return {**body, **members, "lastModifiedTime": time.time()}
