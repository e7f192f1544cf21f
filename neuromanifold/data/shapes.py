"""The synthetic manifolds of Acosta et al. (2023), as functions of template points.

An amplitude factor ``A`` on a round template:

* circle, ``A(θ) (cos θ, sin θ)``: wiggles ``1 + α cos 3θ``, bump ``1 + α e^{-5(θ-π/2)²} + α
  e^{-5(θ-3π/2)²}``;
* sphere, ``A(θ) z``, θ the colatitude: ``1 + α e^{-5θ²} + α e^{-5(θ-π)²}``;
* torus, ``A(θ,φ) ((2 - cos θ) cos φ, (2 - cos θ) sin φ, sin θ)`` (radii 2 and 1; θ = π is the outer equator):
  ``1 + α e^{-2(φ-π/2)²} e^{-2(θ-π)²} + α e^{-2(φ-3π/2)²} e^{-2(θ-π)²}``;

all times ``radius``. Angle differences wrap to (-π, π], the colatitude's do not. Points come in as ``z`` of
the template, so that derivatives exist at the poles of the sphere too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

__all__ = ["SHAPES", "Shape"]

# z (..., m), amplitude α, distortion or None -> (..., 2 or 3)
Shape = Callable[[Tensor, float, str | None], Tensor]


# Where the series is used, 2 - 2h < 0.2: the twelfth term is below 1e-17 of the first.
_TERMS = 12


def circle(z: Tensor, amplitude: float, distortion: str | None) -> Tensor:
    """The distorted circle, z (..., 2) -> (..., 2)."""
    if distortion is None:
        return z
    if distortion == "wiggles":
        c = z[..., :1]
        return (1 + amplitude * (4 * c**3 - 3 * c)) * z
    bumps = torch.exp(-5 * _angle_from(z, 0.5 * np.pi) ** 2) + torch.exp(-5 * _angle_from(z, 1.5 * np.pi) ** 2)
    return (1 + amplitude * bumps).unsqueeze(-1) * z


def sphere(z: Tensor, amplitude: float, distortion: str | None) -> Tensor:
    """The sphere with a bump at each pole, z (..., 3) -> (..., 3)."""
    if distortion is None:
        return z
    bumps = _polar_bump(z[..., 2]) + _polar_bump(-z[..., 2])
    return (1 + amplitude * bumps).unsqueeze(-1) * z


def torus(z: Tensor, amplitude: float, distortion: str | None) -> Tensor:
    """The ring torus with two bumps on its outer equator, z (..., 4) -> (..., 3)."""
    cos_tube, sin_tube, cos_ring, sin_ring = z.unbind(-1)
    ring = 2 - cos_tube
    x = torch.stack([ring * cos_ring, ring * sin_ring, sin_tube], dim=-1)
    if distortion is None:
        return x
    around = z[..., 2:]
    outer = torch.exp(-2 * _angle_from(z[..., :2], np.pi) ** 2)
    sides = torch.exp(-2 * _angle_from(around, 0.5 * np.pi) ** 2)
    sides = sides + torch.exp(-2 * _angle_from(around, 1.5 * np.pi) ** 2)
    return (1 + amplitude * outer * sides).unsqueeze(-1) * x


def _angle_from(z: Tensor, centre: float) -> Tensor:
    """Angle of z (..., 2) from ``centre``, in (-π, π]: z is turned back first, so no remainder is taken."""
    c, s = np.cos(centre), np.sin(centre)
    return torch.atan2(c * z[..., 1] - s * z[..., 0], c * z[..., 0] + s * z[..., 1])


def _polar_bump(height: Tensor) -> Tensor:
    """``e^{-5 θ²}`` of the angle θ from a pole, ``height = cos θ``, with all derivatives finite at both
    poles.

    ``θ²`` is analytic in the height at its own pole (:func:`_squared_angle`) but not at the opposite one.
    There the bump is below e^{-43} = 2e-19, less than rounding beside the 1 it is added to, so it is left
    out.
    """
    near = height > -0.98
    inside = torch.where(near, height, torch.zeros_like(height))
    return torch.where(near, torch.exp(-5 * _squared_angle(inside)), torch.zeros_like(height))


def _squared_angle(height: Tensor) -> Tensor:
    """``arccos(h)²``, near h = 1 by its series ``2 Σ_n (2 - 2h)ⁿ / (n² C(2n, n))``, n = 1, 2, ..."""
    near = height > 0.9
    gap = torch.where(near, 2 - 2 * height, torch.zeros_like(height))
    series = torch.zeros_like(height)
    for n in range(_TERMS, 0, -1):
        series = (series + 2 / (n**2 * math.comb(2 * n, n))) * gap
    far = torch.acos(torch.where(near, torch.zeros_like(height), height)) ** 2
    return torch.where(near, series, far)


SHAPES: dict[str, Shape] = {"circle": circle, "sphere": sphere, "torus": torus}
