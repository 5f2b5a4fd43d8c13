"""Dialects: other APIs' bodies read into a turn and written from a reply; three pure functions a file.

To add a model family: one file with `read`, `write` and `stream`, and one line here.
"""

from __future__ import annotations

from types import ModuleType

from . import anthropic

DIALECTS: dict[str, ModuleType] = {"anthropic": anthropic}
"""Model family -> the dialect of its InvokeModel body."""
