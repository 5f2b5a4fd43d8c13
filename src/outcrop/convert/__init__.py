"""From model folders to GGUF files: `convert` for Hugging Face folders, `convert_llama2c` for llama2.c files.

Knows nothing of the catalog, of downloading or of engines. Every fault of the input is a ValueError that names the
file and what is wrong; nothing in a folder is ever executed or unpickled.
"""

from .bert import SEQUENCE_LENGTH
from .huggingface import convert, is_encoder
from .llama2c import convert_llama2c

__all__ = ["SEQUENCE_LENGTH", "convert", "convert_llama2c", "is_encoder"]
