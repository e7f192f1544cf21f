"""Folds: places of a claimed sphere where one direction holds several states.

A Klein bottle of broadly tuned units is nearly a sphere with a small cross-cap at each pole, too small for homology to
see its loops. But at the poles one direction from the centre stands for a whole ring of states, in components beyond
the three of the sphere. With ``s(x)`` the variance of those components about x that a local linear fit on the direction
leaves over,

    fold ratio = 98 % quantile of s / median of s,

about 1 where the activity is a function of the direction plus even noise. Simulated spheres (40 to 200 Poisson units,
tuning concentration up to 6) have 1.2 to 1.6, Klein bottles named a sphere otherwise from 1.9 to 8.
"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from neuromanifold._typing import FloatArray
from neuromanifold.topology.coordinates import SphericalCoordinates

__all__ = ["MOST", "fold_ratio"]

# A claimed sphere with a larger ratio is left undecided.
MOST = 1.85
N_COMPONENTS = 3
N_PLACES = 300
# Of all samples, about each place; fewer than these 40 do not tell a variance.
SHARE, LEAST = 0.03, 40


def fold_ratio(points: FloatArray, rng: np.random.Generator) -> float:
    """The fold ratio of reduced activity (n, r), leading components first; 1 where there are none beyond three."""
    n_neighbors = max(LEAST, round(SHARE * len(points)))
    if points.shape[1] <= N_COMPONENTS or len(points) < 2 * n_neighbors:
        return 1.0
    offset = points[:, :N_COMPONENTS] - SphericalCoordinates.fit(points).centre
    direction = offset / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), np.finfo(float).tiny)
    places = rng.choice(len(points), min(N_PLACES, len(points)), replace=False)
    near = NearestNeighbors(n_neighbors=n_neighbors).fit(direction).kneighbors(direction[places], return_distance=False)
    left = np.array([_left_over(direction[rows], points[rows, N_COMPONENTS:]) for rows in near])
    return float(np.quantile(left, 0.98) / np.median(left))


def _left_over(direction: FloatArray, beyond: FloatArray) -> float:
    """Variance of ``beyond`` (k, r) that is not linear in the direction (k, 3)."""
    design = np.c_[np.ones(len(direction)), direction]
    residual = beyond - design @ np.linalg.lstsq(design, beyond, rcond=None)[0]
    return float((residual**2).sum() / (len(direction) - design.shape[1]))
