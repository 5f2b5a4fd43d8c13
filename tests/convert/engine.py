"""A bare llama.cpp server for the converter's tests: what it makes of a GGUF file, asked over HTTP.

Knows nothing of Outcrop's own engines.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.llama_child import llama


class Engine:
    def __init__(self, address: str) -> None:
        self.address = address

    def post(self, path: str, body: dict[str, Any]) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def greedy(self, prompt: str | list[int], count: int, **fields: Any) -> dict[str, Any]:
        """`count` greedy tokens after `prompt`: {"content", "tokens", ...}."""
        body = {"prompt": prompt, "n_predict": count, "temperature": 0, "return_tokens": True, "cache_prompt": False}
        return self.post("/completion", body | fields)

    def tokenize(self, text: str, **fields: Any) -> list[int]:
        return self.post("/tokenize", {"content": text, **fields})["tokens"]


EXACT = {
    "cache_type_k": ["ggml_type", "GGML_TYPE_F32"],  # keeps near ties apart
    "cache_type_v": ["ggml_type", "GGML_TYPE_F32"],
    "flash_attn_type": ["llama_flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_DISABLED"],
}


@contextmanager
def serve(model: Path, context: int = 512) -> Iterator[Engine]:
    with llama(model, n_ctx=context, n_parallel=1, **EXACT) as address:
        yield Engine(address)
