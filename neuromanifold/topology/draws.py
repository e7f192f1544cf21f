"""Draws of landmarks, those first whose loops stand out most.

Where a loop is hardly longer than a gap between landmarks, the longest bars of one draw in several are not the loops of
the template; what is said of single samples (coordinates, the samples along a loop) is taken from a draw that shows
them. Of a draw whose degree-one bars have lengths ``l_1 >= l_2 >= ...``, b loops stand out by ``l_b - l_(b+1)``.
"""

from __future__ import annotations

import numpy as np

from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.topology.cloud import CloudSettings, landmark_rows
from neuromanifold.topology.persistence import bar_lengths, persistence_diagrams
from neuromanifold.topology.significance import draw_rows

__all__ = ["clearest_draws"]


def clearest_draws(
    points: FloatArray,
    settings: CloudSettings,
    n_landmarks: int,
    n_loops: int,
    rng: np.random.Generator,
    n_draws: int = 5,
) -> list[IntArray]:
    """Rows of the reduced activity (n, r) that are landmarks, one array a draw, the clearest first."""
    draws = [_draw(points, settings, n_landmarks, rng) for _ in range(n_draws)]
    return sorted(draws, key=lambda rows: _prominence(points[rows], n_loops), reverse=True)


def _draw(points: FloatArray, settings: CloudSettings, n_landmarks: int, rng: np.random.Generator) -> IntArray:
    rows = draw_rows(len(points), settings.n_samples, rng)
    _, chosen = landmark_rows(points[rows], settings, n_landmarks, rng)
    return rows[chosen]


def _prominence(landmarks: FloatArray, n_loops: int) -> float:
    lengths = np.pad(bar_lengths(persistence_diagrams(landmarks, 1)[1]), (0, n_loops + 1))
    return float(lengths[n_loops - 1] - lengths[n_loops])
