"""How often each place of the template was visited: samples per area, in cells of a coarse grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.manifolds import Grid, Manifold

__all__ = ["Cells", "cells_of"]

N_CELLS = {1: 72, 2: 400}


@dataclass(frozen=True)
class Cells:
    """Cells of a template, and the cell (n,) of each sample."""

    grid: Grid
    index: IntArray

    @property
    def counts(self) -> IntArray:
        """Samples in each cell."""
        return np.bincount(self.index, minlength=len(self.grid.weights))

    @property
    def density(self) -> FloatArray:
        """Samples per area of each cell, relative to an even spread over the template."""
        weights = self.grid.weights.numpy()
        return self.counts / self.counts.sum() * weights.sum() / weights

    def means(self, values: FloatArray) -> FloatArray:
        """Mean of values (n,) in each cell; NaN where it was not visited."""
        sums = np.bincount(self.index, values, len(self.grid.weights))
        return np.divide(sums, self.counts, out=np.full(len(sums), np.nan), where=self.counts > 0)

    def moved(self, isometry: torch.Tensor) -> IntArray:
        """The cell that an isometry (m, m) of the template takes each cell to."""
        return cKDTree(self.grid.points.numpy()).query(self.grid.points.numpy() @ isometry.numpy().T)[1]


def cells_of(template: Manifold, points: FloatArray) -> Cells:
    """Cells of a template for samples at points (n, m)."""
    grid = template.grid(N_CELLS.get(template.dim, 1000))
    return Cells(grid, cKDTree(grid.points.numpy()).query(points)[1])
