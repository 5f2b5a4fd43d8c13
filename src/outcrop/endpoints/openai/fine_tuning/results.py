"""The file that a fine-tuning job leaves among the files: its metrics.

Knows nothing of requests: it is written when a job ends.
"""

from __future__ import annotations

import time
from contextlib import suppress

from ....errors import ConflictException
from ....jobs.folder import JobFolder
from ....services import Services
from ....store.resources import Resource
from .. import files
from .shown import result_file, results


async def deliver(services: Services, job: Resource, folder: JobFolder) -> None:
    """Keep the job's metrics as a file. Doing it twice does no harm."""
    content, id = results(folder.events()), result_file(job)
    await files.keep(services, id, content)
    made = files.record(id, len(content), "step_metrics.csv", "fine-tune-results", int(time.time()), None)
    with suppress(ConflictException):
        await services.resources.create(files.KIND, id, made)
