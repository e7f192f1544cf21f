"""Where on the template the samples lie: their density, of low order, as the prior of a fit without labels.

``p(z) ∝ sum_a e^(-t lambda_a) m_a h_a(z)``, m_a the mean of the harmonic h_a over samples: a kernel estimate with the
heat kernel of the template, the same at every point and in every direction. Under a uniform prior the coordinates of
samples that do not lie uniformly would drift, in every step, towards a map in which they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.moments import Moments

__all__ = ["SamplingDensity"]

# Eigenvalues up to this many times the first; the last of them are damped by so much. No density is below this share
# of the mean: samples must be able to get to where none was yet.
MAX_RATIO = 40.0
DAMPING = 0.05
LEAST = 0.05


@dataclass(frozen=True)
class SamplingDensity:
    """Relative to the mean: 1 everywhere where samples lie uniformly.

    ``series`` is the sum of the first harmonics (q,), a map to one number, in the dtype and on the device of the fit.
    """

    series: HarmonicDecoder

    @classmethod
    def of(cls, moments: Moments, decoder: HarmonicDecoder) -> SamplingDensity:
        """From moments of samples in the harmonics of a decoder: their first row is the harmonics' sums."""
        eigenvalues = decoder.harmonics.eigenvalues[: len(moments.gram)]
        ratio = eigenvalues[eigenvalues <= MAX_RATIO * eigenvalues[1] + 1e-6] / eigenvalues[1]
        kept = DAMPING ** (ratio / ratio[-1])
        # The constant harmonic h_0 is its own value everywhere, so the series over the first row is p / h_0.
        means = moments.gram[0, : len(kept)] / moments.gram[0, 0]
        weight = (kept.to(means) * means)[:, None] * decoder.template.volume**0.5
        return cls(HarmonicDecoder(decoder.template, decoder.order, weight).trimmed(len(kept)).like(weight))

    def __call__(self, z: Tensor) -> Tensor:
        """At points (n, m): (n,)."""
        return self.series(z)[..., 0].clamp_min(LEAST)

    def log(self, z: Tensor) -> Tensor:
        """``log p`` at points (n, m): (n,)."""
        return self(z).log()

    def log_gradient(self, z: Tensor, tangent: Tensor) -> Tensor:
        """Gradient (n, k) of ``log p`` at points (n, m) in a frame (n, m, k)."""
        along = [torch.func.jvp(self.log, (z,), (tangent[..., i],))[1] for i in range(tangent.shape[-1])]
        return torch.stack(along, dim=-1)
