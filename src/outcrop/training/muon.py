"""Muon for hidden matrices and AdamW for the rest, behind one step (Jordan et al. 2024).

Knows nothing of models, data or schedules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn


def orthogonalise(matrices: Tensor, rounds: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices, about, by a quintic Newton-Schulz iteration: [n, rows, columns]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def _shared(matrices: Tensor) -> Tensor:
    """Orthogonalise; several GPUs each take a share of the matrices. On CPUs waiting costs more than the work."""
    world = dist.get_world_size() if dist.is_initialized() and matrices.is_cuda else 1
    if world == 1 or len(matrices) % world:
        return orthogonalise(matrices)
    mine = orthogonalise(matrices.chunk(world)[dist.get_rank()]).contiguous()
    shares = [torch.empty_like(mine) for _ in range(world)]
    dist.all_gather(shares, mine)
    return torch.cat(shares)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; matrices of one shape are done in one batch."""

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.0
    ):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, params in by_shape.items():
                self._step_alike(params, shape, **{k: group[k] for k in ("lr", "momentum", "weight_decay")})

    def _step_alike(self, params: list, shape: torch.Size, lr: float, momentum: float, weight_decay: float) -> None:
        updates = []
        for p in params:
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
            buffer.lerp_(p.grad, 1 - momentum)
            updates.append(p.grad.lerp(buffer, momentum))
        stacked = _shared(torch.stack(updates).to(torch.bfloat16 if updates[0].is_cuda else torch.float32))
        scale = lr * max(1.0, shape[0] / shape[1]) ** 0.5
        for p, update in zip(params, stacked, strict=True):
            p.mul_(1 - lr * weight_decay).add_(update.to(p.dtype), alpha=-scale)


def optimisers(model: nn.Module, matrix_lr: float, other_lr: float) -> list[torch.optim.Optimizer]:
    """Muon over the matrices inside the layers, AdamW over embeddings, head and norms."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    known = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in known]
    adam = torch.optim.AdamW(others, lr=other_lr, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0)
    made = [Muon(matrices, lr=matrix_lr, weight_decay=0.01), adam]
    for optimiser in made:
        for group in optimiser.param_groups:
            group["peak_lr"] = group["lr"]
    return made
