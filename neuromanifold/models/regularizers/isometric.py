"""Isometric regularisation (IRAE): lengths in latent space are those on the manifold, up to one factor.

    E Σ_i (1 - λ_i/μ)² = m² E[Tr G²] / E[Tr G]² - m,   μ = E[Tr G]/m

λ_i are the eigenvalues of the pullback metric ``G = Jᵀ A J``; E is over latents and over points between them,

    z = δ z_i + (1 - δ) z_j,   δ uniform on [-η, 1 + η].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import Map
from neuromanifold.geometry import pullback_metric, scaled_isometric_distortion
from neuromanifold.models.regularizers.base import DecoderRegularizer

__all__ = ["Isometric", "interpolated"]


@dataclass(eq=False)
class Isometric(DecoderRegularizer):
    """Relaxed distortion of the decoder: zero iff it is an isometry up to a factor.

    Parameters
    ----------
    weight : float
    interpolation : float or None
        η: latents are taken between random pairs, and beyond them by the share η of their distance. None: the latents
        themselves.

    References
    ----------
    Lee, Yoon, Son & Park (2022), Regularized autoencoders for isometric representation learning; Lee (2023), eq. 16.
    The ratio is of batch means, as in eq. 16: a mean of ratios (eq. 21 as printed) is zero for conformal maps too.
    """

    interpolation: float | None = 0.2

    def value(self, decoder: Map, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        points = latents if self.interpolation is None else interpolated(latents, self.interpolation, generator)
        metric = pullback_metric(decoder, points, create_graph=True, dtype=None)
        return scaled_isometric_distortion(metric).mean()

    def check(self) -> None:
        super().check()
        if self.interpolation is not None and not self.interpolation >= 0:
            raise InputError(f"interpolation must be None or a share of at least 0, got {self.interpolation!r}")


def interpolated(latents: Tensor, eta: float, generator: torch.Generator | None) -> Tensor:
    """Points ``δ z_i + (1 - δ) z_j`` of random pairs of latents (b, m), δ uniform on [-η, 1 + η]: (b, m)."""
    device = latents.device if generator is None else generator.device
    partner = torch.randperm(len(latents), generator=generator, device=device).to(latents.device)
    delta = torch.rand(len(latents), 1, generator=generator, device=device).to(latents)
    delta = (1 + 2 * eta) * delta - eta
    return delta * latents + (1 - delta) * latents[partner]
