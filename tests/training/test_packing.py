"""Packing: whole documents, true weights, every token once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outcrop.training.packing import Packer, Shards, fit, read_texts, shard, write


def documents(count: int, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    rng = np.random.default_rng(seed)
    return [([i + 1] * int(n), [i % 2] * int(n)) for i, n in enumerate(rng.integers(2, 30, count))]


def test_every_document_is_there_once_and_whole():
    packer, made = Packer(64), documents(50)
    for document in made:
        packer.add(document)
    ids, numbers, weights = packer.array()
    found = {}
    for row in range(ids.shape[0]):
        for number in set(numbers[row]) - {0}:
            chosen = numbers[row] == number
            found[int(ids[row][chosen][0])] = (ids[row][chosen].tolist(), weights[row][chosen].tolist())
    assert found == {ids[0]: (ids, weights) for ids, weights in made}


def test_fitted_rows_hold_every_document_once_in_the_shortest_that_holds_it():
    made = documents(200)
    rows = fit([*made, ([9] * 500, [1] * 500)], (16, 64))
    placed = [ids[0] for length in rows for row in rows[length] for ids, _ in row]
    assert sorted(placed) == sorted(ids[0] for ids, _ in made)  # without the one that fits nowhere
    assert all(max(len(ids) for ids, _ in row) > 17 for row in rows[64])
    for length, its in rows.items():
        assert shard(its, length).shape == (3, len(its), length + 1)


def test_a_long_document_is_cut_into_rows_that_share_one_token():
    packer = Packer(10)
    packer.add((list(range(1, 26)), [1] * 25))
    ids = packer.array()[0]
    assert ids.tolist() == [[*range(1, 12)], [*range(11, 22)], [*range(21, 26), *[0] * 6]]


def test_steps_cover_the_shards_in_order_and_then_shuffled(tmp_path):
    for i in range(3):
        write(tmp_path / f"{i}.npy", np.full((3, 8, 17), i + 1, dtype=np.uint16))
    shards = Shards(tmp_path, tokens=64)
    assert len(shards) == 6
    assert [int(shards.step(i)[0, 0, 0]) for i in range(6)] == [1, 1, 2, 2, 3, 3]
    assert sorted(int(shards.step(i)[0, 0, 0]) for i in range(6, 12)) == [1, 1, 2, 2, 3, 3]


def test_a_folder_without_shards_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no shards"):
        Shards(tmp_path, 64)


def test_texts_are_found_in_text_and_json_lines(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": "two"}) + "\n\n" + json.dumps({"input": "three"}) + "\n")
    (tmp_path / "c.png").write_bytes(b"\x00")
    assert list(read_texts(tmp_path)) == ["one", "two", "three"]
