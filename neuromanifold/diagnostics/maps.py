"""Maps of a learned manifold: how much it distorts lengths, angles and areas of its latents, and how it bends.

With G the pullback metric along an orthonormal chart of the template, λ_i its eigenvalues, E the mean over latents:

    scaled-isometric distortion   Σ (1 - λ_i/μ)², μ = E[Tr G]/k     zero where lengths are scaled as on average
    conformal distortion          Σ (1 - λ_i/λ̄)², λ̄ = Tr G/k        zero where angles are kept
    area distortion               (1 - v/E[v])², v = √det G          zero where areas are scaled as on average
    extrinsic curvature           LEC = 2 |II|²                      how fast the tangent space turns (Lee 2023, eq. 10)

The mean of the scaled-isometric distortion over latents is the relaxed distortion of Lee (2023), eq. 16.
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from neuromanifold._typing import ArrayLike
from neuromanifold.diagnostics.domain import domain, latents_of
from neuromanifold.geometry import Immersion, distortion, local_geometry, pullback_metric
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["DISTORTIONS", "maps"]

DISTORTIONS = ("isometric", "scaled_isometric", "conformal", "area")
_CURVATURES = {
    "mean_curvature_norm": quantity("mean curvature |H|", "1 / activity unit", "average convention: 1/R on a circle"),
    "scalar_curvature": quantity("scalar curvature S", "1 / activity unit^2", "2/R² on a 2-sphere"),
    "extrinsic_curvature": quantity("extrinsic curvature LEC", "1 / activity unit^2", "2/R² on a circle"),
    "log_volume": quantity("log volume element", "log activity unit", "relative to the template's own volume"),
}


def maps(f: Immersion, latents: ArrayLike | Tensor, n_points: int = 900) -> xr.Dataset:
    """Distortion, conformality and curvature over the latents' part of the template.

    Parameters
    ----------
    f : Immersion
        Of a fitted model, ``model.immersion_``.
    latents : array (n, m)
        Points of its template, as ``model.transform(X)``: what expectations are over.
    n_points : int
        Points of the grid, about.

    Returns
    -------
    Dataset
        Over dimension ``point``, with coordinates ``u_0`` … (intrinsic) and ``covered`` (False where no latent is
        near): the metric ``metric`` (point, i, j) along an orthonormal chart, ``isometric``, ``scaled_isometric``,
        ``conformal`` and ``area`` distortion, mean_curvature_norm, scalar_curvature, extrinsic_curvature and
        log_volume; NaN where the map is singular. Attrs: ``shape`` of the grid, and ``mean_…``, the mean of each over
        the latents.

    Raises
    ------
    InputError
        If ``f`` is no immersion or the latents are not points of its template.
    """
    points = latents_of(f, latents)
    where = domain(f.template, points, n_points)
    both = torch.cat([points, where.grid.points])
    n = len(points)
    values = {name: value.numpy() for name, value in _values(f, both, n).items()}
    metric = pullback_metric(f, where.grid.points, frame=True, on_points=True).numpy()
    attrs = {name: quantity(f"{name.replace('_', '-')} distortion") for name in DISTORTIONS} | _CURVATURES
    dataset = xr.Dataset(
        {name: ("point", value[n:], attrs[name]) for name, value in values.items()}
        | {"metric": (("point", "i", "j"), metric, quantity("pullback metric", "activity unit^2"))},
        coords={
            f"u_{i}": ("point", angles, quantity(f"latent {i + 1}"))
            for i, angles in enumerate(where.grid.angles.numpy().T)
        }
        | {"covered": ("point", where.covered, quantity("whether a latent is near"))},
    )
    means = {f"mean_{name}": float(np.nanmean(value[:n])) for name, value in values.items()}
    return stamped(dataset.assign_attrs(means), template=f.template.name, shape=list(where.grid.shape), n_latents=n)


def _values(f: Immersion, points: Tensor, n_latents: int) -> dict[str, Tensor]:
    """Each quantity at points whose first ``n_latents`` are what expectations are over."""
    weights = (torch.arange(len(points)) < n_latents).double()
    bent = distortion(f, points, weights=weights, on_points=True)
    local = local_geometry(f, points, on_points=True)
    return {name: getattr(bent, name) for name in DISTORTIONS} | {
        "mean_curvature_norm": local.mean_curvature_norm,
        "scalar_curvature": local.scalar_curvature,
        "extrinsic_curvature": 2 * local.second_form_sq,
        "log_volume": local.log_volume,
    }
