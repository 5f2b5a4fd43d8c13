"""Muon's heart: an update whose singular values are all about one."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from outcrop.training.muon import Muon, orthogonalise  # noqa: E402


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 8, 32), (2, 32, 8)])
def test_singular_values_come_close_to_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
    assert values.min() > 0.3
    assert values.max() < 1.6


def test_a_step_lowers_a_quadratic():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8, 8))
    optimiser = Muon([weight], lr=0.05)
    before = weight.square().sum().item()
    for _ in range(20):
        weight.grad = 2 * weight.detach()
        optimiser.step()
    assert weight.square().sum().item() < before
