"""Models that callers made: customised, imported or copied, and the names under which they answer.

Nothing here trains (jobs do) and nothing runs (engines do).
"""

from .deployments import Deployments, fresh, wanting
from .imports import COPY, IMPORT, Imports
from .serving import DEPLOYMENT, IMPORTED, PROVISIONED, UNIT, CustomModels

__all__ = [
    "COPY",
    "DEPLOYMENT",
    "IMPORT",
    "IMPORTED",
    "PROVISIONED",
    "UNIT",
    "CustomModels",
    "Deployments",
    "Imports",
    "fresh",
    "wanting",
]
