"""What bodies of several families have in common: how a fault in one is told.

Is no dialect and knows none.
"""

from __future__ import annotations

from ..errors import ValidationException


def malformed(what: str) -> ValidationException:
    """Bedrock's words for a body that a model family cannot take."""
    return ValidationException(f"Malformed input request: {what}, please reformat your input and try again.")
