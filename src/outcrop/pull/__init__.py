"""Models from a Hugging Face hub: `pull` fetches a repository's files and makes one GGUF file of them.

Knows nothing of the catalog.
"""

from .download import Progress, PullError
from .progress import ProgressBar
from .repository import Pulled, pull

__all__ = ["Progress", "ProgressBar", "PullError", "Pulled", "pull"]
