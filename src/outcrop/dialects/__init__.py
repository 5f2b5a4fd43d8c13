"""Dialects: other APIs' bodies read into a turn and written from a reply; three pure functions a file.

    read(body) -> dict       the turn as Converse's own JSON (blobs in base64): what it holds is checked where any
                             Converse request is checked, by the service model
    write(reply, model_id) -> dict
    stream(deltas, model_id) -> AsyncGenerator[dict]

To add a model family: one file with `read`, `write` and `stream`, and one line here.
"""

from __future__ import annotations

from types import ModuleType

from . import anthropic

DIALECTS: dict[str, ModuleType] = {"anthropic": anthropic}
"""Model family -> the dialect of its InvokeModel body."""
