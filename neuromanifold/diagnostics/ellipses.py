"""Metric ellipses: the latent steps whose images have one length, ``{v : vᵀ G v = 1}``.

Their semi-axes are ``1/√λ_i`` along the eigenvectors of the pullback metric G. All are circles of one size where the
latent space is a scaled isometry of the manifold, and circles of several sizes where it is conformal.
"""

from __future__ import annotations

import torch
import xarray as xr
from torch import Tensor

from neuromanifold._settings import check_whole
from neuromanifold._typing import ArrayLike
from neuromanifold.diagnostics.domain import latents_of
from neuromanifold.geometry import Immersion, pullback_metric
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["metric_ellipses", "spread"]


def metric_ellipses(f: Immersion, latents: ArrayLike | Tensor, n_ellipses: int = 40) -> xr.Dataset:
    """Metric ellipses at latents that lie far apart.

    Parameters
    ----------
    f, latents
        As in :func:`neuromanifold.diagnostics.maps`.
    n_ellipses : int

    Returns
    -------
    Dataset
        ``position`` (point, coordinate), intrinsic; ``semi_axis`` (point, axis), the longest first, in latent units
        per activity unit; ``direction`` (point, coordinate, axis), orthonormal.

    Raises
    ------
    InputError
        If ``f`` is no immersion, the latents are not points of its template, or no ellipse is asked for.
    """
    check_whole("n_ellipses", n_ellipses, 1)
    points = latents_of(f, latents)
    points = points[spread(points, n_ellipses)]
    metric = pullback_metric(f, points, frame=True, on_points=True)
    squares, directions = torch.linalg.eigh(metric)
    found = xr.Dataset(
        {
            "position": (("point", "coordinate"), f.template.angles(points).numpy(), quantity("latent coordinate")),
            "semi_axis": (
                ("point", "axis"),
                squares.clamp(min=0).rsqrt().numpy(),
                quantity("semi-axis of the metric ellipse", "latent unit / activity unit"),
            ),
            "direction": (("point", "coordinate", "axis"), directions.numpy(), quantity("direction of the semi-axis")),
        }
    )
    return stamped(found, template=f.template.name)


def spread(points: Tensor, n: int) -> Tensor:
    """Indices of ``n`` of the points that lie far apart: each the farthest from those before it."""
    chosen = [0]
    distance = torch.linalg.vector_norm(points - points[0], dim=1)
    while len(chosen) < min(n, len(points)):
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, torch.linalg.vector_norm(points - points[chosen[-1]], dim=1))
    return torch.tensor(chosen)
