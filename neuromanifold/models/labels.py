"""Labels: where a task gives a sample's coordinates on the template, as intrinsic angles; NaN where it does not.

They are taken as angles, in radians or, where an xarray ``units`` says so, in degrees; or as points of the template
in its embedding (unit vectors on circle and sphere, a pair ``cos, sin`` for each circle of a torus).
"""

from __future__ import annotations

import math

import numpy as np
import torch
import xarray as xr

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.manifolds import Manifold

__all__ = ["check_labels", "exact_labels"]

# Radians beyond two turns are taken for degrees.
LARGEST_ANGLE = 4 * math.pi
# Size of a label's unit in radians.
UNITS = (
    {"": 1.0}
    | dict.fromkeys(("rad", "radian", "radians"), 1.0)
    | dict.fromkeys(("deg", "degree", "degrees"), math.pi / 180)
)
# Points may be off the template by rounding in single precision.
POINT_TOLERANCE = 1e-3


def check_labels(y: ArrayLike | None, n_samples: int, template: Manifold) -> FloatArray:
    """Labels as intrinsic angles (n, k) in radians, all NaN where none are given.

    Parameters
    ----------
    y : array or DataArray (n,), (n, k) or (n, m), optional
        Intrinsic angles, or points of the template. Plain arrays of angles are in radians; a DataArray with units
        "deg", "degree" or "degrees" is converted.

    Raises
    ------
    InputError
        If they are not numbers, the shape does not fit, the units are none of an angle, values look like degrees, or
        points are not on the template.
    """
    if y is None:
        return np.full((n_samples, template.dim), np.nan)
    labels = real_numbers(y, "y (angles in radians, NaN where unknown)")
    labels = labels[:, None] if labels.ndim == 1 else labels
    if np.isinf(labels).any():
        raise InputError("y holds infinite values; use NaN where the coordinate is unknown")
    shapes = {(n_samples, template.dim): "angles", (n_samples, template.embedding_dim): "points in its embedding"}
    if labels.shape not in shapes:
        allowed = " or ".join(f"{shape} ({meaning})" for shape, meaning in shapes.items())
        raise InputError(
            f"y must have shape {allowed}, the {template.name}'s coordinates of every row of X; got {np.shape(y)}"
        )
    return _angles(labels, y, template) if labels.shape[1] == template.dim else _angles_of_points(labels, template)


def exact_labels(y: ArrayLike | None, n_samples: int, template: Manifold, tolerance: float | None) -> FloatArray:
    """:func:`check_labels`, without labels that a fit found to err: there the posterior given activity knows more."""
    labels = check_labels(y, n_samples, template)
    return np.full_like(labels, np.nan) if tolerance else labels


def _angles(labels: FloatArray, y: ArrayLike, template: Manifold) -> FloatArray:
    """Angles in radians; the coordinates of a template without periods have no units."""
    angular = [i for i, period in enumerate(template.periods) if period is not None]
    if not angular:
        return labels
    labels = labels * _radians(y)
    largest = np.nanmax(np.abs(labels[:, angular]), initial=0.0)
    if largest > LARGEST_ANGLE:
        raise InputError(
            f"y reaches {largest:.4g}: angles are in radians (use np.deg2rad for degrees, or a DataArray with units "
            '"degrees")'
        )
    return labels


def _radians(y: ArrayLike) -> float:
    """Size in radians of the unit that a DataArray states."""
    units = str(y.attrs.get("units", "")) if isinstance(y, xr.DataArray) else ""
    if units not in UNITS:
        raise InputError(f"y is in units {units!r}; the template's angles are in radians or degrees")
    return UNITS[units]


def _angles_of_points(points: FloatArray, template: Manifold) -> FloatArray:
    z = torch.as_tensor(points)
    known = torch.isfinite(z).all(dim=1)
    nearest = template.project(z[known])
    off = torch.linalg.vector_norm(z[known] - nearest, dim=1)
    # The nearest point to the origin is NaN, which is not within the tolerance either.
    if not bool((off <= POINT_TOLERANCE).all()):
        row = int(torch.nonzero(known)[int(off.argmax())])
        raise InputError(
            f"y has {points.shape[1]} columns, so its rows must be points of the {template.name}, but row {row} is "
            f"{float(off.max()):.2g} away from it: {np.array2string(points[row], precision=4)}. Scale unit vectors to "
            "length 1 (the template's project does), or give angles"
        )
    angles = torch.full((len(z), template.dim), torch.nan, dtype=torch.float64)
    angles[known] = template.angles(nearest)
    return angles.numpy()
