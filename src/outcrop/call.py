"""One request in flight, as everything below the wire sees it.

Knows nothing of HTTP or of the service models.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .services import Services


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls. `key_id` is an access key id or an API key's id; `anonymous` with auth off."""

    key_id: str = "anonymous"
    arn: str = "arn:aws:iam::000000000000:user/anonymous"


@dataclass(slots=True)
class Call:
    """One request in flight: its names, its caller, the services it may use, and what it leaves for the log."""

    operation: str
    service: str
    request_id: str
    services: Services
    identity: Identity = field(default_factory=Identity)
    headers: Mapping[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    note: dict[str, Any] = field(default_factory=dict)
