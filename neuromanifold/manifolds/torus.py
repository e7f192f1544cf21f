"""The flat torus T^k: a product of k unit circles in R^{2k}.

``z = (cos θ_1, sin θ_1, ..., cos θ_k, sin θ_k)``; the metric is ``Σ dθ_i²``, the volume ``(2π)^k``.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold import _geomstats
from neuromanifold._settings import check_whole
from neuromanifold.manifolds.base import Grid, Manifold
from neuromanifold.manifolds.grids import tensor_grid, uniform_axis
from neuromanifold.manifolds.harmonics import ProductHarmonics, SphericalHarmonics
from neuromanifold.manifolds.isometries import Isometries

__all__ = ["Torus"]


@dataclass(frozen=True)
class Torus(Manifold):
    """The product of ``n_circles`` unit circles.

    Raises
    ------
    InputError
        If there is no circle.
    """

    n_circles: int = 2

    def __post_init__(self) -> None:
        check_whole("n_circles", self.n_circles, 1)

    @property
    def name(self) -> str:
        return "torus" if self.n_circles == 2 else f"torus({self.n_circles})"

    @property
    def dim(self) -> int:
        return self.n_circles

    @property
    def embedding_dim(self) -> int:
        return 2 * self.n_circles

    @property
    def periods(self) -> tuple[float | None, ...]:
        return (2 * math.pi,) * self.n_circles

    @property
    def volume(self) -> float:
        return (2 * math.pi) ** self.n_circles

    @property
    def cover(self) -> Torus:
        return self

    def from_cover(self, w: Tensor) -> Tensor:
        return w

    def lifts(self, z: Tensor) -> Tensor:
        return z[None]

    def embed(self, u: Tensor) -> Tensor:
        self._check_angles(u)
        return torch.stack([torch.cos(u), torch.sin(u)], dim=-1).flatten(-2)

    def angles(self, z: Tensor) -> Tensor:
        circles = self._circles(z)
        return torch.atan2(circles[..., 1], circles[..., 0]) % (2 * math.pi)

    def project(self, x: Tensor) -> Tensor:
        circles = self._circles(x)
        return (circles / torch.linalg.vector_norm(circles, dim=-1, keepdim=True)).flatten(-2)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        size = (n, self.dim)
        turns = torch.rand(size, generator=generator, dtype=torch.float64, device=generator.device)
        return self.embed(2 * math.pi * turns)

    def distance(self, z: Tensor, w: Tensor) -> Tensor:
        """Root of the sum of the squares of the circles' distances."""
        a, b = self._circles(z), self._circles(w)
        norm = torch.linalg.vector_norm
        return norm(2 * torch.atan2(norm(a - b, dim=-1), norm(a + b, dim=-1)), dim=-1)

    def grid(self, n_points: int) -> Grid:
        """Uniform in every angle, with the same number of points."""
        side = max(1, round(n_points ** (1 / self.dim)))
        return tensor_grid(self, [uniform_axis(side, 2 * math.pi)] * self.dim)

    def frame(self, z: Tensor) -> tuple[Tensor, Tensor]:
        circles = self._circles(z)
        turned = torch.stack([-circles[..., 1], circles[..., 0]], dim=-1)
        eye = torch.eye(self.dim, dtype=z.dtype, device=z.device)
        tangent = (turned[..., None] * eye[:, None, :]).flatten(-3, -2)
        second = -circles[..., None, None] * (eye[:, None, :, None] * eye[:, None, None, :])
        return tangent, second.flatten(-4, -3)

    def harmonics(self, order: int) -> ProductHarmonics:
        """The ``(2 order + 1)^k`` products of harmonics of the circles, each of frequency up to ``order``."""
        return ProductHarmonics([SphericalHarmonics(1, order) for _ in range(self.dim)], [2] * self.dim)

    def isometries(self) -> Isometries:
        """Turns and reflections of each circle, and permutations of the circles."""
        return Isometries(self._generators(), self._components())

    def betti(self, prime: int = 2) -> tuple[int, ...]:
        self._check_prime(prime)
        return tuple(math.comb(self.dim, degree) for degree in range(max(self.dim, 2) + 1))

    def geomstats_space(self) -> Any:
        """``ProductManifold`` of circles in extrinsic coordinates; its points ``(k, 2)`` are
        ``z.reshape(k, 2)``.
        """
        circle = _geomstats.geometry("hypersphere").Hypersphere
        factors = [circle(1) for _ in range(self.dim)]
        return _geomstats.geometry("product_manifold").ProductManifold(factors, point_ndim=2)

    def _circles(self, z: Tensor) -> Tensor:
        return self._check_points(z).reshape(*z.shape[:-1], self.dim, 2)

    def _generators(self) -> Tensor:
        generators = torch.zeros(self.dim, self.embedding_dim, self.embedding_dim, dtype=torch.float64)
        for i in range(self.dim):
            generators[i, 2 * i + 1, 2 * i] = 1.0
            generators[i, 2 * i, 2 * i + 1] = -1.0
        return generators

    def _components(self) -> Tensor:
        eye = torch.eye(self.dim, dtype=torch.float64)
        orders = itertools.permutations(range(self.dim))
        signs = list(itertools.product((1.0, -1.0), repeat=self.dim))
        return torch.stack(
            [
                torch.kron(eye[list(order)], torch.eye(2, dtype=torch.float64))
                * torch.tensor(_flips(sign), dtype=torch.float64)
                for order in orders
                for sign in signs
            ]
        )


def _flips(signs: tuple[float, ...]) -> list[float]:
    """Factors of the coordinates that reflect circles: cosines stay, sines take the sign."""
    return [factor for sign in signs for factor in (1.0, sign)]
