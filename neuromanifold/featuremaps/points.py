"""Points that kernels and widths without end are evaluated at: float64, ``(n, D)``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuromanifold._arrays import real_numbers, scale_fault
from neuromanifold._errors import InputError

__all__ = ["as_points", "as_points_of", "as_rows"]


def as_points(x: Any, what: str = "points") -> tuple[Tensor, bool]:
    """Points ``(n, D)`` in float64, and whether it was one point ``(D,)``.

    Raises
    ------
    InputError
        If they are not real, not finite, empty, or of another shape.
    """
    points = x if isinstance(x, Tensor) else torch.tensor(real_numbers(x, what))
    if points.is_complex():
        raise InputError(f"{what} must be real numbers; got {points.dtype}")
    if points.ndim not in (1, 2) or points.numel() == 0:
        raise InputError(f"{what} must be an array (n, D), or one point (D,); got shape {tuple(points.shape)}")
    points = points.detach().to(torch.float64)
    if not bool(torch.isfinite(points).all()):
        bad = int((~torch.isfinite(points)).sum())
        raise InputError(f"{bad} of {points.numel()} coordinates of {what} are not finite: leave those out")
    wrong = None if points.is_meta else scale_fault(np.atleast_2d(points.cpu().numpy()))
    if wrong is not None:
        raise InputError(f"{what}: it {wrong}")
    return (points[None], True) if points.ndim == 1 else (points, False)


def as_points_of(x: Any, dimension: int, what: str = "points") -> tuple[Tensor, bool]:
    """:func:`as_points`, which must be of that dimension D.

    Raises
    ------
    InputError
        If they are not, or as :func:`as_points`.
    """
    points, single = as_points(x, what)
    if points.shape[1] != dimension:
        raise InputError(
            f"{what} must have D={dimension} coordinates each, as in the fit; got shape {tuple(points.shape)} (units, "
            "features or dimensions are the columns)"
        )
    return points, single


def as_rows(x: Any, n_rows: int, what: str) -> Tensor:
    """Numbers ``(n_rows, p)`` in float64, a row per point; ``(n_rows,)`` is one column."""
    rows, is_column = as_points(x, what)
    rows = rows.mT if is_column else rows
    if len(rows) != n_rows:
        raise InputError(f"{what} must be an array of a row per point, {n_rows}; {len(rows)} were given")
    return rows
