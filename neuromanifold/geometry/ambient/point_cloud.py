"""The info-Riemannian metric of point clouds: the Fisher information of a cloud as a density.

    p(y | x) = (1/n) Σ_i K_h(y - x_i),   A_ij = E_{y ~ p}[r_i r_j (y - x_i)(y - x_j)ᵀ] / h⁴

A cloud of n points in R^D is the row ``x = (x_1, …, x_n)`` of nD numbers; K_h is a Gaussian of width h, and r the
softmax of ``-|y - x_i|²/2h²``. Points far apart have ``A = I / (n h²)``; to swap two points, or to slide points along
the surface that they sample, costs little. The expectation over each Gaussian is Gauss–Hermite quadrature.

Lee, Kim, Choi & Park (2022), A statistical manifold framework for point cloud data.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._settings import check_positive, check_whole
from neuromanifold.geometry.ambient.base import Ambient

__all__ = ["PointCloud"]


@dataclass(eq=False)
class PointCloud(Ambient):
    """Metric of clouds of points, whatever the order of the points.

    Parameters
    ----------
    n_dims : int
        D.
    width : float
        h, in units of the points.
    n_nodes : int
        Of the quadrature, along each axis.
    """

    n_dims: int = 3
    width: float = 0.1
    n_nodes: int = 3

    def gram(self, x: Tensor, vectors: Tensor) -> Tensor:
        cloud = x.unflatten(1, (-1, self.n_dims))
        n_points = cloud.shape[1]
        nodes, weights = (t.to(x) for t in self._quadrature())
        # (n, points · nodes, D): where the density is looked at.
        y = (cloud[:, :, None] + self.width * nodes).flatten(1, 2)
        shift = y[:, :, None] - cloud[:, None]
        share = torch.softmax(-shift.square().sum(-1) / (2 * self.width**2), dim=-1)
        # The score of the density: how its logarithm at y changes with each point.
        score = (share[..., None] * shift).flatten(2) / self.width**2
        root = (weights / n_points).sqrt().repeat(n_points)
        along = root[:, None] * (score @ vectors)
        return along.mT @ along

    def fitted(self, activity: Tensor) -> PointCloud:
        check_whole("n_dims", self.n_dims, 1)
        check_whole("n_nodes", self.n_nodes, 2)
        check_positive("width", self.width)
        if activity.shape[1] % self.n_dims:
            raise InputError(
                f"a cloud of points in R^{self.n_dims} has a multiple of {self.n_dims} numbers; the data have "
                f"{activity.shape[1]}"
            )
        return self

    def _quadrature(self) -> tuple[Tensor, Tensor]:
        """Nodes (q, D) and weights (q,) of the standard normal law."""
        roots, weights = np.polynomial.hermite_e.hermegauss(self.n_nodes)
        nodes = np.array(list(product(roots, repeat=self.n_dims)))
        total = np.array([np.prod(w) for w in product(weights, repeat=self.n_dims)])
        return torch.as_tensor(nodes), torch.as_tensor(total / total.sum())
