"""Which samples make a loop: a shortest closed path through the landmarks that goes round it.

A loop is born when its last edge, as long as its birth, joins two landmarks that other edges, none longer, join already
the other way round. That other way, shortest by length, and the edge close a path that represents it.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

from neuromanifold._typing import FloatArray, IntArray

__all__ = ["representative_cycle"]

# Ripser keeps distances in single precision.
_ROUNDING = 1e-5


def representative_cycle(landmarks: FloatArray, birth: float) -> IntArray:
    """Landmarks (m,) along a closed path round the loop of a cloud (l, r) that is born at a distance, in order.

    Empty where no edge of that length closes a path.
    """
    distance = cdist(landmarks, landmarks)
    start, end = np.unravel_index(np.argmin(np.abs(distance - birth)), distance.shape)
    length = distance[start, end]
    if abs(length - birth) > _ROUNDING * max(birth, 1.0):
        return np.empty(0, np.int64)
    others = np.where(distance <= length * (1 + _ROUNDING), distance, 0.0)
    others[start, end] = others[end, start] = 0.0
    reach, before = dijkstra(others, indices=int(start), return_predecessors=True)
    if not np.isfinite(reach[end]):
        return np.empty(0, np.int64)
    path = [int(end)]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1], np.int64)
