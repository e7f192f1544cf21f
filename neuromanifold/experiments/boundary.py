"""The boundary of a prediction in the plane, and how a field over the plane lies about it and about the origin."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from neuromanifold._typing import FloatArray

__all__ = ["distance_to_boundary", "partial_rank_correlation", "radial_share", "rank_correlation"]


def distance_to_boundary(margin: FloatArray, axis: FloatArray, points: FloatArray) -> FloatArray:
    """Distance of points (n, 2) to the zero set of a margin (m, m) known on ``axis × axis``; NaN if there is none.

    The zero set is found on the edges of the grid by linear interpolation, so it is exact to second order in the step.
    """
    along_first = _crossings(margin, axis)
    along_second = _crossings(margin.T, axis)[:, ::-1]
    crossings = np.concatenate([along_first, along_second])
    if len(crossings) == 0:
        return np.full(len(points), np.nan)
    return cKDTree(crossings).query(points)[0]


def _crossings(margin: FloatArray, axis: FloatArray) -> FloatArray:
    """Zeros along the first axis: (n, 2)."""
    before, after = margin[:-1], margin[1:]
    i, j = np.nonzero((before > 0) != (after > 0))
    share = before[i, j] / (before[i, j] - after[i, j])
    return np.stack([axis[i] + share * (axis[i + 1] - axis[i]), axis[j]], axis=1)


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Spearman's rank correlation of two fields."""
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def partial_rank_correlation(a: FloatArray, b: FloatArray, given: FloatArray) -> float:
    """Spearman's correlation of a and b with that of each with a third field taken out."""
    r = np.corrcoef([rankdata(a), rankdata(b), rankdata(given)])
    return float((r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)))


def radial_share(field: FloatArray, radius: FloatArray, n_bins: int = 20) -> float:
    """Share of the field's variance that the distance from the origin explains: 1 for a symmetric one."""
    edges = np.quantile(radius, np.linspace(0, 1, n_bins + 1)[1:-1])
    ring = np.digitize(radius, edges)
    mean = np.bincount(ring, field, n_bins) / np.bincount(ring, minlength=n_bins)
    return float(1 - np.sum((field - mean[ring]) ** 2) / np.sum((field - field.mean()) ** 2))
