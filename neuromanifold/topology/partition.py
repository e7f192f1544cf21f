"""The partition of unity that carries what is known on landmarks to any point.

``w_l(x) = max(r - |x - l|, 0) / Σ_m max(r - |x - m|, 0)`` over the landmarks l, m that share an edge with the landmark
nearest to x: only to these is there a step from it. Balls of a point far from the cloud grow until they hold it, so
that its value does not jump from landmark to landmark.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from neuromanifold._typing import BoolArray, FloatArray, IntArray

__all__ = ["weights", "weights_at"]

# Points are mapped in blocks so that the distances to the landmarks stay in a few tens of megabytes.
BLOCK = 8192
# Balls reach this many times the distance of a point from its nearest landmark, where that is more than their radius.
STRETCH = 2.0


def weights_at(
    points: FloatArray, landmarks: FloatArray, joined: BoolArray, radius: float
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Nearest landmark (n,) and weights (n, l) of points (n, r), block by block."""
    for start in range(0, len(points), BLOCK):
        distance = cdist(points[start : start + BLOCK], landmarks)
        nearest = distance.argmin(axis=1)
        yield nearest, weights(distance, nearest, joined, radius)


def weights(distance: FloatArray, nearest: IntArray, joined: BoolArray, radius: float) -> FloatArray:
    """The partition of unity (n, l) at points with these distances to the landmarks (n, l) and nearest ones (n,)."""
    reach = np.maximum(radius, STRETCH * distance.min(axis=1))[:, None]
    weight = np.maximum(reach - distance, 0.0) * joined[nearest]
    total = weight.sum(axis=1, keepdims=True)
    # A point on a landmark that is joined to none, with no radius at all, is that landmark.
    weight[np.flatnonzero(total[:, 0] == 0), nearest[total[:, 0] == 0]] = 1.0
    return weight / np.where(total > 0, total, 1.0)
