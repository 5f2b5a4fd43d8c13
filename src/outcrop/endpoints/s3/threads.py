"""Threads for what blocks on the disk: the door's own, so that big uploads starve nobody else's.

Knows nothing of what it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

_POOL = ThreadPoolExecutor(16, "s3")


async def blocking(function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
    """Run a function that blocks, without holding up the loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_POOL, lambda: function(*args, **kwargs))
