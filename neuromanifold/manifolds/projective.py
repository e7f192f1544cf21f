"""The projective plane RP² = S² / (w ~ -w), by the Veronese embedding in R^5.

The symmetric matrix ``w wᵀ / √2`` is the same for w and -w and is an isometric image of the unit sphere.
In an orthonormal basis of the traceless symmetric matrices it has five coordinates, on a sphere of radius
1/√3: ``z = (w_0 w_1, w_0 w_2, w_1 w_2, (w_0² - w_1²)/2, (2w_2² - w_0² - w_1²)/(2√3))``.
Angles: (colatitude in [0, π/2], longitude) of w in the upper hemisphere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold import _geomstats
from neuromanifold.manifolds.base import Grid
from neuromanifold.manifolds.grids import hemisphere_axis, tensor_grid, uniform_axis
from neuromanifold.manifolds.isometries import Isometries, rotation_generators
from neuromanifold.manifolds.quotient import Quotient, QuotientHarmonics
from neuromanifold.manifolds.sphere import Sphere

__all__ = ["ProjectivePlane"]


def _forms(like: Tensor) -> Tensor:
    """The matrices A_a ``(5, 3, 3)`` with ``z_a = ½ wᵀ A_a w``; ``tr(A_a A_b) = 2 δ_ab``."""
    forms = torch.zeros(5, 3, 3, dtype=torch.float64)
    for a, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        forms[a, i, j] = forms[a, j, i] = 1.0
    forms[3] = torch.diag(torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64))
    forms[4] = torch.diag(torch.tensor([-1.0, -1.0, 2.0], dtype=torch.float64)) / math.sqrt(3)
    return forms.to(device=like.device, dtype=like.dtype)


@dataclass(frozen=True)
class ProjectivePlane(Quotient):
    """RP², the sphere with antipodes identified."""

    @property
    def name(self) -> str:
        return "projective"

    @property
    def embedding_dim(self) -> int:
        return 5

    @property
    def cover(self) -> Sphere:
        return Sphere(2)

    def from_cover(self, w: Tensor) -> Tensor:
        x, y, t = w[..., 0], w[..., 1], w[..., 2]
        squares = x * x + y * y
        z = [x * y, x * t, y * t, (x * x - y * y) / 2, (2 * t * t - squares) / (2 * math.sqrt(3))]
        return torch.stack(z, dim=-1)

    def lift(self, z: Tensor) -> Tensor:
        outer = self._outer(self._check_points(z))
        # w = (w wᵀ) e_i / |w_i|, with the largest |w_i| for the pivot: smooth, and up to sign it is w for
        # any i.
        diagonal = torch.stack([outer[..., i, i] for i in range(3)], dim=-1)
        pivot = diagonal.argmax(-1, keepdim=True)
        column = torch.take_along_dim(outer, pivot[..., None], dim=-1)[..., 0]
        return column / torch.take_along_dim(diagonal, pivot, dim=-1).sqrt()

    def identify(self, w: Tensor) -> Tensor:
        return -w

    def fundamental(self, w: Tensor) -> Tensor:
        return torch.where(w[..., 2:] < 0, -w, w)

    def project(self, x: Tensor) -> Tensor:
        """The top eigenvector of the symmetric matrix of ``x`` (the nearest rank-one matrix)."""
        _, vectors = torch.linalg.eigh(self._outer(self._check_points(x)))
        return self.from_cover(vectors[..., -1])

    def grid(self, n_points: int) -> Grid:
        """Gauss–Legendre in cos θ over the hemisphere, uniform in the longitude (which has four times the
        points).
        """
        side = max(1, round((n_points / 4) ** 0.5))
        return tensor_grid(self, [hemisphere_axis(side), uniform_axis(4 * side, 2 * math.pi)])

    def frame(self, z: Tensor) -> tuple[Tensor, Tensor]:
        w, forms = self.lift(z), _forms(z)
        tangent, second = self.cover.frame(w)
        rows = torch.einsum("aij,...j->...ai", forms, w)
        bend = torch.einsum("...ip,aij,...jq->...apq", tangent, forms, tangent)
        return rows @ tangent, bend + torch.einsum("...ai,...ipq->...apq", rows, second)

    def harmonics(self, order: int) -> QuotientHarmonics:
        """The spherical harmonics of even degree up to ``order``."""
        of_cover = self.cover.harmonics(order)
        degrees = (torch.sqrt(of_cover.eigenvalues + 0.25) - 0.5).round()
        return QuotientHarmonics(self, of_cover, degrees % 2 == 0)

    def isometries(self) -> Isometries:
        """Rotations of the sphere, ``w -> R w``; -R moves every point as R does, so there is one
        component.
        """
        forms = _forms(torch.zeros((), dtype=torch.float64))
        # d/dt of ½ tr(A_a exp(tG) M exp(-tG)) with M = ½ Σ_b z_b A_b + const: ¼ tr(A_a [G, A_b]) z_b · 2.
        bracket = torch.einsum("gij,bjk->gbik", rotation_generators(3), forms)
        bracket = bracket + bracket.mT
        generators = 0.5 * torch.einsum("aij,gbij->gab", forms, bracket)
        return Isometries(generators, torch.eye(5, dtype=torch.float64)[None])

    def betti(self, prime: int = 2) -> tuple[int, ...]:
        return (1, 1, 1) if self._check_prime(prime) == 2 else (1, 0, 0)

    def geomstats_space(self) -> Any:
        """``Grassmannian(3, 1)``: its points are the projections ``w wᵀ``, w = ``lift(z)``."""
        return _geomstats.geometry("grassmannian").Grassmannian(3, 1)

    def _outer(self, z: Tensor) -> Tensor:
        """``w wᵀ = Σ_a z_a A_a + I/3``."""
        eye = torch.eye(3, dtype=z.dtype, device=z.device)
        return (z[..., :, None, None] * _forms(z)).sum(-3) + eye / 3
