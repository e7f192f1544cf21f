"""The flat Klein bottle K = T² / ((θ, φ) ~ (θ + π, -φ)), isometrically embedded in R^5.

``z = (sin φ cos θ, sin φ sin θ, ½ cos φ cos 2θ, ½ cos φ sin 2θ, (√3/2) cos φ)`` takes the same value on
identified points and no other two, lies on the unit sphere, and has metric ``dθ² + dφ²``: the
coefficients are chosen so that ``sin²φ + 4·¼ cos²φ = 1`` and ``cos²φ + (¼ + ¾) sin²φ = 1``. Fundamental
domain: θ in [0, π), φ in [0, 2π).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold import _geomstats
from neuromanifold.manifolds.base import Grid
from neuromanifold.manifolds.grids import tensor_grid, uniform_axis
from neuromanifold.manifolds.isometries import Isometries
from neuromanifold.manifolds.quotient import Quotient, QuotientHarmonics
from neuromanifold.manifolds.torus import Torus

__all__ = ["KleinBottle"]

_ROOT3 = math.sqrt(3.0)
_N_STARTS = 32
_N_NEWTON = 12


@dataclass(frozen=True)
class KleinBottle(Quotient):
    """The torus with (θ, φ) and (θ + π, -φ) identified."""

    @property
    def name(self) -> str:
        return "klein"

    @property
    def embedding_dim(self) -> int:
        return 5

    @property
    def cover(self) -> Torus:
        return Torus(2)

    def from_cover(self, w: Tensor) -> Tensor:
        c, s, cos_phi, sin_phi = (w[..., i] for i in range(4))
        half = cos_phi / 2
        z = [sin_phi * c, sin_phi * s, half * (c * c - s * s), half * (2 * c * s), _ROOT3 * half]
        return torch.stack(z, dim=-1)

    def lift(self, z: Tensor) -> Tensor:
        self._check_points(z)
        # With W = sin φ e^{iθ} and V = cos φ e^{2iθ}: e^{2iθ} = W² + cos φ V, smooth at every point.
        a, b, cos_phi = z[..., 0], z[..., 1], 2 / _ROOT3 * z[..., 4]
        real = a * a - b * b + 2 * cos_phi * z[..., 2]
        imaginary = 2 * a * b + 2 * cos_phi * z[..., 3]
        theta = torch.atan2(imaginary, real) / 2
        c, s = torch.cos(theta), torch.sin(theta)
        return torch.stack([c, s, cos_phi, a * c + b * s], dim=-1)

    def identify(self, w: Tensor) -> Tensor:
        return w * torch.tensor([-1.0, -1.0, 1.0, -1.0], dtype=w.dtype, device=w.device)

    def fundamental(self, w: Tensor) -> Tensor:
        flip = (w[..., 1] < 0) | ((w[..., 1] == 0) & (w[..., 0] < 0))
        return torch.where(flip[..., None], self.identify(w), w)

    def project(self, x: Tensor) -> Tensor:
        """Maximise <x, z>: over φ in closed form, over θ from the best of a grid by Newton steps."""
        self._check_points(x)
        theta = self._nearest_theta(x)
        a, b = self._coefficients(x, theta)
        phi = torch.atan2(a, b)
        return self.embed(torch.stack([theta, phi], dim=-1))

    def grid(self, n_points: int) -> Grid:
        """Uniform in both angles; φ has twice the points of θ."""
        side = max(1, round((n_points / 2) ** 0.5))
        return tensor_grid(self, [uniform_axis(side, math.pi), uniform_axis(2 * side, 2 * math.pi)])

    def frame(self, z: Tensor) -> tuple[Tensor, Tensor]:
        c, s, cos_phi, sin_phi = (self.lift(z)[..., i] for i in range(4))
        zero = torch.zeros_like(c)
        c2, s2 = c * c - s * s, 2 * c * s
        along_theta = _stack(-sin_phi * s, sin_phi * c, -cos_phi * s2, cos_phi * c2, zero)
        along_phi = _stack(cos_phi * c, cos_phi * s, -sin_phi * c2 / 2, -sin_phi * s2 / 2, -_ROOT3 / 2 * sin_phi)
        theta_theta = _stack(-sin_phi * c, -sin_phi * s, -2 * cos_phi * c2, -2 * cos_phi * s2, zero)
        theta_phi = _stack(-cos_phi * s, cos_phi * c, sin_phi * s2, -sin_phi * c2, zero)
        rows = [torch.stack([theta_theta, theta_phi], -1), torch.stack([theta_phi, -z], -1)]
        return torch.stack([along_theta, along_phi], dim=-1), torch.stack(rows, dim=-2)

    def harmonics(self, order: int) -> QuotientHarmonics:
        """Cos or sin of aθ times cos bφ for even a and sin bφ for odd a, of frequencies a, b up to
        ``order``.
        """
        of_cover = self.cover.harmonics(order)
        points = self.cover.sample(16, torch.Generator().manual_seed(0))
        change = (of_cover(points) - of_cover(self.identify(points))).abs().amax(0)
        return QuotientHarmonics(self, of_cover, change < 1e-9)

    def isometries(self) -> Isometries:
        """θ -> θ + t, θ -> -θ, φ -> φ + π (φ -> -φ is the same as θ -> θ + π)."""
        turn = torch.zeros(1, 5, 5, dtype=torch.float64)
        turn[0, 1, 0], turn[0, 0, 1], turn[0, 3, 2], turn[0, 2, 3] = 1.0, -1.0, 2.0, -2.0
        eye = torch.eye(5, dtype=torch.float64)
        mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0], dtype=torch.float64))
        return Isometries(turn, torch.stack([eye, mirror, -eye, -mirror]))

    def betti(self, prime: int = 2) -> tuple[int, ...]:
        return (1, 2, 1) if self._check_prime(prime) == 2 else (1, 1, 0)

    def geomstats_space(self) -> Any:
        """``KleinBottle`` in its intrinsic coordinates."""
        return _geomstats.geometry("klein_bottle").KleinBottle()

    def _coefficients(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """A, B with ``<x, z(θ, φ)> = A(θ) sin φ + B(θ) cos φ``."""
        c, s = torch.cos(theta), torch.sin(theta)
        a = x[..., 0] * c + x[..., 1] * s
        return a, (x[..., 2] * (c * c - s * s) + x[..., 3] * 2 * c * s + _ROOT3 * x[..., 4]) / 2

    def _nearest_theta(self, x: Tensor) -> Tensor:
        """The θ with the largest ``q = A² + B²`` (its root is the maximum over φ)."""
        starts = torch.arange(_N_STARTS, dtype=x.dtype, device=x.device) * (math.pi / _N_STARTS)
        a, b = self._coefficients(x[..., None, :], starts.expand(*x.shape[:-1], _N_STARTS))
        theta = starts[(a * a + b * b).argmax(-1)]
        for _ in range(_N_NEWTON):
            a, b = self._coefficients(x, theta)
            a1, b1 = self._slopes(x, theta)
            slope = 2 * (a * a1 + b * b1)
            bend = 2 * (a1 * a1 + b1 * b1 - a * a - b * (4 * b - 2 * _ROOT3 * x[..., 4]))
            step = slope / bend.abs().clamp_min(torch.finfo(x.dtype).tiny)
            theta = theta + step.clamp(-math.pi / _N_STARTS, math.pi / _N_STARTS)
        return theta

    def _slopes(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        c, s = torch.cos(theta), torch.sin(theta)
        return x[..., 1] * c - x[..., 0] * s, x[..., 3] * (c * c - s * s) - x[..., 2] * 2 * c * s


def _stack(*coordinates: Tensor) -> Tensor:
    return torch.stack(coordinates, dim=-1)
