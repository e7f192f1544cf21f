r"""Intrinsic dimension: how many coordinates a cloud needs where it is looked at closely.

Two-NN (Facco et al. 2017): the ratio μ of the distances to the second and to the nearest neighbour follows, where
density varies little over these distances,

    P(μ > x) = x^{-D},    D = (N - 1) / Σ log μ

Local PCA: the participation ratio (Σ λ)² / Σ λ² of the variances λ of a point's neighbours, corrected for how few they
are. Noise has dimensions of its own at scales as small as the noise, so both look at the scale of landmarks, the first
at samples thinned to their number (it sees noise longer, in the nearest pairs), the second at a tenth of the samples.
They tell what a cloud is like; no verdict rests on them beyond leaving out cavities of a cloud that is a curve.
"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from neuromanifold._typing import FloatArray

__all__ = ["intrinsic_dimension", "local_pca", "two_nn"]

# Samples of the thinned cloud, and the parts it is thinned to: their mean ratio is what is used.
N_THINNED, N_PARTS = 300, 10
SHARE, N_PLACES = 0.1, 100


def intrinsic_dimension(points: FloatArray, rng: np.random.Generator) -> dict[str, float]:
    """Both estimates of a cloud (n, r), by name."""
    return {"two_nn": two_nn(points, rng), "local_pca": local_pca(points, rng)}


def two_nn(points: FloatArray, rng: np.random.Generator, n_thinned: int = N_THINNED) -> float:
    """Two-NN dimension of a cloud (n, r) thinned to ``n_thinned`` points; NaN where points coincide too often."""
    logs = []
    for _ in range(N_PARTS if len(points) > n_thinned else 1):
        part = points[rng.permutation(len(points))[:n_thinned]]
        distance = NearestNeighbors(n_neighbors=2).fit(part).kneighbors()[0]
        nearest, second = distance[distance[:, 0] > 0].T
        logs.append(np.log(second / nearest))
    total = np.concatenate(logs)
    return float((len(total) - len(logs)) / total.sum()) if total.sum() > 0 else float("nan")


def local_pca(points: FloatArray, rng: np.random.Generator, share: float = SHARE) -> float:
    """Median participation ratio of the neighbourhoods, each a share of the cloud (n, r), of up to 100 points."""
    n_neighbors = max(min(len(points) - 1, 10), round(share * len(points)))
    places = rng.permutation(len(points))[:N_PLACES]
    near = NearestNeighbors(n_neighbors=n_neighbors).fit(points).kneighbors(points[places], return_distance=False)
    return float(np.median([_participation_ratio(points[rows]) for rows in near]))


def _participation_ratio(points: FloatArray) -> float:
    """Of few points (n, r): tr(C)² / tr(C²), where tr(C)² / n of the sample's tr(C²) is its own noise."""
    covariance = np.cov(points.T).reshape(points.shape[1], -1)
    trace, squares = np.trace(covariance), np.sum(covariance**2)
    own = squares - trace**2 / len(points)
    return float(trace**2 / own) if own > 0 else 1.0
