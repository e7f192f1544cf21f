r"""Metrics: how far apart landmarks are, given the whole cloud that they stand for.

    euclidean      |x_i - x_j| / radius
    geodesic       shortest path through the cloud's neighbourhood graph / radius
    cosine-fuzzy   -log(a_ij + a_ji - a_ij a_ji),  a_ij = exp(-c_ij / σ_i),  c_ij = 1 - cos(x_i, x_j)

Euclidean distances are robust to noise; geodesic ones open manifolds that fold back on themselves, where noise makes
no short-cuts; fuzzy ones (Gardner et al. 2022, after UMAP) even out how densely parts are visited: σ_i is such that
landmark i has log2 k neighbours in all, k two thirds of the landmarks. Euclidean and geodesic distances are in units of
the cloud's RMS radius, so that shuffled and true clouds have one size; fuzzy ones have no unit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist
from sklearn.neighbors import kneighbors_graph

from neuromanifold._typing import FloatArray, IntArray

__all__ = ["METRICS", "REACH", "UNITS", "MetricName"]

MetricName: TypeAlias = Literal["euclidean", "geodesic", "cosine-fuzzy"]

# Of the neighbourhood graph: few enough that a fold is no short-cut, enough that noise does not tear the graph.
N_NEIGHBORS = 10
# Share of the landmarks that Gardner et al. take as neighbours (800 of 1,200).
FUZZY_SHARE = 2 / 3
BISECTIONS = 60


def euclidean(points: FloatArray, chosen: IntArray) -> FloatArray:
    """Distances (l, l) between the chosen points (n, r), in RMS radii of all."""
    return cdist(points[chosen], points[chosen]) / _radius(np.sum(points.var(axis=0)))


def geodesic(points: FloatArray, chosen: IntArray) -> FloatArray:
    """Lengths (l, l) of shortest paths from neighbour to neighbour, in RMS radii as seen by these lengths.

    Parts that no path joins are as far apart as the longest path is long, twice over: pieces stay pieces, and the
    filtration stays finite.
    """
    n_neighbors = min(N_NEIGHBORS, len(points) - 1)
    graph = kneighbors_graph(points, n_neighbors, mode="distance") if n_neighbors else np.zeros((1, 1))
    paths = dijkstra(graph, directed=False, indices=chosen)[:, chosen]
    finite = np.isfinite(paths)
    paths = np.where(finite, paths, 2 * paths[finite].max())
    # Independent points are √2 radii apart, root mean square.
    return (paths + paths.T) / 2 / _radius(np.mean(paths[finite] ** 2) / 2)


def cosine_fuzzy(points: FloatArray, chosen: IntArray) -> FloatArray:
    """Minus the logarithm (l, l) of fuzzy membership in each other's neighbourhood, by angles at the cloud's mean."""
    centred = points[chosen] - points.mean(axis=0)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.where(norm > 0, norm, 1.0)
    # Half the squared chord: 1 - u·v loses half its digits between neighbours.
    cosine = cdist(unit, unit, "sqeuclidean") / 2
    n_neighbors = max(2, round(FUZZY_SHARE * len(chosen)))
    strength = np.exp(-cosine / _widths(cosine, n_neighbors)[:, None])
    # 1 - (1 - a)(1 - b), from logarithms: -log of a union near 1 is its small complement.
    apart = np.log1p(-np.minimum(strength, 1 - 1e-16))
    distance = -np.log(-np.expm1(apart + apart.T))
    np.fill_diagonal(distance, 0.0)
    return np.maximum(distance, 0.0)


METRICS: dict[MetricName, Callable[[FloatArray, IntArray], FloatArray]] = {
    "euclidean": euclidean,
    "geodesic": geodesic,
    "cosine-fuzzy": cosine_fuzzy,
}
# How far holes are looked for. Those of manifolds and of noise are born well before 1.7 radii (the longest of noise: by
# 0.7 in degree 2 and 3 components, by 1.45 and 100 components), and the longer edges make most of the simplices.
REACH: dict[MetricName, float] = {"euclidean": 1.7, "geodesic": 1.7, "cosine-fuzzy": float("inf")}
UNITS: dict[MetricName, str] = {
    "euclidean": "RMS radii of the cloud",
    "geodesic": "RMS radii of the cloud, along it",
    "cosine-fuzzy": "-log fuzzy membership",
}


def _radius(mean_square: float) -> float:
    return float(np.sqrt(mean_square)) if mean_square > 0 else 1.0


def _widths(cosine: FloatArray, n_neighbors: int) -> FloatArray:
    """Width (l,) at which each landmark's strengths to its nearest sum to log2 of their number, by bisection."""
    near = np.sort(cosine, axis=1)[:, 1 : 1 + n_neighbors]
    low, high = np.zeros(len(near)), np.full(len(near), 1e3)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        too_wide = np.exp(-near / middle[:, None]).sum(axis=1) > np.log2(n_neighbors)
        low, high = np.where(too_wide, low, middle), np.where(too_wide, middle, high)
    # Duplicates are near however narrow the width; it stays positive.
    return np.maximum((low + high) / 2, np.finfo(float).tiny)
