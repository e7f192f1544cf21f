"""A kernel ``k(x, y)``, and the metric it gives its inputs.

    g_ab(x) = ∂_{x_a} ∂_{y_b} k(x, y)|_{y=x}

It is the metric of the kernel's feature map, ``k(x, y) = Φ(x)·Φ(y)``, whatever the dimension of that (Burges 1999).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from neuromanifold._errors import InputError
from neuromanifold.featuremaps.points import as_points
from neuromanifold.geometry import intrinsic

__all__ = ["Kernel"]


class Kernel(ABC):
    """A positive semidefinite kernel on R^D with its geometry.

    Subclasses define :meth:`gram` and :meth:`field`, both differentiable; :meth:`field` in closed form, since
    differentiating ``gram`` at ``y = x`` meets square roots and clamps that have no derivative there.
    Points are ``(n, D)`` or one ``(D,)``, which gives results without the leading axis; results are float64.
    """

    @abstractmethod
    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        """``k(x_i, y_j)`` of points ``(n, D)``, ``(m, D)``: ``(n, m)``."""

    @abstractmethod
    def field(self, x: Tensor) -> Tensor:
        """The metric at points ``(n, D)``: ``(n, D, D)``."""

    def diagonal(self, x: Tensor) -> Tensor:
        """``k(x_i, x_i)`` of points ``(n, D)``: ``(n,)``."""
        return torch.stack([self.gram(point, point)[0, 0] for point in x.split(1)])

    def slopes(self, x: Tensor, y: Tensor) -> Tensor:
        """``∂_x k(x_i, y_j)``: ``(n, m, D)``."""
        return vmap(jacrev(lambda point: self.gram(point[None], y)[0]))(x)

    def diagonal_slope(self, x: Tensor) -> Tensor:
        """``∂_x k(x, x)``: ``(n, D)``."""
        return vmap(jacrev(lambda point: self.diagonal(point[None])[0]))(x)

    def __call__(self, x: Any, y: Any = None) -> Tensor:
        """Kernel matrix ``(n, m)`` of points x ``(n, D)`` and y ``(m, D)`` (None: x); of single points ``(D,)``,
        without their axes.
        """
        rows, row = as_points(x)
        columns, column = (rows, row) if y is None else as_points(y)
        if rows.shape[-1] != columns.shape[-1]:
            raise InputError(
                f"points of one space are compared; got {rows.shape[-1]} and {columns.shape[-1]} coordinates"
            )
        gram = self.gram(rows, columns)
        gram = gram[:, 0] if column else gram
        return gram[0] if row else gram

    def metric(self, x: Any) -> Tensor:
        """g: ``(n, D, D)``."""
        points, single = as_points(x)
        metric = self.field(points)
        return metric[0] if single else metric

    def log_volume(self, x: Any) -> Tensor:
        """``½ Σ log λ`` over the nonzero eigenvalues λ of g: ``(n,)``; ``½ log det g`` where the rank is full."""
        return self._volume_and_rank(x)[0]

    def rank(self, x: Any) -> Tensor:
        """Numerical rank of g: ``(n,)``, int64."""
        return self._volume_and_rank(x)[1]

    def scalar_curvature(self, x: Any) -> Tensor:
        """Scalar curvature of g, from its Christoffel symbols: ``(n,)``; NaN where g is singular."""
        points, single = as_points(x)
        curvature = intrinsic.scalar_curvature(self.field, points)
        return curvature[0] if single else curvature

    def _volume_and_rank(self, x: Any) -> tuple[Tensor, Tensor]:
        metric = self.metric(x)
        values = torch.linalg.eigvalsh(metric)
        nonzero = values > metric.shape[-1] * torch.finfo(values.dtype).eps * values[..., -1:]
        return 0.5 * torch.where(nonzero, values, 1.0).log().sum(-1), nonzero.sum(-1)
