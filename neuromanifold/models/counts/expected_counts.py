"""The manifold of counts: ``mu(z) = exposure * exp(log rate(z))``, expected counts in a bin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuromanifold.models.counts.law import CountLaw
from neuromanifold.models.harmonic_decoder import HarmonicDecoder

__all__ = ["CountLikelihood", "ExpectedCounts"]


class ExpectedCounts(nn.Module):
    """Points of the template (n, m) to expected counts (n, d) in a bin of ``exposure`` seconds.

    Parameters
    ----------
    log_rate : HarmonicDecoder
        Log of the rates in Hz.
    exposure : float
    """

    def __init__(self, log_rate: HarmonicDecoder, exposure: float) -> None:
        super().__init__()
        self.log_rate = log_rate
        self.exposure = exposure

    def forward(self, z: Tensor) -> Tensor:
        return self.exposure * torch.exp(self.log_rate(z))


class CountLikelihood(nn.Module):
    """``log p(x | z)`` of counts, nats, in the dtype and on the device of ``like``."""

    def __init__(self, log_mean: HarmonicDecoder, law: CountLaw, like: Tensor) -> None:
        super().__init__()
        self.log_mean = log_mean.like(like)
        self.law = law.to(like)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Log pmf (n,) of counts (n, d) at points (n, m)."""
        return self.law.log_prob(x, self.log_mean(z))
