"""What the header of a GGUF file says about its model, read without loading weights or vocabulary.

Knows nothing of engines; a file is untrusted: whatever is wrong with it is a ValueError that names the file.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
KEPT_ARRAY = 1024
"""Numeric arrays up to this length are kept (a value for each layer); longer ones are vocabulary and skipped."""
MOST_DIMENSIONS, MOST_ENTRIES, LONGEST_NAME, LONGEST_STRING = 8, 1 << 20, 1 << 16, 1 << 22
FILE_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 12: "Q3_K_M",
              14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 32: "BF16", 38: "MXFP4"}  # fmt: skip
"""`general.file_type` of the usual packings (llama.h, enum llama_ftype)."""


@dataclass(frozen=True, slots=True)
class GgufInfo:
    """One model as its file describes it; 0 and "" where the file is silent."""

    path: Path
    size_bytes: int
    """All shards together."""
    parameters: int
    """Elements of all tensors."""
    metadata: dict[str, Any]
    """Every scalar, string and short numeric array."""

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    @property
    def type(self) -> str:
        """`model`, `adapter` (a LoRA) or `mmproj` (a vision or audio projector)."""
        return "mmproj" if self.architecture == "clip" else str(self.metadata.get("general.type", "model"))

    @property
    def name(self) -> str:
        return str(self.metadata.get("general.name", ""))

    @property
    def quantization(self) -> str:
        return FILE_TYPES.get(self.metadata.get("general.file_type", -1), "")

    @property
    def chat_template(self) -> str:
        return str(self.metadata.get("tokenizer.chat_template", ""))

    @property
    def has_vision(self) -> bool:
        """True for a projector that carries a vision encoder (a model's own file never does)."""
        own = self.metadata.get("clip.has_vision_encoder", "clip.vision.block_count" in self.metadata)
        return self.type == "mmproj" and bool(own)

    @property
    def context_length(self) -> int:
        return self.number("context_length")

    @property
    def pooling(self) -> int:
        """llama.cpp's pooling type: 0 none (a chat model), 1-3 embeddings, 4 a reranker."""
        return self.number("pooling_type")

    def number(self, key: str, default: int = 0) -> int:
        """A whole number under the architecture's prefix; the largest where layers differ."""
        return max(self._numbers(key), default=default)

    def _numbers(self, key: str) -> list[int]:
        value = self.metadata.get(f"{self.architecture}.{key}")
        return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, int)]

    @property
    def causal(self) -> bool:
        """False for an encoder, which reads a text whole and keeps no key/value cache."""
        return self.metadata.get(f"{self.architecture}.attention.causal") is not False

    def kv_bytes_per_token(self) -> int:
        """Bytes of 16-bit key/value cache that one token of context takes, sliding windows not deducted."""
        if not self.causal:
            return 0
        heads = self.number("attention.head_count", 1) or 1
        width = self.number("embedding_length") // heads
        each = self.number("attention.key_length", width) + self.number("attention.value_length", width)
        return 2 * each * sum(self._kv_heads(heads))

    def _kv_heads(self, heads: int) -> list[int]:
        """Key/value heads of each layer; hybrids give an array (0 where a layer keeps no cache)."""
        given = self._numbers("attention.head_count_kv") or [heads]
        return given if len(given) > 1 else given * min(self.number("block_count"), KEPT_ARRAY)


def read_info(path: str | Path) -> GgufInfo:
    """Read the header of `path` and of its further shards. Raises ValueError, or OSError where it cannot be opened."""
    path = Path(path)
    metadata, parameters = _read(path)
    others = [p for p in _shards(path, metadata) if p != path]
    parameters += sum(_read(p)[1] for p in others)
    return GgufInfo(path, sum(p.stat().st_size for p in [path, *others]), parameters, metadata)


def read_vocabulary(path: Path) -> list[str]:
    """The texts of all tokens, in order of their ids. Raises ValueError, or OSError where it cannot be opened."""
    with _opened(path) as data:
        cursor = _Cursor(data, 4)
        _version, _tensors, entries = cursor.take("I"), cursor.take("Q"), cursor.take("Q")
        for _ in range(min(entries, MOST_ENTRIES)):
            if cursor.name() == "tokenizer.ggml.tokens":
                return cursor.strings()
            cursor.value(cursor.take("I"))
    raise ValueError(f"{path}: no vocabulary")


def _shards(path: Path, metadata: dict[str, Any]) -> list[Path]:
    """The files of a split model (`name-00001-of-00003.gguf`), or the one file."""
    split = re.fullmatch(r"(.*-)00001-of-(\d{5})\.gguf", path.name)
    if not split or int(metadata.get("split.count", 0)) < 2:
        return [path]
    shards = [path.with_name(f"{split[1]}{i:05}-of-{split[2]}.gguf") for i in range(1, int(split[2]) + 1)]
    if missing := [p.name for p in shards if not p.is_file()]:
        raise ValueError(f"{path}: missing part {missing[0]}")
    return shards


def _read(path: Path) -> tuple[dict[str, Any], int]:
    with _opened(path) as data:
        return _header(_Cursor(data, 4))


@contextmanager
def _opened(path: Path) -> Iterator[mmap.mmap]:
    """The bytes of a GGUF file; what goes wrong in reading them is a ValueError that names the file."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path}: not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                yield data
            except (ValueError, struct.error, OverflowError) as error:
                raise ValueError(f"{path}: broken GGUF header: {error}") from None


def _header(cursor: _Cursor) -> tuple[dict[str, Any], int]:
    """Metadata and parameter count. Layout: version, tensor count, entry count, entries, tensor descriptions."""
    version, tensors, entries = cursor.take("I"), cursor.take("Q"), cursor.take("Q")
    if version not in (2, 3):
        raise ValueError(f"version {version & 0xFFFF} is not 2 or 3 (or the file is big-endian)")
    if max(tensors, entries) > MOST_ENTRIES:
        raise ValueError(f"{max(tensors, entries)} entries")
    pairs = ((cursor.name(), cursor.value(cursor.take("I"))) for _ in range(entries))
    metadata = {key: value for key, value in pairs if value is not None}
    return metadata, sum(_elements(cursor) for _ in range(tensors))


def _elements(cursor: _Cursor) -> int:
    """Skip one tensor's description (name, shape, type, offset) and return its element count."""
    cursor.name()
    dimensions = cursor.take("I")
    if dimensions > MOST_DIMENSIONS:
        raise ValueError(f"a tensor of {dimensions} dimensions")
    shape = [cursor.take("Q") for _ in range(dimensions)]
    cursor.skip(4 + 8)
    return math.prod(shape)


class _Cursor:
    """A position in the bytes; reading past the end is a ValueError."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self.data, self.at = data, at

    def skip(self, size: int) -> int:
        """Step over `size` bytes and return where they began."""
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise ValueError(f"the file ends at byte {len(self.data)}, {self.at} were announced")
        return start

    def take(self, code: str) -> Any:
        return struct.unpack_from(f"<{code}", self.data, self.skip(struct.calcsize(f"<{code}")))[0]

    def name(self) -> str:
        size = self.take("Q")
        if size > LONGEST_NAME:
            raise ValueError(f"a name of {size} bytes")
        return self.text(size)

    def text(self, size: int) -> str:
        start = self.skip(size)
        return self.data[start : start + size].decode("utf-8", "replace")

    def string(self) -> str | None:
        size = self.take("Q")
        if size <= LONGEST_STRING:
            return self.text(size)
        self.skip(size)
        return None

    def value(self, kind: int) -> Any:
        """One value, or None for one too long to keep."""
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            return self.array(self.take("I"), self.take("Q"))
        return self.take(_code(kind))

    def array(self, kind: int, count: int) -> list[Any] | None:
        if kind == STRING:
            return self.skip_strings(count)
        start = self.skip(count * struct.calcsize(f"<{_code(kind)}"))
        return list(struct.unpack_from(f"<{count}{_code(kind)}", self.data, start)) if count <= KEPT_ARRAY else None

    def strings(self) -> list[str]:
        """An array of strings, kept; `value` would skip it."""
        kind, inner, count = self.take("I"), self.take("I"), self.take("Q")
        if (kind, inner) != (ARRAY, STRING) or count * 8 > len(self.data) - self.at:
            raise ValueError("the vocabulary is no array of strings that fits in the file")
        return [self.text(self.take("Q")) for _ in range(count)]

    def skip_strings(self, count: int) -> None:
        """Walk over a vocabulary; written flat, for it runs 300,000 times on a big one."""
        data, at, end, read = self.data, self.at, len(self.data), struct.Struct("<Q").unpack_from
        if count * 8 > end - at:
            raise ValueError(f"an array of {count} strings does not fit in the file")
        for _ in range(count):
            at += 8 + read(data, at)[0]
            if at > end:
                raise ValueError("the file ends inside a string array")
        self.at = at


def _code(kind: int) -> str:
    if kind not in SCALARS:
        raise ValueError(f"value type {kind}")
    return SCALARS[kind]
