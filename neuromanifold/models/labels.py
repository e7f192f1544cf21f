"""Labels: where a task gives a sample's coordinates on the template, as intrinsic angles; NaN where it does not."""

from __future__ import annotations

import math

import numpy as np

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.manifolds import Manifold

__all__ = ["check_labels"]

# Radians beyond two turns are taken for degrees.
LARGEST_ANGLE = 4 * math.pi


def check_labels(y: ArrayLike | None, n_samples: int, template: Manifold) -> FloatArray:
    """Labels as intrinsic angles (n, k), all NaN where none are given.

    Raises
    ------
    InputError
        If they are not numbers, the length or the number of angles does not fit, or values look like degrees.
    """
    if y is None:
        return np.full((n_samples, template.dim), np.nan)
    try:
        labels = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"y must hold angles in radians, NaN where unknown ({error})") from error
    labels = labels[:, None] if labels.ndim == 1 else labels
    if labels.shape != (n_samples, template.dim):
        raise InputError(
            f"y must have shape ({n_samples}, {template.dim}), the {template.name}'s angles of every row of X; "
            f"got {np.shape(y)}"
        )
    if np.isinf(labels).any():
        raise InputError("y holds infinite values; use NaN where the coordinate is unknown")
    angular = [i for i, period in enumerate(template.periods) if period is not None]
    largest = np.nanmax(np.abs(labels[:, angular]), initial=0.0)
    if largest > LARGEST_ANGLE:
        raise InputError(f"y reaches {largest:.4g}: angles are in radians (use np.deg2rad for degrees)")
    return labels
