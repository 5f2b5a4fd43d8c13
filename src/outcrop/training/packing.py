"""Documents packed into rows of one length, kept as memory-mapped shards.

A shard is ``NAME.npy``, unsigned integers [3, rows, length + 1]: token, document number and loss weight of every
position. Position i of a row is the input of position i + 1. Document 0 is padding.
Knows nothing of models; a tokenizer is only something with ``encode(text).ids``.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

Document = tuple[list[int], list[int]]  # token ids and their loss weights, equally long
TEXT_KEYS = ("text", "input", "content")


class Packer:
    """Rows filled first-fit with whole documents; only what is longer than a row is cut into several."""

    def __init__(self, length: int, open_rows: int = 64):
        self.length = length
        self.open_rows = open_rows
        self._open: list[list[Document]] = []
        self._done: list[list[Document]] = []

    def add(self, document: Document) -> None:
        ids, weights = document
        for start in range(0, len(ids), self.length):
            self._place((ids[start : start + self.length + 1], weights[start : start + self.length + 1]))

    def _place(self, document: Document) -> None:
        room = self.length + 1 - len(document[0])
        for row in self._open:
            if sum(len(ids) for ids, _ in row) <= room:
                return row.append(document)
        self._open.append([document])
        if len(self._open) > self.open_rows:
            fullest = max(range(len(self._open)), key=lambda i: sum(len(ids) for ids, _ in self._open[i]))
            self._done.append(self._open.pop(fullest))

    def array(self) -> np.ndarray:
        """All rows so far as one shard; the packer is empty afterwards."""
        rows, self._open, self._done = self._done + self._open, [], []
        return shard(rows, self.length)


def shard(rows: list[list[Document]], length: int) -> np.ndarray:
    """Rows of documents as one array [3, rows, length + 1]."""
    made = np.zeros((3, len(rows), length + 1), dtype=_width(rows))
    for r, row in enumerate(rows):
        start = 0
        for number, (ids, weights) in enumerate(row, 1):
            end = start + len(ids)
            made[0, r, start:end], made[1, r, start:end], made[2, r, start:end] = ids, number, weights
            start = end
    return made


def fit(documents: Iterable[Document], lengths: Sequence[int]) -> dict[int, list[list[Document]]]:
    """Whole documents in rows of several lengths, by length of row: each in the shortest that holds it.

    Gaps are filled with shorter ones: of 200,000 tokens of chats 1 % is padding this way, 20 % first-fit. What is
    longer than the longest row is left out.
    """
    left = sorted((d for d in documents if len(d[0]) <= lengths[-1] + 1), key=lambda d: len(d[0]))
    sizes = [len(ids) for ids, _ in left]
    made: dict[int, list[list[Document]]] = {length: [] for length in lengths}
    while left:
        length = next(n for n in lengths if sizes[-1] <= n + 1)
        row, room = [], length + 1
        while (place := bisect_right(sizes, room)) > 0:
            row.append(left.pop(place - 1))
            room -= sizes.pop(place - 1)
        made[length].append(row)
    return made


def _width(rows: list[list[Document]]) -> type:
    return np.uint32 if any(max(ids) > 65_535 for row in rows for ids, _ in row) else np.uint16


def write(path: Path, shard: np.ndarray) -> None:
    """Write a shard so that a reader sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half.npy")
    np.save(half, shard)
    half.rename(path)


class Shards:
    """The shards of a folder in the order of their names, dealt out in steps of about ``tokens`` tokens."""

    def __init__(self, folder: Path, tokens: int, seed: int = 0):
        paths = sorted(p for p in Path(folder).glob("*.npy") if not p.name.endswith(".half.npy"))
        if not paths:
            raise FileNotFoundError(f"no shards (*.npy) in {folder}")
        self.arrays = [np.load(path, mmap_mode="r") for path in paths]
        self.seed = seed
        self.steps = [(i, first, last) for i, a in enumerate(self.arrays) for first, last in _cuts(a, tokens)]

    def __len__(self) -> int:
        return len(self.steps)

    def step(self, cursor: int) -> np.ndarray:
        """The rows of one step: the first round takes the shards as they lie, later rounds shuffle them."""
        turn, place = divmod(cursor, len(self.steps))
        if turn:
            place = int(np.random.default_rng(self.seed + turn).permutation(len(self.steps))[place])
        shard, first, last = self.steps[place]
        return np.asarray(self.arrays[shard][:, first:last]).astype(np.int64)


def _cuts(array: np.ndarray, tokens: int) -> list[tuple[int, int]]:
    """A shard's rows in even steps of about ``tokens`` tokens."""
    rows = array.shape[1]
    steps = max(1, round(rows * (array.shape[2] - 1) / tokens)) if rows else 0
    return [(rows * i // steps, rows * (i + 1) // steps) for i in range(steps)]


def read_texts(source: Path) -> Iterator[str]:
    """Every text of a folder or file: ``.txt`` and ``.md`` whole, ``.jsonl`` by its ``TEXT_KEYS``."""
    for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
        if path.suffix in (".txt", ".md"):
            yield path.read_text(errors="replace")
        elif path.suffix == ".jsonl":
            for line in path.read_text().splitlines():
                record = json.loads(line) if line.strip() else {}
                yield from (record[key] for key in TEXT_KEYS if isinstance(record.get(key), str))


def pack_texts(
    texts: Iterable[str], tokenizer, folder: Path, length: int, end: int, rows_a_shard: int = 20_000, seed: int = 0
) -> int:
    """Tokenise texts, close each with token ``end``, pack and shuffle them; returns the number of tokens."""
    packer, total, shards = Packer(length), 0, 0
    rng = np.random.default_rng(seed)
    for text in texts:
        ids = [*tokenizer.encode(text).ids, end]
        total += len(ids)
        packer.add((ids, [1] * len(ids)))
        if len(packer._done) >= rows_a_shard:
            shards += _flush(packer, folder, shards, rng)
    _flush(packer, folder, shards, rng)
    return total


def _flush(packer: Packer, folder: Path, number: int, rng: np.random.Generator) -> int:
    shard = packer.array()
    write(folder / f"{number:05d}.npy", shard[:, rng.permutation(shard.shape[1])])
    return 1
