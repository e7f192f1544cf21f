"""Harmonics of a template: real functions ``h_a`` with ``-Δ h_a = λ_a h_a`` and ``∫_T h_a h_b dV = δ_ab``.

They are evaluated as polynomials of the embedding coordinates ``z``, by recurrences of sums and products,
so they are smooth at every point and differentiable to any order; there is no pole and no branch of an
angle.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Harmonics", "ProductHarmonics", "SphericalHarmonics", "circular_powers"]


class Harmonics(nn.Module, ABC):
    """A module ``z (..., m) -> (..., p)`` with the eigenvalues ``(p,)`` of -Δ, the constant first.

    It has no parameters; as a module it can be the first layer of a decoder.
    """

    eigenvalues: Tensor

    def __init__(self, eigenvalues: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("eigenvalues", torch.tensor(eigenvalues, dtype=torch.float64), persistent=False)

    def __len__(self) -> int:
        return len(self.eigenvalues)

    @abstractmethod
    def forward(self, z: Tensor) -> Tensor:
        """Values of the harmonics at points ``z (..., m)``: ``(..., p)``."""


def circular_powers(x: Tensor, y: Tensor, order: int) -> list[tuple[Tensor, Tensor]]:
    """``[(Re (x+iy)^a, Im (x+iy)^a) for a = 1 ... order]``: ``r^a cos aθ`` and ``r^a sin aθ`` as
    polynomials.
    """
    powers = [(x, y)]
    for _ in range(order - 1):
        real, imaginary = powers[-1]
        powers.append((x * real - y * imaginary, x * imaginary + y * real))
    return powers[:order]


class SphericalHarmonics(Harmonics):
    """Harmonics of degree up to ``order`` on S^n, by recursion on the dimension.

    With ``z = (w, x)``, w in R^n, every harmonic of degree L on S^n is, up to normalisation,
    ``Y_L(z) = r^{L-l} C_{L-l}^{(α)}(x/r) Y_l(w)``, α = l + (n-1)/2, for a harmonic Y_l of degree l on S^{n-1}
    extended as a homogeneous polynomial, and C the Gegenbauer polynomials. The circle is the base:
    ``Re`` and ``Im`` of ``(x + iy)^l``. Eigenvalues ``L (L + n - 1)``.

    Parameters
    ----------
    sphere_dim : int
        n of S^n.
    order : int
        Largest degree L.
    """

    def __init__(self, sphere_dim: int, order: int) -> None:
        degrees = _degrees(sphere_dim, order)
        super().__init__([float(degree * (degree + sphere_dim - 1)) for degree in degrees])
        self.sphere_dim = sphere_dim
        self.order = order

    def forward(self, z: Tensor) -> Tensor:
        return torch.stack([y for _, y in _solid_harmonics(z, self.sphere_dim, self.order)], dim=-1)


def _degrees(sphere_dim: int, order: int) -> list[int]:
    """Degrees of the functions of :func:`_solid_harmonics`, in the same order."""
    if sphere_dim == 1:
        return [0, *(degree for degree in range(1, order + 1) for _ in range(2))]
    lower = _degrees(sphere_dim - 1, order)
    return sorted(degree + extra for degree in lower for extra in range(order - degree + 1))


def _solid_harmonics(z: Tensor, n: int, order: int) -> list[tuple[int, Tensor]]:
    """``(degree, values)`` of the orthonormal harmonics of S^n, as homogeneous polynomials of z, by
    degree.
    """
    if n == 1:
        one = torch.ones_like(z[..., 0])
        powers = circular_powers(z[..., 0], z[..., 1], order)
        scale = math.pi**-0.5
        waves = [(a + 1, scale * wave) for a, pair in enumerate(powers) for wave in pair]
        return [(0, (2 * math.pi) ** -0.5 * one), *waves]
    x, r_squared = z[..., n], (z * z).sum(-1)
    harmonics = []
    gegenbauer: dict[int, list[Tensor]] = {}
    for degree, lower in _solid_harmonics(z[..., :n], n - 1, order):
        if degree not in gegenbauer:
            gegenbauer[degree] = _gegenbauer(x, r_squared, degree + (n - 1) / 2, order - degree)
        harmonics += [(degree + j, c * lower) for j, c in enumerate(gegenbauer[degree])]
    return sorted(harmonics, key=lambda pair: pair[0])


def _gegenbauer(x: Tensor, r_squared: Tensor, alpha: float, order: int) -> list[Tensor]:
    """``r^j C_j^{(α)}(x/r)``, j = 0 ... order, over their norms in ``∫ (1-x²)^{α-1/2} dx`` on [-1, 1]."""
    polynomials = [torch.ones_like(x), 2 * alpha * x]
    for j in range(2, order + 1):
        previous, last = polynomials[-2:]
        polynomials.append((2 * (j + alpha - 1) / j) * x * last - ((j + 2 * alpha - 2) / j) * r_squared * previous)
    return [p / _gegenbauer_norm(j, alpha) for j, p in enumerate(polynomials[: order + 1])]


def _gegenbauer_norm(j: int, alpha: float) -> float:
    log_square = (
        math.log(math.pi)
        + (1 - 2 * alpha) * math.log(2)
        + math.lgamma(j + 2 * alpha)
        - math.lgamma(j + 1)
        - math.log(j + alpha)
        - 2 * math.lgamma(alpha)
    )
    return math.exp(0.5 * log_square)


class ProductHarmonics(Harmonics):
    """Products of one harmonic per factor of a product template, ``λ = Σ λ_factor``, by increasing
    eigenvalue.

    Parameters
    ----------
    factors : list of Harmonics
        Harmonics of each factor.
    sizes : list of int
        Embedding coordinates of each factor.
    """

    def __init__(self, factors: Sequence[Harmonics], sizes: Sequence[int]) -> None:
        total = torch.zeros(1, dtype=torch.float64)
        for factor in factors:
            total = (total[:, None] + factor.eigenvalues).reshape(-1)
        super().__init__(total.sort(stable=True).values.tolist())
        self.factors = nn.ModuleList(factors)
        self.sizes = list(sizes)
        self.register_buffer("order", total.argsort(stable=True), persistent=False)

    order: Tensor

    def forward(self, z: Tensor) -> Tensor:
        blocks = z.split(self.sizes, dim=-1)
        product = self.factors[0](blocks[0])
        for factor, block in zip(self.factors[1:], blocks[1:], strict=True):
            product = (product[..., :, None] * factor(block)[..., None, :]).flatten(-2)
        return product[..., self.order]
