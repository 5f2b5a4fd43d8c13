"""What is made once, shared by every request and closed once.

Knows the parts by type only; `app.py` puts them together.
"""

from __future__ import annotations

from dataclasses import dataclass

from .asynchronous import AsyncInvokes
from .catalog import Catalog
from .config import Settings
from .custom import Deployments, Imports
from .engines.pool import Engines
from .inference import Inference
from .invocation_log import InvocationLog
from .jobs.supervisor import Jobs
from .keys import Keys
from .store.objects import Objects
from .store.records import Records
from .store.resources import Resources
from .telemetry import Telemetry


@dataclass(slots=True)
class Services:
    settings: Settings
    records: Records
    resources: Resources
    keys: Keys
    catalog: Catalog
    engines: Engines
    objects: Objects
    inference: Inference
    telemetry: Telemetry
    invocation_log: InvocationLog
    jobs: Jobs
    deployments: Deployments
    imports: Imports
    async_invokes: AsyncInvokes
