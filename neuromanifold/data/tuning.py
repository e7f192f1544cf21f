"""Tuning curves: the firing rate of a unit as a function of a template point.

``λ_i(z) = b_i + (p_i - b_i) e^{κ_i (s_i(z) - 1)}`` with peak ``p``, baseline ``b`` (Hz) and concentration
``κ``. On the circle the similarity is ``s = cos(θ - μ_i)`` (head direction, place on a circular track). On
the torus of grid phases it is ``s = (cos δ₁ + cos δ₂ + cos(δ₁ + δ₂)) / 3``, ``δ = φ - ψ_i``: three plane
waves 60° apart, the hexagonal grid.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["SIMILARITIES", "rates"]

Similarity = Callable[[Tensor, Tensor], Tensor]


def on_circle(z: Tensor, preferred: Tensor) -> Tensor:
    """``cos(θ - μ)``, z (..., 2), preferred (d, 1) -> (..., d)."""
    return z @ torch.cat([preferred.cos(), preferred.sin()], dim=1).T


def on_grid(z: Tensor, preferred: Tensor) -> Tensor:
    """The hexagonal similarity, z (..., 4), preferred (d, 2) -> (..., d), from -1/2 to 1."""
    cosines, sines = [], []
    for axis in range(2):
        c, s = z[..., 2 * axis, None], z[..., 2 * axis + 1, None]
        cos_0, sin_0 = preferred[:, axis].cos(), preferred[:, axis].sin()
        cosines.append(c * cos_0 + s * sin_0)
        sines.append(s * cos_0 - c * sin_0)
    return (cosines[0] + cosines[1] + cosines[0] * cosines[1] - sines[0] * sines[1]) / 3


SIMILARITIES: dict[str, Similarity] = {"circle": on_circle, "torus": on_grid}


def rates(z: Tensor, template: str, preferred: Tensor, peak: Tensor, baseline: Tensor, concentration: Tensor) -> Tensor:
    """Firing rates in Hz, z (..., m) -> (..., d)."""
    if template not in SIMILARITIES:
        raise InputError(f"no tuning curves on {template!r}; there are {', '.join(SIMILARITIES)}")
    similarity = SIMILARITIES[template](z, preferred)
    return baseline + (peak - baseline) * torch.exp(concentration * (similarity - 1))
