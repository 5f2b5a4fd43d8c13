"""Writing one GGUF file: number formats, one tensor in memory at a time, whole or not at all.

Knows nothing of where the tensors come from.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

Quant = gguf.GGMLQuantizationType

DTYPES: dict[str, tuple[Quant, gguf.LlamaFileType]] = {
    "f32": (Quant.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (Quant.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bf16": (Quant.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (Quant.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}

SPACE_MARGIN = 32 * 1024 * 1024
"""Bytes beyond the tensors that must be free: the header and vocabulary, and some air."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor to be written: its GGUF name, its shape, and where its float32 values come from when asked."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    exact: bool = False
    """Stays float32 whatever the file's dtype: llama.cpp adds it to float32 activations."""


def check_dtype(dtype: str) -> None:
    """ValueError when `dtype` is none of DTYPES."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is unknown; known: {', '.join(DTYPES)}")


def write(out: Path, architecture: str, fill: Callable[[gguf.GGUFWriter], None], entries: Iterable[Entry],
          dtype: str) -> Path:  # fmt: skip
    """Write `out`: `fill` adds the metadata, then each entry is read, packed as `dtype` and written.

    Norms, biases and other vectors stay float32; rows that Q8_0's blocks of 32 do not divide become float16.
    The file appears under its name when all of it is on the disk; OSError when the disk is full.
    """
    check_dtype(dtype)
    plan = [(entry, Quant.F32 if entry.exact else _quant(entry.shape, DTYPES[dtype][0])) for entry in entries]
    out.parent.mkdir(parents=True, exist_ok=True)
    _check_space(out.parent, sum(_bytes(entry.shape, quant) for entry, quant in plan) + SPACE_MARGIN)
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent)
    os.close(handle)
    try:
        _write_file(Path(name), architecture, fill, plan, dtype)
        os.replace(name, out)
    finally:
        Path(name).unlink(missing_ok=True)
    return out


def _write_file(path: Path, architecture: str, fill: Callable[[gguf.GGUFWriter], None],
                plan: list[tuple[Entry, Quant]], dtype: str) -> None:  # fmt: skip
    writer = gguf.GGUFWriter(path, architecture)
    with contextlib.closing(writer):
        fill(writer)
        writer.add_file_type(DTYPES[dtype][1])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        for entry, quant in plan:
            _announce(writer, entry, quant)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for entry, quant in plan:
            writer.write_tensor_data(_pack(entry, quant))
        writer.flush()
    _settle(path)


def _announce(writer: gguf.GGUFWriter, entry: Entry, quant: Quant) -> None:
    # The writer takes the byte shape for packed types (marked by uint8) and the value shape for plain ones.
    packed = quant in (Quant.Q8_0, Quant.BF16)
    shape = gguf.quant_shape_to_byte_shape(entry.shape, quant) if packed else entry.shape
    kind = np.dtype(np.uint8) if packed else np.dtype(np.float16 if quant == Quant.F16 else np.float32)
    writer.add_tensor_info(entry.name, shape, kind, _bytes(entry.shape, quant), raw_dtype=quant)


def _pack(entry: Entry, quant: Quant) -> np.ndarray:
    values = entry.read()
    if values.shape != entry.shape:
        raise ValueError(f"{entry.name}: shape {values.shape}, not {entry.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{entry.name}: holds values that are not finite numbers")
    with np.errstate(over="ignore"):
        packed = np.ascontiguousarray(gguf.quantize(values, quant))
    if quant == Quant.F16 and not np.isfinite(packed).all():
        raise ValueError(f"{entry.name}: holds values beyond float16; use bf16 or f32")
    return packed


def _quant(shape: tuple[int, ...], wanted: Quant) -> Quant:
    if len(shape) < 2:
        return Quant.F32
    return Quant.F16 if wanted == Quant.Q8_0 and shape[-1] % 32 else wanted


def _bytes(shape: tuple[int, ...], quant: Quant) -> int:
    block, size = gguf.GGML_QUANT_SIZES[quant]
    return int(np.prod(shape, dtype=np.int64)) // block * size


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"needs {needed >> 20} MiB, {free >> 20} MiB are free", str(folder))


def _settle(path: Path) -> None:
    """Flush to the disk and give the file the permissions that a plain open() would have."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
    with path.open("rb") as file:
        os.fsync(file.fileno())
