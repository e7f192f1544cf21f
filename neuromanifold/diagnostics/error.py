"""The distance of a learned manifold from the true one.

    to the truth    √ mean_M̂ |x̂ - M|²    of the points x̂ of the learned manifold: what was learned that is not there
    from the truth  √ mean_M |x - M̂|²    of the points x of the true one: what is there that was not learned
    error           √ ((to² + from²) / 2)

|x - M| is the distance from x to the nearest point of M; means are over length or area. The learned manifold is the
decoder's image of the part of the latent space that latents reach (:mod:`neuromanifold.diagnostics.domain`).
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from scipy.spatial import cKDTree
from torch import Tensor

from neuromanifold._arrays import varying
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.diagnostics.domain import domain, latents_of
from neuromanifold.geometry import Immersion, local_geometry
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["manifold_error"]


def manifold_error(f: Immersion, latents: ArrayLike | Tensor, truth: ArrayLike, n_points: int = 4000) -> xr.Dataset:
    """Distance of a learned manifold from the true one, both ways.

    Parameters
    ----------
    f, latents
        As in :func:`neuromanifold.diagnostics.maps`.
    truth : array (N, d)
        Points of the true manifold, evenly spread and many: their spacing is the least error that can be told.
    n_points : int
        Points of the learned one.

    Returns
    -------
    Dataset
        ``to_truth``, ``from_truth`` and ``error``, root mean squares, in activity units.

    Raises
    ------
    InputError
        If the truth has other units than ``f``, is one point, or as in :func:`neuromanifold.diagnostics.maps`.
    NotEnoughDataError
        If the truth is too few points to be a manifold.
    """
    learned, volume = _learned(f, latents_of(f, latents), n_points)
    true = varying(truth, "truth")
    if true.shape[1] != learned.shape[1]:
        raise InputError(
            f"the truth has {true.shape[1]} units, the learned manifold {learned.shape[1]}: give points of the same "
            "units"
        )
    if len(true) < f.template.dim + 2:
        raise NotEnoughDataError(
            f"the truth is {len(true)} points; give at least {f.template.dim + 2}, evenly spread, better thousands"
        )
    to_truth = np.average(cKDTree(true).query(learned)[0] ** 2, weights=volume)
    from_truth = (cKDTree(learned).query(true)[0] ** 2).mean()
    found = {"to_truth": to_truth, "from_truth": from_truth, "error": 0.5 * (to_truth + from_truth)}
    names = {"to_truth": "distance to the truth", "from_truth": "distance from the truth", "error": "manifold error"}
    variables = {
        name: ((), float(np.sqrt(square)), quantity(names[name], "activity unit", "root mean square"))
        for name, square in found.items()
    }
    return stamped(xr.Dataset(variables), n_points=len(learned), n_true=len(true))


def _learned(f: Immersion, latents: Tensor, n_points: int) -> tuple[FloatArray, FloatArray]:
    """Points (n, d) of the learned manifold, and the volume that each stands for (n,)."""
    where = domain(f.template, latents, n_points)
    points = where.grid.points[torch.from_numpy(where.covered)]
    local = local_geometry(f, points, on_points=True)
    volume = where.grid.weights[torch.from_numpy(where.covered)] * torch.exp(local.log_volume)
    return local.value.numpy(), volume.numpy()
