"""A line or plane in input space: ``x(u) = origin + Σ_i u_i direction_i``, u its k affine coordinates.

Through points ``p_0 … p_k`` the directions are ``p_i - p_0``: ``p_0`` has coordinates 0, ``p_i`` the unit
vector i, and ``(1 - Σ u, u_1, …, u_k)`` are barycentric. The convex hull of the points is where those are ≥ 0; their
affine hull is the whole plane.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._settings import check_number, check_whole

__all__ = ["Plane"]


@dataclass(frozen=True)
class Plane:
    """A k-dimensional plane of inputs of any shape.

    Attributes
    ----------
    origin : Tensor (shape of an input)
    directions : Tensor (k, shape of an input)
        Linearly independent; they need not be orthogonal or of unit length.

    Raises
    ------
    InputError
        If the shapes differ or the directions are dependent.
    """

    origin: Tensor
    directions: Tensor

    def __post_init__(self) -> None:
        if self.directions.shape[1:] != self.origin.shape or len(self.directions) == 0:
            raise InputError(
                "a plane has an origin (*shape) and directions (k, *shape); got shapes "
                f"{tuple(self.origin.shape)} and {tuple(self.directions.shape)}"
            )
        flat = self.directions.reshape(self.k, -1).to(torch.float64)
        if not (flat.isfinite().all() and self.origin.isfinite().all()):
            raise InputError("the origin and directions of a plane must be finite")
        rank = int(torch.linalg.matrix_rank(flat))
        if rank < self.k:
            raise InputError(
                f"the {self.k} directions of a plane must be independent; these have rank {rank} (are two of its "
                "points the same, or three on a line?)"
            )

    @classmethod
    def through(cls, *points: Any) -> Plane:
        """The line through 2 points, the plane through 3, and so on; each point is an input ``(*shape)``."""
        tensors = [torch.as_tensor(point) for point in points]
        if len(tensors) < 2 or any(tensor.shape != tensors[0].shape for tensor in tensors):
            raise InputError(
                "a line goes through 2 points of one shape, a plane through 3; got shapes "
                f"{[tuple(tensor.shape) for tensor in tensors]}"
            )
        if not all(tensor.is_floating_point() for tensor in tensors):
            raise InputError("the points of a plane are floating-point inputs; convert and scale them as the network's")
        return cls(tensors[0], torch.stack(tensors[1:]) - tensors[0])

    @property
    def k(self) -> int:
        """Its dimension."""
        return len(self.directions)

    def points(self, u: Tensor) -> Tensor:
        """Inputs ``(b, *shape)`` at affine coordinates ``u (b, k)``."""
        return self.origin.to(u) + self.vectors(u)

    def vectors(self, v: Tensor) -> Tensor:
        """Vectors ``Σ_i v_i direction_i``, ``(b, *shape)``, of components ``v (b, k)``."""
        if v.ndim != 2 or v.shape[-1] != self.k:
            raise InputError(f"coordinates of this plane are an array (b, {self.k}); got shape {tuple(v.shape)}")
        return torch.tensordot(v, self.directions.to(v), dims=1)

    def coordinates(self, x: Tensor) -> Tensor:
        """Affine coordinates ``(b, k)``, float64, of the points of the plane nearest to inputs ``x (b, *shape)``."""
        basis = self.directions.reshape(self.k, -1).to(torch.float64)
        offset = (x.to(torch.float64) - self.origin.to(torch.float64)).reshape(len(x), -1)
        return torch.linalg.lstsq(basis.mT, offset.mT).solution.mT

    def barycentric(self, u: Tensor) -> Tensor:
        """Barycentric coordinates ``(b, k + 1)`` of affine ones ``u (b, k)``: weights of the points it goes through."""
        return torch.cat([1 - u.sum(-1, keepdim=True), u], -1)

    def convex_grid(self, n_side: int) -> Tensor:
        """Coordinates of a regular lattice on the convex hull, ``n_side`` points on each edge: ``(m, k)``, float64.

        A line has m = n_side points, a triangle ``n_side (n_side + 1) / 2``.
        """
        check_whole("n_side", n_side, 2)
        steps = n_side - 1
        lattice = [node for node in itertools.product(range(n_side), repeat=self.k) if sum(node) <= steps]
        return torch.tensor(lattice, dtype=torch.float64) / steps

    def affine_grid(self, n_side: int, margin: float = 0.5) -> Tensor:
        """Coordinates of an ``n_side``^k grid on ``[-margin, 1 + margin]^k``: ``(n_side^k, k)``, float64, the last
        one fastest.
        """
        check_whole("n_side", n_side, 2)
        check_number("margin", margin, 0)
        axis = torch.linspace(-margin, 1 + margin, n_side, dtype=torch.float64)
        return torch.cartesian_prod(*[axis] * self.k).reshape(-1, self.k)
