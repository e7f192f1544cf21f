"""The unit sphere S^n in R^{n+1}; S^1 is the circle.

Angles (θ_1, ..., θ_{n-1}, φ), colatitudes first, longitude last: ``z = (sin θ_1 w, cos θ_1)`` with w in
S^{n-1} of the remaining angles, and ``(cos φ, sin φ)`` on the circle. So on S²,
``z = (sin θ cos φ, sin θ sin φ, cos θ)``. Volume ``|S^n| = 2 π^{(n+1)/2} / Γ((n+1)/2)``.
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
from neuromanifold.manifolds.grids import colatitude_axis, tensor_grid, uniform_axis
from neuromanifold.manifolds.harmonics import SphericalHarmonics
from neuromanifold.manifolds.isometries import Isometries, rotation_generators

__all__ = ["Sphere"]


@dataclass(frozen=True)
class Sphere(Manifold):
    """The unit sphere S^n (n = ``dim``); ``Sphere(1)`` is the circle.

    Raises
    ------
    InputError
        If the dimension is less than 1.
    """

    n: int = 2

    def __post_init__(self) -> None:
        check_whole("n, the dimension of a sphere,", self.n, 1)

    @property
    def name(self) -> str:
        return {1: "circle", 2: "sphere"}.get(self.n, f"sphere({self.n})")

    @property
    def dim(self) -> int:
        return self.n

    @property
    def embedding_dim(self) -> int:
        return self.n + 1

    @property
    def periods(self) -> tuple[float | None, ...]:
        return (None,) * (self.n - 1) + (2 * math.pi,)

    @property
    def volume(self) -> float:
        half = self.embedding_dim / 2
        return 2 * math.pi**half / math.gamma(half)

    @property
    def cover(self) -> Sphere:
        return self

    def from_cover(self, w: Tensor) -> Tensor:
        return w

    def lifts(self, z: Tensor) -> Tensor:
        return z[None]

    def embed(self, u: Tensor) -> Tensor:
        self._check_angles(u)
        z = torch.stack([torch.cos(u[..., -1]), torch.sin(u[..., -1])], dim=-1)
        for i in reversed(range(self.n - 1)):
            colatitude = u[..., i : i + 1]
            z = torch.cat([torch.sin(colatitude) * z, torch.cos(colatitude)], dim=-1)
        return z

    def angles(self, z: Tensor) -> Tensor:
        self._check_points(z)
        radii = [torch.linalg.vector_norm(z[..., : j + 1], dim=-1) for j in range(1, self.n)]
        colatitudes = [torch.atan2(radii[j - 2], z[..., j]) for j in range(self.n, 1, -1)]
        longitude = torch.atan2(z[..., 1], z[..., 0]) % (2 * math.pi)
        return torch.stack([*colatitudes, longitude], dim=-1)

    def project(self, x: Tensor) -> Tensor:
        self._check_points(x)
        return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        size = (n, self.embedding_dim)
        return self.project(torch.randn(size, generator=generator, dtype=torch.float64, device=generator.device))

    def distance(self, z: Tensor, w: Tensor) -> Tensor:
        # Exact near 0 and near π, where acos of the inner product loses half the digits and its derivative.
        norm = torch.linalg.vector_norm
        return 2 * torch.atan2(norm(z - w, dim=-1), norm(z + w, dim=-1))

    def grid(self, n_points: int) -> Grid:
        """Gauss–Gegenbauer in the cosines of the colatitudes, uniform in the longitude (which has twice
        the points).
        """
        side = max(1, round((n_points / 2) ** (1 / self.n)))
        n_longitudes = n_points if self.n == 1 else 2 * side
        axes = [colatitude_axis(side, self.n - i - 1) for i in range(self.n - 1)]
        return tensor_grid(self, [*axes, uniform_axis(n_longitudes, 2 * math.pi)])

    def frame(self, z: Tensor) -> tuple[Tensor, Tensor]:
        self._check_points(z)
        # Householder: H = I - 2vvᵀ/vᵀv with v = z ± e_m maps e_m to ∓z, so its other columns span the
        # tangent space.
        sign = torch.where(z[..., -1:] < 0, -1.0, 1.0).to(z)
        v = torch.cat([z[..., :-1], z[..., -1:] + sign], dim=-1)
        scale = v / (1 + z[..., -1:].abs())
        basis = torch.eye(self.embedding_dim, dtype=z.dtype, device=z.device)[:, :-1]
        tangent = basis - v[..., :, None] * scale[..., None, :-1]
        # det(H e_1, ..., H e_n, z) = sign; the angles have det(∂_1 z, ..., ∂_n z, z) = (-1)^{n(n+3)/2 - 1}.
        flip = sign if (self.n * (self.n + 3) // 2) % 2 == 1 else -sign
        tangent = torch.cat([tangent[..., :1] * flip[..., None], tangent[..., 1:]], dim=-1)
        return tangent, -z[..., :, None, None] * torch.eye(self.n, dtype=z.dtype, device=z.device)

    def harmonics(self, order: int) -> SphericalHarmonics:
        """All spherical harmonics of degree up to ``order``; on the circle 1, cos aθ, sin aθ for a ≤
        order.
        """
        return SphericalHarmonics(self.n, order)

    def isometries(self) -> Isometries:
        """The orthogonal group O(n+1)."""
        m = self.embedding_dim
        reflection = torch.eye(m, dtype=torch.float64)
        reflection[1, 1] = -1
        return Isometries(rotation_generators(m), torch.stack([torch.eye(m, dtype=torch.float64), reflection]))

    def betti(self, prime: int = 2) -> tuple[int, ...]:
        self._check_prime(prime)
        return tuple(int(degree in (0, self.n)) for degree in range(max(self.n, 2) + 1))

    def geomstats_space(self) -> Any:
        """``Hypersphere(n)`` in extrinsic coordinates: its points are our ``z``."""
        return _geomstats.geometry("hypersphere").Hypersphere(self.n)
