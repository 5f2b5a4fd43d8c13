"""Models that callers made: customised, imported or copied, and the names under which they answer.

Nothing here trains (jobs do) and nothing runs (engines do).
"""

from .deployments import Deployments, fresh, wanting
from .serving import DEPLOYMENT, IMPORTED, PROVISIONED, CustomModels

__all__ = ["DEPLOYMENT", "IMPORTED", "PROVISIONED", "CustomModels", "Deployments", "fresh", "wanting"]
