"""Helpers of the numerical tests: closeness, seeded randomness, and derivatives by means foreign to the package."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacrev, vmap


def close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    """Equal to a relative tolerance, and to an absolute one on the scale of the largest entry."""
    scale = max(float(b.detach().abs().max()), 0.1) if b.numel() else 1.0
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * min(scale, 1.0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def rotation(d: int, seed: int = 0) -> Tensor:
    return torch.linalg.qr(normal(d, d, seed=seed))[0]


def spd(d: int, seed: int = 0) -> Tensor:
    root = normal(d, d, seed=seed) / d**0.5
    return root @ root.mT + 0.5 * torch.eye(d, dtype=torch.float64)


def full(u: Tensor, number: float) -> Tensor:
    return torch.full_like(u[:, 0], number)


def hessian_by_reverse_mode(f: Callable[[Tensor], Tensor], u: Tensor) -> Tensor:
    """Reverse over reverse mode, at points ``(n, k)``: ``(n, d, k, k)``."""
    return vmap(jacrev(jacrev(f)))(u).detach()


def hessian_by_differences(f: Callable[[Tensor], Tensor], v: Tensor, h: float = 1e-4) -> Tensor:
    """Central differences, at a point ``(k,)``: ``(d, k, k)``."""
    steps = h * torch.eye(len(v), dtype=v.dtype)
    rows = [[f(v + a + b) - f(v + a - b) - f(v - a + b) + f(v - a - b) for b in steps] for a in steps]
    return torch.stack([torch.stack(row, -1) for row in rows], -2) / (4 * h * h)
