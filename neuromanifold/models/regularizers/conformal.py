"""Conformal regularisation: angles in latent space are those on the manifold; scale may change from place to place.

E Σ_i (1 - λ_i/λ̄)² = E[m² Tr G² / (Tr G)²] - m,   λ̄ = Tr G / m  at each point
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from neuromanifold.geometry import conformal_distortion
from neuromanifold.models.regularizers.distortion import DistortionRegularizer

__all__ = ["Conformal"]


@dataclass(eq=False)
class Conformal(DistortionRegularizer):
    """Conformal distortion of the decoder: zero iff it keeps angles. Every curve is conformal, so m is 2 or more.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
    interpolation : float or None
        As in :class:`~neuromanifold.models.regularizers.distortion.DistortionRegularizer`.

    References
    ----------
    Lee (2023), eqs. 12 and 21 as printed.
    """

    least_dimension: ClassVar[int] = 2

    def distortion(self, metric: Tensor) -> Tensor:
        return conformal_distortion(metric)
