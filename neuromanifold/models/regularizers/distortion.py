"""Distortions as regularisers: the pullback metric ``G = Jᵀ A J`` against that of the latent space.

    E over latents and over points between them,  z = δ z_i + (1 - δ) z_j,  δ uniform on [-η, 1 + η]

The hierarchy is isometric ⊂ (conformal, equal-area); each has a file. On a template, where the decoder is an Immersion,
G is relative to the template's own metric and E is over latents.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._settings import check_number
from neuromanifold._typing import Map
from neuromanifold.geometry import Immersion, pullback_metric
from neuromanifold.models.regularizers.base import DecoderRegularizer

__all__ = ["DistortionRegularizer", "interpolated"]


@dataclass(eq=False)
class DistortionRegularizer(DecoderRegularizer):
    """Mean of a distortion of the decoder.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
    interpolation : float or None
        η: latents are taken between random pairs, and beyond them by the share η of their distance. None: the latents
        themselves.
    """

    weight: float = 0.1
    interpolation: float | None = 0.2

    @abstractmethod
    def distortion(self, metric: Tensor) -> Tensor:
        """Of pullback metrics (n, m, m), at each point (n,)."""

    def value(self, decoder: Map, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        points = latents
        if self.interpolation is not None and not isinstance(decoder, Immersion):
            points = interpolated(latents, self.interpolation, generator)
        metric = pullback_metric(decoder, points, ambient=self.metric, **self.derivative_options(decoder))
        return self.distortion(metric).mean()

    def check(self, dimension: int) -> None:
        super().check(dimension)
        if self.interpolation is not None:
            check_number("interpolation", self.interpolation, 0, what="None or a share")


def interpolated(latents: Tensor, eta: float, generator: torch.Generator | None) -> Tensor:
    """Points ``δ z_i + (1 - δ) z_j`` of random pairs of latents (b, m), δ uniform on [-η, 1 + η]: (b, m)."""
    device = latents.device if generator is None else generator.device
    partner = torch.randperm(len(latents), generator=generator, device=device).to(latents.device)
    delta = torch.rand(len(latents), 1, generator=generator, device=device).to(latents)
    delta = (1 + 2 * eta) * delta - eta
    return delta * latents + (1 - delta) * latents[partner]
