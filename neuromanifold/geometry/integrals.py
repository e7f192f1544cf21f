"""Totals: integrals over the whole image of a template, which tell a bad fit and set a scale.

    volume                 ∫ √g du                      length (k = 1) or area (k = 2) of the image
    total curvature        ∫ |H| dV, or ∫ K dV          of curves, or of surfaces
    Gauss–Bonnet residual  ∫ K dV - 2π χ                zero for every immersion of a closed surface
    dimensionless |H|      |H| (V / |S^k|)^{1/k}        |H| Length/2π, |H| √(Area/4π); 1 on round spheres

The integrals are sums over the template's quadrature grid. A residual far from zero says that the
immersion is not resolved by the grid or not smooth, and so that its curvature profile is not to be
trusted. ``∫ |H| dV`` of a closed curve is at least 2π (Fenchel); ``∫ H`` is no invariant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold.geometry.immersion import Immersion
from neuromanifold.geometry.local import LocalGeometry, local_geometry
from neuromanifold.geometry.precision import own_device
from neuromanifold.manifolds import Euclidean, Grid, Sphere

__all__ = ["Totals", "dimensionless", "gauss_bonnet_residual", "totals", "volume"]


@dataclass(frozen=True)
class Totals:
    """Integrals over the image of a template, as 0-dimensional tensors.

    Attributes
    ----------
    volume : Tensor
        Length or area of the image.
    total_curvature : Tensor
        ``∫ |H| dV`` for curves, ``∫ K dV = ½ ∫ S dV`` otherwise.
    gauss_bonnet_residual : Tensor
        ``∫ K dV - 2π χ``; NaN where the theorem does not apply (k ≠ 2, or a template with boundary).
    mean_curvature : Tensor
        Area-weighted mean of |H|.
    dimensionless_mean_curvature : Tensor
        That mean times ``(V / |S^k|)^{1/k}``; 1 on round circles and spheres.
    singular_fraction : Tensor
        Fraction of the template's area at grid points that are singular or not finite; these are left out
        above.
    """

    volume: Tensor
    total_curvature: Tensor
    gauss_bonnet_residual: Tensor
    mean_curvature: Tensor
    dimensionless_mean_curvature: Tensor
    singular_fraction: Tensor


def totals(
    f: Immersion, n_points: int = 4000, *, local: LocalGeometry | None = None, grid: Grid | None = None
) -> Totals:
    """Integrals over the image of a template.

    Parameters
    ----------
    f : Immersion
        The immersion.
    n_points : int
        Points of the quadrature grid.
    local, grid : LocalGeometry, Grid, optional
        The local geometry at the points of a grid of the template, where it is known already.
    """
    check_whole("n_points", n_points, 4)
    grid = f.template.grid(n_points) if grid is None else grid
    points = grid.points.to(own_device(f.decoder))
    local = local_geometry(f, points, on_points=True) if local is None else local
    weights = grid.weights.to(local.log_volume) * local.log_volume.exp() * local.finite
    whole = weights.sum()
    k = f.template.dim
    density = local.mean_curvature_norm if k == 1 else local.scalar_curvature / 2
    total = _integral(weights, density)
    mean = _integral(weights, local.mean_curvature_norm) / whole
    closed_surface = k == 2 and not isinstance(f.template, Euclidean)
    residual = total - 2 * math.pi * f.template.euler if closed_surface else torch.full_like(total, torch.nan)
    singular = _integral(grid.weights.to(whole), (~local.finite).to(whole)) / f.template.volume
    return Totals(whole, total, residual, mean, dimensionless(mean, whole, k), singular)


def _integral(weights: Tensor, values: Tensor) -> Tensor:
    """Weighted sum that points of weight zero (singular ones, whose values are NaN) have no part in."""
    return torch.where(weights > 0, weights * values, 0.0).sum()


def volume(f: Immersion, n_points: int = 4000) -> Tensor:
    """Intrinsic length (k = 1) or area (k = 2) of the image of a template."""
    return totals(f, n_points).volume


def gauss_bonnet_residual(f: Immersion, n_points: int = 4000) -> Tensor:
    """``∫ K dV - 2π χ`` of the image of a closed surface, zero up to the quadrature.

    Raises
    ------
    InputError
        If the template is not a closed surface.
    """
    if f.template.dim != 2 or isinstance(f.template, Euclidean):
        raise InputError(f"Gauss–Bonnet holds on closed surfaces; {f.template.name} is none")
    return totals(f, n_points).gauss_bonnet_residual


def dimensionless(mean_curvature: Tensor, whole: Tensor, k: int) -> Tensor:
    """``|H| (V / |S^k|)^{1/k}``: curvature in units of that of the round sphere of the same volume V."""
    return mean_curvature * (whole / Sphere(k).volume) ** (1 / k)
