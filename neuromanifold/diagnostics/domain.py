"""Where a learned manifold is looked at: a grid of its template, and the part of it that latents reach.

A closed template is looked at all over. Euclidean latents have no end: the grid spans the box of the latents, and for
surfaces a point of it is covered if some latent is about as near as latents are to each other, so that a hole in the
data stays a hole. A curve is covered from its first latent to its last, however far apart its latents lie: what a curve
does between them is what is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._settings import check_whole
from neuromanifold._typing import ArrayLike, BoolArray, FloatArray
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Euclidean, Grid, Manifold

__all__ = ["Domain", "domain", "latents_of"]

# A grid point is covered within twice the distance that nine in ten latents have to their nearest neighbour.
_REACH, _QUANTILE = 2.0, 0.9


@dataclass(frozen=True)
class Domain:
    """Points of a template at which to look.

    Attributes
    ----------
    grid : Grid
        Angles (n, k), points (n, m) and area weights (n,) on the template, and the shape of the grid.
    covered : array of bool (n,)
        Whether latents reach each point.
    """

    grid: Grid
    covered: BoolArray


def latents_of(f: Immersion, latents: ArrayLike | Tensor) -> Tensor:
    """Points of the template as a float64 tensor (n, m), after a check.

    Raises
    ------
    InputError
        If they are not points of the template of ``f``, or not finite.
    """
    if not isinstance(f, Immersion):
        raise InputError(f"a learned manifold is an Immersion (model.immersion_); got {type(f).__name__}")
    points = torch.as_tensor(real_numbers(latents, "latents"))
    m = f.template.embedding_dim
    if points.ndim != 2 or points.shape[1] != m or not bool(torch.isfinite(points).all()):
        raise InputError(
            f"latents are finite points (n, {m}) of the template {f.template.name}, as transform gives them; "
            f"got shape {tuple(points.shape)}"
        )
    return points


def domain(template: Manifold, latents: Tensor, n_points: int) -> Domain:
    """About ``n_points`` points of the template, at least 4, and which of them the latents (n, m) reach.

    Raises
    ------
    InputError
        If ``n_points`` is no such number.
    NotEnoughDataError
        If Euclidean latents span no box.
    """
    check_whole("n_points", n_points, 4)
    if not isinstance(template, Euclidean):
        grid = template.grid(n_points)
        return Domain(grid, np.ones(len(grid.points), dtype=bool))
    low, high = latents.amin(0), latents.amax(0)
    if bool((high <= low).any()):
        raise NotEnoughDataError("the latents all have one value along some axis: they span no piece of the manifold")
    window = template.grid(n_points)
    points = low + 0.5 * (high - low) * (window.angles + 1)
    weights = window.weights * (0.5 * (high - low)).prod()
    covered = np.ones(len(points), bool) if template.dim == 1 else _reached(points.numpy(), latents.numpy())
    return Domain(Grid(points, points, weights, window.shape), covered)


def _reached(points: FloatArray, latents: FloatArray) -> BoolArray:
    tree = cKDTree(latents)
    apart = tree.query(latents, k=2)[0][:, 1]
    return tree.query(points)[0] <= _REACH * np.quantile(apart, _QUANTILE)
