"""Tiny models for tests: the maker lives with the engines, whose builds are probed with such a model too."""

from outcrop.engines.tiny_model import CHATML, tiny_gguf

__all__ = ["CHATML", "tiny_gguf"]
