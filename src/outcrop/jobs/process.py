"""One worker process: started on a job's folder, asked to leave, ended when it does not.

Knows nothing of what it trains. The worker dies with the server: it reads its stdin and leaves at its end.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from .folder import JobFolder

GRACE_S = 20.0
"""How long a worker may take to write a checkpoint after it was asked to leave."""


class Worker:
    """A running worker."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self.pid = child.pid

    @classmethod
    async def start(cls, command: Sequence[str], folder: JobFolder) -> Worker:
        """Run `command FOLDER`; its words go to the folder's log. OSError when it cannot be started."""
        with folder.log.open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *command,
                str(folder.path),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"},
            )
        return cls(child)

    async def wait(self) -> int:
        """The exit status; negative for a signal."""
        return await self._child.wait()

    async def stop(self) -> None:
        """Ask it to leave; end it, and all that it started, when it does not within GRACE_S."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE_S):
                await self._child.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._child.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self._child.returncode is None:
                os.killpg(self.pid, number)
