"""Local geometry: everything about the image of each point, from one pass of the derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold._linalg import finite_rows
from neuromanifold._typing import Map
from neuromanifold.geometry.derivatives import TaylorJet, over_points
from neuromanifold.geometry.extrinsic import gauss_scalar
from neuromanifold.geometry.forms import SecondForm

__all__ = ["LocalGeometry", "local_geometry"]


@dataclass(frozen=True)
class LocalGeometry:
    """Geometry of an immersed manifold at n points, float64.

    Attributes
    ----------
    value : Tensor (n, d)
        ``f(u)``.
    mean_curvature : Tensor (n, d)
        ``H = (1/k) g^{ij} II_ij``, the average.
    mean_curvature_norm : Tensor (n,)
        ``|H|``: 1/R on a circle or sphere of radius R.
    scalar_curvature : Tensor (n,)
        ``S``: 2/R² on a 2-sphere of radius R; 0 for curves.
    second_form_sq : Tensor (n,)
        ``|II|² = k²|H|² - S``.
    log_volume : Tensor (n,)
        ``½ log det g``; for an Immersion relative to the template's own volume element. -inf at singular
        points.
    rank : Tensor (n,)
        Rank of the Jacobian; below k the point is singular and its curvatures are NaN. -1: not finite.
    finite : Tensor (n,)
        Whether every one of these numbers is finite.
    """

    value: Tensor
    mean_curvature: Tensor
    mean_curvature_norm: Tensor
    scalar_curvature: Tensor
    second_form_sq: Tensor
    log_volume: Tensor
    rank: Tensor
    finite: Tensor


def local_geometry(f: Map, u: Tensor, *, on_points: bool = False, **options: Any) -> LocalGeometry:
    """The local geometry of an immersed manifold at many points.

    Parameters
    ----------
    f : Immersion, nn.Module or callable
        The map; see :func:`~neuromanifold.geometry.derivatives.over_points`.
    u : Tensor (n, k)
        Points, in intrinsic coordinates.
    on_points : bool
        For an Immersion: ``u`` are points ``(n, m)`` of the template's embedding.
    **options
        ``create_graph``, ``memory``, ``dtype``.

    Returns
    -------
    LocalGeometry
        With a leading axis of points, which a single point has too.
    """
    return LocalGeometry(*over_points(f, u, _geometry, frame=True, on_points=on_points, **options))


def _geometry(jet: TaylorJet) -> tuple[Tensor, ...]:
    form = SecondForm.of(jet)
    gram, mean, volume = form.gram, form.mean_curvature, form.first.log_volume
    norm = torch.linalg.vector_norm(mean, dim=-1)
    scalar = gauss_scalar(gram)
    square = torch.einsum("nabab->n", gram)
    finite = finite_rows(jet.value, jet.first, mean, scalar[:, None], volume[:, None])
    return jet.value, mean, norm, scalar, square, volume, form.first.rank, finite
