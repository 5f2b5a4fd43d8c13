"""Ids that must be unique and are no secret: made without asking the system for randomness, which costs more than all
the rest of one.

Knows nothing of what they name.
"""

from __future__ import annotations

import random
from uuid import UUID

_random = random.Random()


def uuid() -> str:
    """A random UUID."""
    return str(UUID(int=_random.getrandbits(128), version=4))


def digits(count: int) -> str:
    """Hexadecimal digits."""
    return f"{_random.getrandbits(4 * count):0{count}x}"
