"""Closed forms of ``E[φ(z) φ(z')]`` for a Gaussian pair of variances p, q and covariance c.

They follow from integration by parts (Stein), ``E[z f] = p E[∂f/∂z] + c E[∂f/∂z']``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["cosine", "determinant", "erf", "gelu", "gelu_slope", "monomial", "relu", "sine"]


def determinant(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``(1+p)(1+q) - c²``."""
    return (1 + p) * (1 + q) - c * c


def erf(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``(2/π) asin(c/√((1+p)(1+q)))`` for ``φ(z) = erf(z/√2)``. Williams 1997."""
    return (2 / math.pi) * torch.atan2(c, torch.sqrt(determinant(p, q, c)))


def _normal_cumulatives(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[Φ(z) Φ(z')]`` of the normal distribution function."""
    return 0.25 + 0.25 * erf(p, q, c)


def _normal_densities(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[n(z) n(z')]`` of the normal density."""
    return 1 / (2 * math.pi * torch.sqrt(determinant(p, q, c)))


def gelu(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """For ``φ(z) = z Φ(z)``. Tsuchida et al. 2021."""
    bumps = p * q + c * c * (1 - p / (1 + p) - q / (1 + q))
    return c * _normal_cumulatives(p, q, c) + bumps * _normal_densities(p, q, c)


def gelu_slope(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """For ``φ'(z) = Φ(z) + z n(z)``, the derivative of GELU."""
    bumps = c / (1 + p) + c / (1 + q) + c / determinant(p, q, c)
    return _normal_cumulatives(p, q, c) + bumps * _normal_densities(p, q, c)


def sine(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``e^{-(p+q)/2} sinh c``, without overflow, and exact for small c."""
    small = c.abs() < 1
    near = torch.sinh(torch.where(small, c, 0.0)) * torch.exp(-0.5 * (p + q))
    return torch.where(small, near, 0.5 * torch.exp(c - 0.5 * (p + q)) - 0.5 * torch.exp(-c - 0.5 * (p + q)))


def cosine(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``e^{-(p+q)/2} cosh c``, without overflow."""
    return 0.5 * torch.exp(c - 0.5 * (p + q)) + 0.5 * torch.exp(-c - 0.5 * (p + q))


def monomial(degree: int, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[z^a z'^a]``: over the number j of pairings between z and z', ``Σ (a!/(2^m m!))² c^j (pq)^m / j!``,
    ``m = (a - j)/2``.
    """
    total = torch.zeros_like(c)
    for m in range(degree // 2 + 1):
        j = degree - 2 * m
        weight = (math.factorial(degree) / (2**m * math.factorial(m))) ** 2 / math.factorial(j)
        total = total + weight * c**j * (p * q) ** m
    return total


def relu(a: int, b: int, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[max(z,0)^a max(z',0)^b]``; half the arc-cosine kernel for a = b and unit weights. Cho & Saul 2009.

    By parts down to ``E[θ(z) θ(z')] = (π - θ)/2π``, with the boundary term ``E[δ(z) max(z',0)^b]`` at a = 1.
    """
    if a < b:
        return relu(b, a, q, p, c)
    if b == 0:
        return _one_sided(a, p, q, c)
    mixed = b * c * relu(a - 1, b - 1, p, q, c)
    return mixed + (_boundary(b, p, q, c) * p if a == 1 else (a - 1) * p * relu(a - 2, b, p, q, c))


def _one_sided(a: int, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[max(z,0)^a θ(z')]``."""
    if a == 0:
        return 0.5 - torch.atan2(_area(p, q, c), c) / (2 * math.pi)
    # The weak derivative of θ(z') is δ(z'): z | z' = 0 has variance p - c²/q.
    edge = c * _boundary(a - 1, q, p, c)
    return edge + (p * _boundary(0, p, q, c) if a == 1 else (a - 1) * p * _one_sided(a - 2, p, q, c))


def _area(p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    return torch.sqrt(torch.clamp_min(p * q - c * c, 0.0))


def _boundary(b: int, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[δ(z) max(z',0)^b] = E[max(z',0)^b | z = 0] / √(2πp)``, zero where p is."""
    moment = 2 ** (b / 2 - 1) * math.gamma((b + 1) / 2) / math.sqrt(math.pi)
    safe = torch.where(p > 0, p, 1.0)
    spread = (_area(p, q, c) / torch.sqrt(safe)) ** b if b else torch.ones_like(c)
    return torch.where(p > 0, moment * spread / torch.sqrt(2 * math.pi * safe), 0.0)
