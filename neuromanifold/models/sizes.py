"""How fine a fit is: points of the grids and numbers of harmonics, by intrinsic dimension and by samples."""

from __future__ import annotations

from neuromanifold.manifolds import Manifold

__all__ = ["GRID_SIZES", "MAX_HARMONICS", "START_GRID_SIZES", "largest_order"]

# Grid points by intrinsic dimension, and the most harmonics tried when all coordinates are known.
GRID_SIZES = {1: 256, 2: 2304}
START_GRID_SIZES = {1: 256, 2: 784}
MAX_HARMONICS = {1: 61, 2: 441}
# Least samples for each free coefficient of a unit.
SAMPLES_PER_HARMONIC = 3


def largest_order(template: Manifold, n_samples: int) -> int:
    """The largest order of harmonics that so many samples determine."""
    most = min(MAX_HARMONICS.get(template.dim, 256), n_samples // SAMPLES_PER_HARMONIC)
    order = 1
    while len(template.harmonics(order + 1)) <= most:
        order += 1
    return order
