"""Vectors after the engine: refused, shortened, packed, compared."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop import vectors
from outcrop.errors import ValidationException

VECTORS = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=64).map(lambda values: array("f", values))
UNIT = array("f", [0.6, -0.8, 0.0, 0.0])


def test_more_dimensions_than_there_are_cannot_be_had():
    with pytest.raises(ValidationException, match="have 4 dimensions; 5 cannot be had"):
        vectors.shortened(UNIT, 5)


@given(VECTORS, st.integers(1, 64))
def test_a_shortened_vector_points_where_its_first_components_do(vector, dimensions):
    if dimensions > len(vector):
        return
    short = vectors.shortened(vector, dimensions)
    length = math.hypot(*short)
    assert len(short) == dimensions
    assert dimensions == len(vector) or length == pytest.approx(1, abs=1e-5) or not any(short)
    assert vectors.shortened(vector, dimensions, unit=False) == vector[:dimensions]


def test_a_vector_of_zeros_stays_one():
    assert vectors.scaled(array("f", [0, 0])) == array("f", [0, 0])


@given(VECTORS)
def test_packed_signs_are_numpys(vector):
    expected = np.packbits(np.array(vector) > 0)
    assert vectors.ubinary(vector) == expected.tolist()
    assert vectors.binary(vector) == (expected.astype(int) - 128).tolist()
    assert vectors.bits(vector) == (np.array(vector) > 0).astype(int).tolist()


@given(VECTORS)
def test_bytes_keep_order_and_range(vector):
    packed = vectors.int8(vector)
    assert all(-128 <= value <= 127 for value in packed)
    assert [value + 128 for value in packed] == vectors.uint8(vector)
    order = sorted(range(len(vector)), key=lambda place: vector[place])
    assert [packed[place] for place in order] == sorted(packed)


def test_one_scale_serves_all_vectors_so_that_packed_ones_compare():
    random = np.random.default_rng(0)
    one, other, third = (array("f", v / np.linalg.norm(v)) for v in random.standard_normal((3, 384)))
    near = vectors.scaled(array("f", [0.7 * a + 0.3 * b for a, b in zip(one, other, strict=True)]))
    packed = [np.array(vectors.int8(vector), float) for vector in (one, near, third)]
    scale = (vectors.SPREAD / 127) ** 2 / 384
    assert packed[0] @ packed[1] * scale == pytest.approx(vectors.cosine(one, near), abs=0.01)
    assert packed[0] @ packed[2] * scale == pytest.approx(vectors.cosine(one, third), abs=0.01)
