"""Random tangent vectors of an immersed manifold, for unbiased traces in many dimensions (Hutchinson).

``v = W s`` with ``W Wᵀ = g⁻¹`` and random signs s has ``E[v_i v_j] = g^{ij}``, so that ``E b(v, v) = g^{ij} b_ij``: any
contraction with the inverse metric is the mean of a form of few directions.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["random_signs"]


def random_signs(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Independent ±1 of that shape, on the device and in the dtype of a tensor."""
    device = like.device if generator is None else generator.device
    signs = torch.randint(0, 2, shape, generator=generator, dtype=torch.float64, device=device)
    return (2 * signs - 1).to(like)
