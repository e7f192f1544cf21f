"""Statistics: what a fitted manifold says about task variables, and how sure that is."""

from __future__ import annotations

from neuromanifold.statistics.alignment import angular_error, best_rotation, held_out_points
from neuromanifold.statistics.along import curvature_against
from neuromanifold.statistics.summary import scalars, summary
from neuromanifold.statistics.variation import curvature_variation

__all__ = [
    "angular_error",
    "best_rotation",
    "curvature_against",
    "curvature_variation",
    "held_out_points",
    "scalars",
    "summary",
]
