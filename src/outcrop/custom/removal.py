"""Models that callers made, deleted with all their files: a kill at any moment leaves a model or nothing.

Knows nothing of what leans on a model. Its folder is set aside under another name before its record goes, and removed
after it: what a later server finds set aside, it removes to the end.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

from ..errors import ResourceNotFoundException, ServiceUnavailableException
from ..store.resources import Resources

ASIDE = ".{}.deleted"


async def remove(resources: Resources, kind: str, id: str, place: Path) -> None:
    """Forget a model whose files lie in `place`. ServiceUnavailableException leaves it as it was."""
    aside = place.with_name(ASIDE.format(id))
    _rename(place, aside)
    try:
        await resources.delete(kind, id)
    except ServiceUnavailableException:
        _rename(aside, place)
        raise
    await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)


async def remove_rest(resources: Resources, kind: str, root: Path) -> None:
    """Go on with the deletions that an earlier server had begun."""
    for aside in await asyncio.to_thread(lambda: [*root.glob(ASIDE.format("*"))]):
        with suppress(ResourceNotFoundException):
            await resources.delete(kind, aside.name.split(".")[1])
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)


def _rename(source: Path, target: Path) -> None:
    """A model without files has an empty folder."""
    try:
        os.rename(source, target)
    except FileNotFoundError:
        target.mkdir(parents=True, exist_ok=True)
