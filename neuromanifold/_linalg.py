"""Linear algebra that neither hides nor spreads a failure: singular or non-finite matrices give flagged
results.

Everything broadcasts over leading axes, keeps the device, and can be differentiated.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["finite_rows", "orthonormalize", "singular_values", "spd_factor"]


def finite_rows(*tensors: Tensor) -> Tensor:
    """Which entries of the leading axis are finite in all of the tensors: ``(n,)`` bool."""
    return torch.stack([torch.isfinite(t).flatten(1).all(1) for t in tensors]).all(0)


def orthonormalize(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Thin QR factorisation ``J = Q R`` of ``(..., d, k)``, ``d ≥ k``: ``Q (..., d, k)``, ``R (..., k, k)``.

    Non-finite matrices give NaN and do not disturb their neighbours.
    """
    finite = torch.isfinite(matrix).all(-1).all(-1)[..., None, None]
    q, r = torch.linalg.qr(torch.where(finite, matrix, torch.zeros_like(matrix)))
    return torch.where(finite, q, torch.nan), torch.where(finite, r, torch.nan)


def singular_values(matrix: Tensor) -> Tensor:
    """Singular values ``(..., min(d, k))``, largest first; NaN for a non-finite matrix."""
    finite = torch.isfinite(matrix).all(-1).all(-1)[..., None, None]
    values = torch.linalg.svdvals(torch.where(finite, matrix, torch.zeros_like(matrix)))
    return torch.where(finite[..., 0], values, torch.nan)


def spd_factor(matrix: Tensor) -> Tensor:
    """Lower Cholesky factor L of a symmetric positive definite ``A = L Lᵀ``.

    Raises
    ------
    InputError
        If A is not symmetric positive definite.
    """
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise InputError(f"a metric is a square matrix (..., d, d); got shape {tuple(matrix.shape)}")
    factor, info = torch.linalg.cholesky_ex(matrix)
    if not matrix.is_meta and (bool((info != 0).any()) or not torch.allclose(matrix, matrix.mT, rtol=1e-6)):
        raise InputError(
            "a metric must be symmetric positive definite; check its eigenvalues (torch.linalg.eigvalsh)"
        )
    return factor
