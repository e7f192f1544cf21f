"""Which units bend the manifold: each unit's share of |H|².

The mean curvature vector H (d,) lives in the space of the units, so ``share_i = H_i² / |H|²`` and the shares of all
units sum to one at every point. The mean over the manifold's area is the unit's share in the bending; ``1 / Σ share²``
is how many units bend it effectively.
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.geometry import Immersion, local_geometry
from neuromanifold.profile import template_grid
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["unit_shares"]


def unit_shares(immersion: Immersion, units: ArrayLike | None = None, n_points: int | None = None) -> xr.Dataset:
    """Each unit's share of ``|H|²``, at every point of the template and averaged over the manifold's area.

    Parameters
    ----------
    immersion : Immersion
        ``model.immersion_``.
    units : array (d,), optional
        Names of the units.
    n_points : int, optional
        Points of the template's grid, as in :func:`~neuromanifold.curvature_profile`.

    Returns
    -------
    Dataset
        ``share`` (unit), ``share_profile`` (point, unit), NaN where the curvature is zero or not finite, and the scalar
        ``effective_units``; coordinates ``angle_0`` ... in radians.

    Raises
    ------
    InputError
        If the names are not as many as the units, or the manifold is flat everywhere.
    """
    template = immersion.template
    grid = template_grid(template, n_points)
    geometry = local_geometry(immersion, grid.points, on_points=True)
    square = geometry.mean_curvature.numpy() ** 2
    names = np.arange(square.shape[1]) if units is None else np.asarray(units)
    if names.shape != square.shape[1:]:
        raise InputError(f"units must name the {square.shape[1]} units of the immersion; got shape {names.shape}")
    profile = _shares(square)
    area = (grid.weights * torch.exp(geometry.log_volume)).numpy()
    bent = np.isfinite(profile).all(axis=1) & np.isfinite(area)
    if not bent.any():
        raise InputError("the manifold is flat everywhere: there is no curvature to share out")
    share = area[bent] @ profile[bent] / area[bent].sum()
    dataset = xr.Dataset(
        {
            "share": ("unit", share, quantity("share of |H|², mean over the manifold's area")),
            "share_profile": (("point", "unit"), profile, quantity("share of |H|²")),
            "effective_units": ((), 1 / np.square(share).sum(), quantity("units that bend the manifold, effectively")),
        },
        coords={"unit": names}
        | {f"angle_{i}": ("point", grid.angles[:, i].numpy(), {"units": "radian"}) for i in range(template.dim)},
    )
    return stamped(dataset, template=template.name)


def _shares(square: FloatArray) -> FloatArray:
    total = square.sum(axis=1, keepdims=True)
    return np.divide(square, total, out=np.full_like(square, np.nan), where=np.isfinite(total) & (total > 0))
