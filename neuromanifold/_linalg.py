"""Linear algebra that neither hides nor spreads a failure: bad matrices give flagged results.

Everything broadcasts over leading axes, keeps the device, and can be differentiated.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["check_spd", "finite_rows", "orthonormalize", "singular_values", "spd_factor", "spd_inverse"]


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


def check_spd(matrix: Tensor) -> Tensor:
    """The matrix ``(d, d)`` itself, if it is symmetric positive definite.

    Raises
    ------
    InputError
        If it is not.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"a constant metric is a square matrix (d, d); got shape {tuple(matrix.shape)}")
    if matrix.is_meta:
        return matrix
    _, info = torch.linalg.cholesky_ex(matrix.detach())
    if bool(info != 0) or not torch.allclose(matrix, matrix.mT, rtol=1e-6):
        raise InputError("a metric must be symmetric and positive definite; look at torch.linalg.eigvalsh of it")
    return matrix


def spd_factor(matrix: Tensor) -> Tensor:
    """Lower Cholesky factors L of ``A = L Lᵀ (..., d, d)``; NaN where A is not positive definite."""
    factor, info = torch.linalg.cholesky_ex(matrix)
    return torch.where((info == 0)[..., None, None], factor, torch.nan)


def spd_inverse(matrix: Tensor) -> Tensor:
    """Inverses of symmetric positive definite matrices ``(..., k, k)``; NaN where one is not."""
    factor, info = torch.linalg.cholesky_ex(matrix)
    good = (info == 0)[..., None, None]
    eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    inverse = torch.cholesky_inverse(torch.where(good, factor, eye))
    return torch.where(good, inverse, torch.nan)
