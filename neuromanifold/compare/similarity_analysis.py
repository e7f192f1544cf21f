r"""Representational similarity analysis (RSA): are the same pairs of samples near and far in both representations?

    RSA = Spearman's correlation of D and E,   D_ij = |x_i - x_j|, E_ij = |y_i - y_j|, over pairs i < j

Long recordings are thinned evenly to at most 500 samples, 125,000 pairs. In the bootstrap a pair weighs
``w_i w_j`` and ranks are those of the weighted pairs, so that no sample is ever paired with its own copy.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import xarray as xr
from scipy.spatial.distance import pdist, squareform

from neuromanifold._errors import InputError
from neuromanifold._settings import check_choice
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.compare.representation import Pair, paired
from neuromanifold.compare.resampling import NullKind, Resampling, compared, time_blocks

__all__ = ["Similarity", "rsa"]

MOST_SAMPLES = 500
Metric: TypeAlias = Literal["euclidean", "correlation"]


def rsa(
    A: Any,
    B: Any,
    groups: ArrayLike | None = None,
    *,
    metric: Metric = "euclidean",
    n_bootstrap: int = 200,
    block_length: int | None = None,
    n_shuffles: int = 100,
    null: NullKind = "time-shift",
    level: float = 0.95,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Representational similarity of two representations of the same samples, with its error and a p-value.

    Parameters
    ----------
    A, B, groups, n_bootstrap, block_length, n_shuffles, null, level, random_state
        As in :func:`~neuromanifold.compare.cka`.
    metric : {"euclidean", "correlation"}
        Dissimilarity of two samples: their distance, or 1 - Pearson's correlation over units (3 units or more).

    Returns
    -------
    Dataset
        As that of :func:`~neuromanifold.compare.cka`; attr ``n_samples_compared`` counts the samples after thinning.

    Raises
    ------
    InputError
        As :func:`~neuromanifold.compare.cka`, for an unknown metric, and where the metric has no value for a sample.

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008) Front. Syst. Neurosci. 2:4.
    """
    check_choice("metric", metric, ("euclidean", "correlation"))
    resampling = Resampling(n_bootstrap, block_length, n_shuffles, null, level, random_state)
    whole = paired(A, B, groups)
    rows = np.unique(np.linspace(0, len(whole.X) - 1, min(len(whole.X), MOST_SAMPLES)).astype(np.int64))
    blocks = np.unique(time_blocks(whole.groups, block_length)[rows], return_inverse=True)[1]
    pair = Pair(whole.X[rows], whole.Y[rows], whole.groups[rows])
    attrs: dict[str, str | int | float] = {
        "measure": "RSA",
        "convention": f"Spearman's correlation of {metric} dissimilarities over pairs of samples",
        "n_samples_compared": len(rows),
    }
    found = compared(Similarity(pair, metric), pair.groups, resampling, blocks, alike="large", units="1", attrs=attrs)
    return found.assign_attrs(n_samples=len(whole.X))


class Similarity:
    """RSA of one pair."""

    def __init__(self, pair: Pair, metric: Metric) -> None:
        self.n = len(pair.X)
        self.rows, self.columns = np.triu_indices(self.n, 1)
        self.levels = [
            _levels(_dissimilarity(values, metric, name)) for values, name in zip(pair[:2], "AB", strict=True)
        ]
        self.ranks = [_ranks(levels, np.ones(len(self.rows))) for levels in self.levels]
        self.value = _correlation(self.ranks[0], self.ranks[1], np.ones(len(self.rows)))

    def weighted(self, weights: FloatArray) -> float:
        """The measure with a weight (n,) for each sample."""
        pairs = weights[self.rows] * weights[self.columns]
        near, far = (_ranks(levels, pairs) for levels in self.levels)
        return _correlation(near, far, pairs)

    def shuffled(self, order: IntArray) -> float:
        """The measure after the second representation's samples were put in another order (n,)."""
        moved = squareform(self.ranks[1])[np.ix_(order, order)][self.rows, self.columns]
        return _correlation(self.ranks[0], moved, np.ones(len(self.rows)))


def _dissimilarity(values: FloatArray, metric: Metric, name: str) -> FloatArray:
    if metric == "correlation":
        flat = np.flatnonzero(np.ptp(values, axis=1) == 0)
        if values.shape[1] < 3 or len(flat):
            raise InputError(
                f"{name} has {values.shape[1]} units and {len(flat)} samples in which all units are equal: the metric "
                '"correlation" needs 3 units that differ in every sample; take "euclidean"'
            )
    distances = pdist(values, metric)
    if not np.ptp(distances):
        raise InputError(f"all pairs of samples are equally far apart in {name}: there is no order to compare")
    return distances


def _levels(distances: FloatArray) -> IntArray:
    """Which of the sorted distinct values each distance is."""
    return np.unique(distances, return_inverse=True)[1]


def _ranks(levels: IntArray, weights: FloatArray) -> FloatArray:
    """Weighted ranks, ties at their middle: the weight below, and half of that at the same level."""
    size = np.bincount(levels, weights)
    return (np.cumsum(size) - 0.5 * size)[levels]


def _correlation(x: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    """Weighted Pearson correlation."""
    share = weights / weights.sum()
    x, y = x - share @ x, y - share @ y
    size = (share @ x**2) * (share @ y**2)
    return float(share @ (x * y) / np.sqrt(size)) if size > 0 else float("nan")
