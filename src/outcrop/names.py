"""Ids and ARNs of what the service makes for its callers.

Knows nothing of the things themselves.
"""

from __future__ import annotations

import re
import secrets
import string

from .config import Settings

ALPHABET = string.ascii_lowercase + string.digits
FINE_TUNED, ORGANISATION = "ft:", "outcrop"
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]{0,20}:[0-9]{0,12}:([a-z-]+)/(?:.+/)?([^/]+)")


def new_id() -> str:
    """Twelve lower-case letters and digits, as the service models ask of ids inside ARNs."""
    return "".join(secrets.choice(ALPHABET) for _ in range(12))


def arn(settings: Settings, kind: str, *path: str) -> str:
    """`arn:aws:bedrock:us-east-1:000000000000:custom-model/...`."""
    return f"arn:aws:bedrock:{settings.region}:{settings.account_id}:{kind}/{'/'.join(path)}"


def fine_tuned(base: str, suffix: str, id: str) -> str:
    """`ft:outcrop.pebble-v1:outcrop:support:ID`: how OpenAI's API names what a job of this id made."""
    return f"{FINE_TUNED}{base}:{ORGANISATION}:{suffix}:{id}"


def fine_tuned_id(name: str) -> str | None:
    """The id at the end of such a name; None for any other name."""
    return name.rpartition(":")[2] if name.startswith(FINE_TUNED) else None


def kind_of(identifier: str) -> str | None:
    """What an ARN is of (`custom-model`); None for what is no ARN of an account's own things."""
    found = _ARN.fullmatch(identifier)
    return found[1] if found else None


def id_in(identifier: str, kind: str) -> str | None:
    """The id at the end of an ARN of this kind; None for anything else."""
    found = _ARN.fullmatch(identifier)
    return found[2] if found and found[1] == kind else None
