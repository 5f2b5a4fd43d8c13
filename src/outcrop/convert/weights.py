"""The weights of a Hugging Face folder: safetensors files read one tensor at a time, without torch.

Knows nothing of architectures. Format: https://huggingface.co/docs/safetensors (8 bytes of header length, little
endian, a JSON header, then the data).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HEADER_LIMIT = 100 * 1024 * 1024
"""Longest header that is read; the safetensors library has the same limit."""

READERS: dict[str, Any] = {
    "F64": (np.dtype("<f8"), lambda raw: raw.astype(np.float32)),
    "F32": (np.dtype("<f4"), lambda raw: raw.astype(np.float32)),
    "F16": (np.dtype("<f2"), lambda raw: raw.astype(np.float32)),
    "BF16": (np.dtype("<u2"), lambda raw: (raw.astype(np.uint32) << 16).view(np.float32)),
}
"""dtype in the header -> (how it lies in the file, how it becomes float32)."""

SHAPELESS = (AttributeError, KeyError, TypeError, OverflowError)
"""What comes of JSON that is not of the expected shape."""

COUNTERS = "position_ids"
"""Ends the name of a tensor that older versions of transformers saved: 0, 1, 2, ... as int64."""

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where one tensor lies; `begin` counts bytes from the start of the file."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int

    def read(self) -> np.ndarray:
        """The values as float32. Only this tensor is held in memory."""
        raw_type, widen = READERS[self.dtype]
        count = int(np.prod(self.shape, dtype=np.int64))
        raw = np.fromfile(self.path, raw_type, count, offset=self.begin)
        if raw.size != count:
            raise ValueError(f"{self.path}: the file became shorter while it was read")
        return widen(raw).reshape(self.shape)


def open_folder(folder: Path) -> dict[str, Tensor]:
    """Every tensor of the folder by name; headers are read and checked, data is not.

    ValueError: no safetensors, a pickle file in their place, a missing shard, a header that does not fit its file.
    """
    return {name: tensor for path in _files(folder) for name, tensor in _header(path).items()}


def compare(
    found: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], ignorable: Callable[[str], bool]
) -> None:
    """ValueError unless all that is expected is there in its shape, and nothing else but what is ignorable."""
    missing = [name for name in expected if name not in found]
    if missing:
        raise ValueError(f"{len(missing)} of {len(expected)} tensors are missing: {', '.join(missing[:5])}")
    for name, dims in expected.items():
        if found[name].shape != dims:
            raise ValueError(f"{name} has shape {list(found[name].shape)}; config.json calls for {list(dims)}")
    beyond = [name for name in found if name not in expected and not ignorable(name)]
    if beyond:
        raise ValueError(f"{len(beyond)} tensors are none of this architecture's: {', '.join(sorted(beyond)[:5])}")


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    paths = _shards(index) if index.is_file() else sorted(folder.glob("*.safetensors"))
    if not paths:
        raise ValueError(_nothing_here(folder))
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{index}: names {path.name}, which is not in the folder")
    return paths


def _shards(index: Path) -> list[Path]:
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{index}: not a safetensors index ({error})") from error
    if any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise ValueError(f"{index}: names a file outside the folder")
    return [index.parent / name for name in sorted(names)]


def _nothing_here(folder: Path) -> str:
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if not pickles:
        return f"{folder}: no .safetensors file here"
    return (
        f"{folder}: {pickles[0]} is a pickle, which can run code when it is read; Outcrop never opens one. "
        "Get the model as safetensors, or save it so with save_pretrained(..., safe_serialization=True)"
    )


def _header(path: Path) -> dict[str, Tensor]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, HEADER_LIMIT):
            raise ValueError(f"{path}: not a safetensors file, or cut off in its header")
        text = file.read(length)
    try:
        entries = json.loads(text)
        entries.pop("__metadata__", None)
        kept = {name: entry for name, entry in entries.items() if not name.endswith(COUNTERS)}
        return {name: _tensor(path, name, entry, 8 + length, size) for name, entry in kept.items()}
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, *SHAPELESS) as error:
        raise ValueError(f"{path}: its header cannot be read ({error})") from error


def _tensor(path: Path, name: str, entry: dict[str, Any], start: int, size: int) -> Tensor:
    dtype, shape = entry["dtype"], tuple(int(n) for n in entry["shape"])
    begin, end = (int(n) for n in entry["data_offsets"])
    if dtype not in READERS:
        raise ValueError(f"{path}: {name} is {dtype}; only {', '.join(READERS)} can be converted")
    if min(shape, default=1) < 0 or end - begin != int(np.prod(shape, dtype=np.int64)) * READERS[dtype][0].itemsize:
        raise ValueError(f"{path}: {name} has shape {list(shape)} but {end - begin} bytes")
    if begin < 0 or start + end > size:
        raise ValueError(f"{path}: cut off: {name} ends at byte {start + end} of {size}")
    return Tensor(path, dtype, shape, start + begin)
