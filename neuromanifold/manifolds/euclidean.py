"""Euclidean space R^k, the contractible template, seen through the window [-1, 1]^k.

``embed`` is the identity. The space has no end, so what needs a finite volume (``sample``, ``grid``,
``volume``, ``harmonics``) refers to the window: an interval for k = 1, a square for k = 2. The harmonics
``Π_i cos(π a_i (u_i + 1) / 2)``, with ``λ = (π/2)² Σ a_i²``, have vanishing normal derivative on its
boundary (Neumann).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold import _geomstats
from neuromanifold._settings import check_whole
from neuromanifold.manifolds.base import Grid, Manifold
from neuromanifold.manifolds.grids import interval_axis, tensor_grid
from neuromanifold.manifolds.harmonics import Harmonics, ProductHarmonics
from neuromanifold.manifolds.isometries import Isometries, rotation_generators

__all__ = ["Euclidean", "IntervalHarmonics"]


class IntervalHarmonics(Harmonics):
    """Cosines ``cos(π a (u + 1) / 2)``, a ≤ ``order``, orthonormal on [-1, 1]; ``λ = (π a / 2)²``."""

    def __init__(self, order: int) -> None:
        super().__init__([(0.5 * math.pi * a) ** 2 for a in range(order + 1)])

    def forward(self, z: Tensor) -> Tensor:
        waves = torch.cos(self.eigenvalues.to(z.dtype).sqrt() * (z + 1))
        scale = torch.ones_like(self.eigenvalues, dtype=z.dtype)
        scale[0] = 0.5**0.5
        return waves * scale


@dataclass(frozen=True)
class Euclidean(Manifold):
    """R^k with the window [-1, 1]^k; ``Euclidean(2)`` is the contractible template.

    Raises
    ------
    InputError
        If the dimension is less than 1.
    """

    n: int = 2

    def __post_init__(self) -> None:
        check_whole("n, the dimension of a Euclidean template,", self.n, 1)

    @property
    def name(self) -> str:
        return "contractible" if self.n == 2 else f"euclidean({self.n})"

    @property
    def dim(self) -> int:
        return self.n

    @property
    def embedding_dim(self) -> int:
        return self.n

    @property
    def periods(self) -> tuple[float | None, ...]:
        return (None,) * self.n

    @property
    def volume(self) -> float:
        return 2.0**self.n

    @property
    def cover(self) -> Euclidean:
        return self

    def from_cover(self, w: Tensor) -> Tensor:
        return w

    def lifts(self, z: Tensor) -> Tensor:
        return z[None]

    def embed(self, u: Tensor) -> Tensor:
        return self._check_angles(u)

    def angles(self, z: Tensor) -> Tensor:
        return self._check_points(z)

    def project(self, x: Tensor) -> Tensor:
        return self._check_points(x)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        size = (n, self.n)
        return 2 * torch.rand(size, generator=generator, dtype=torch.float64, device=generator.device) - 1

    def distance(self, z: Tensor, w: Tensor) -> Tensor:
        return torch.linalg.vector_norm(z - w, dim=-1)

    def grid(self, n_points: int) -> Grid:
        """Midpoints of equal cells of the window."""
        side = max(1, round(n_points ** (1 / self.n)))
        return tensor_grid(self, [interval_axis(side, -1.0, 1.0)] * self.n)

    def frame(self, z: Tensor) -> tuple[Tensor, Tensor]:
        self._check_points(z)
        eye = torch.eye(self.n, dtype=z.dtype, device=z.device)
        return eye.expand(*z.shape[:-1], -1, -1), z.new_zeros(*z.shape, self.n, self.n)

    def harmonics(self, order: int) -> ProductHarmonics:
        """Products of the window's cosines, each of frequency up to ``order``: ``(order + 1)^k``."""
        return ProductHarmonics([IntervalHarmonics(order) for _ in range(self.n)], [1] * self.n)

    def isometries(self) -> Isometries:
        """The isometries of R^k that fix the origin, O(k); centre points before aligning them."""
        eye = torch.eye(self.n, dtype=torch.float64)
        reflection = eye.clone()
        reflection[-1, -1] = -1
        return Isometries(rotation_generators(self.n), torch.stack([eye, reflection]))

    def betti(self, prime: int = 2) -> tuple[int, ...]:
        self._check_prime(prime)
        return (1,) + (0,) * max(self.n, 2)

    def geomstats_space(self) -> Any:
        """``Euclidean(k)``: its points are our ``z``."""
        return _geomstats.geometry("euclidean").Euclidean(self.n)
