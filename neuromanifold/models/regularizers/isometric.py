"""Isometric regularisation (IRAE): lengths in latent space are those on the manifold, up to one factor.

    E Σ_i (1 - λ_i/μ)² = m² E[Tr G²] / E[Tr G]² - m,   μ = E[Tr G]/m

λ_i are the eigenvalues of the pullback metric ``G = Jᵀ A J``.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from neuromanifold.geometry import scaled_isometric_distortion
from neuromanifold.models.regularizers.distortion import DistortionRegularizer

__all__ = ["Isometric"]


@dataclass(eq=False)
class Isometric(DistortionRegularizer):
    """Relaxed distortion of the decoder: zero iff it is an isometry up to a factor.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
    interpolation : float or None
        As in :class:`~neuromanifold.models.regularizers.distortion.DistortionRegularizer`.

    References
    ----------
    Lee, Yoon, Son & Park (2022), Regularized autoencoders for isometric representation learning; Lee (2023), eq. 16.
    The ratio is of batch means, as in eq. 16: a mean of ratios (eq. 21 as printed) is zero for conformal maps too.
    """

    def distortion(self, metric: Tensor) -> Tensor:
        return scaled_isometric_distortion(metric)
