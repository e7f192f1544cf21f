"""Points that kernels and widths without end are evaluated at: float64, ``(n, D)``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["as_points", "as_rows"]


def as_points(x: Any, what: str = "points") -> tuple[Tensor, bool]:
    """Points ``(n, D)`` in float64, and whether it was one point ``(D,)``.

    Raises
    ------
    InputError
        If they are not real, not finite, empty, or of another shape.
    """
    # Lists go through numpy, whose numbers are float64.
    points = x if isinstance(x, Tensor) else torch.tensor(np.asarray(x))
    if points.is_complex():
        raise InputError(f"{what} are real numbers; got {points.dtype}")
    if points.ndim not in (1, 2) or points.numel() == 0:
        raise InputError(f"{what} are an array (n, D), or one point (D,); got shape {tuple(points.shape)}")
    points = points.detach().to(torch.float64)
    if not bool(torch.isfinite(points).all()):
        raise InputError(
            f"{int((~torch.isfinite(points)).sum())} of {points.numel()} coordinates of {what} are not finite"
        )
    return (points[None], True) if points.ndim == 1 else (points, False)


def as_rows(x: Any, n_rows: int, what: str) -> Tensor:
    """Numbers ``(n_rows, p)`` in float64, a row per point; ``(n_rows,)`` is one column."""
    rows, is_column = as_points(x, what)
    rows = rows.mT if is_column else rows
    if len(rows) != n_rows:
        raise InputError(f"{what} have a row per point: {len(rows)} rows were given for {n_rows} points")
    return rows
