"""Which samples make a loop: a shortest closed path through the landmarks that goes round it.

A loop is born when its last edge, as long as its birth, joins two landmarks that other edges, none longer, join already
the other way round. That other way, shortest by length, and the edge close a path that represents it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.topology.persistence import persistence_diagrams

__all__ = ["cycles_dataset", "longest_cycles", "representative_cycle"]

# Ripser keeps distances in single precision.
_ROUNDING = 1e-5
N_SHOWN = 3


def longest_cycles(landmarks: FloatArray, n_loops: int) -> tuple[IntArray, ...]:
    """Landmarks along a closed path round each of the ``n_loops`` longest loops of a cloud (l, r), in order."""
    bars = persistence_diagrams(landmarks, 1)[1]
    longest = np.argsort(bars[:, 0] - bars[:, 1], kind="stable")[:n_loops]
    return tuple(representative_cycle(landmarks, birth) for birth in bars[longest, 0])


def cycles_dataset(points: FloatArray, rows: IntArray, cycles: Sequence[IntArray]) -> xr.Dataset:
    """For figures: ``data`` (sample, component), some rows of the reduced activity (n, r) in its leading components,
    and ``position`` (step, component) along each closed path, with the number of its ``loop`` (step).
    """
    shown = points[:, :N_SHOWN]
    steps = np.concatenate([np.empty(0, np.int64), *cycles])
    return xr.Dataset(
        {
            "data": (("sample", "component"), shown[rows], {"long_name": "reduced activity"}),
            "position": (("step", "component"), shown[steps]),
            "loop": ("step", np.repeat(np.arange(len(cycles)), [len(cycle) for cycle in cycles])),
        },
        coords={"component": [f"PC{i + 1}" for i in range(shown.shape[1])]},
    )


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
