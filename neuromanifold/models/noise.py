"""The noise of the decoder: Gaussian, with a covariance shrunk towards a diagonal.

What units share beyond the manifold (gain, arousal, movement) is noise to the manifold. With independent
noise a curve without labels explains it by wandering through activity space; with a full covariance it need
not. The sample covariance of many units and few samples is shrunk towards its diagonal by as much as its
own sampling error asks (Schaefer & Strimmer 2005, with the large-sample variance ``(1 - r^2)^2 / n`` of a
Gaussian correlation r). Where units are taken to be independent, it is that diagonal alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Noise"]

# Relative to each unit's second moment: noise-free activity keeps a covariance that can be inverted.
FLOOR = 1e-10


@dataclass(frozen=True)
class Noise:
    """A covariance (d, d) and its whitening matrix: ``x @ whitening`` has unit covariance."""

    covariance: Tensor
    whitening: Tensor

    @classmethod
    def from_scatter(cls, scatter: Tensor, n_free: float, second: Tensor) -> Noise:
        """Shrunk covariance from a residual scatter (d, d), or a diagonal one from (d,), with ``n_free`` degrees of
        freedom.

        ``second`` (d,) are the units' mean squares, which set the least noise; a silent unit's is the mean unit's.
        """
        second = torch.where(second > 0, second, second.mean())
        if scatter.ndim == 1:
            variance = scatter / n_free + FLOOR * second
            return cls(torch.diag_embed(variance), torch.diag_embed(variance.rsqrt()))
        # The least noise comes before the correlations: those of rounding errors would be arbitrary.
        return cls.of(shrunk(scatter / n_free + torch.diag_embed(FLOOR * second), n_free))

    @classmethod
    def of(cls, covariance: Tensor) -> Noise:
        """Noise of a positive definite covariance (d, d)."""
        eye = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        root = torch.linalg.cholesky(covariance)
        return cls(covariance, torch.linalg.solve_triangular(root, eye, upper=False).mT)

    def to(self, like: Tensor) -> Noise:
        """The same noise in the dtype and on the device of ``like``."""
        return Noise(self.covariance.to(like), self.whitening.to(like))

    @property
    def variance(self) -> Tensor:
        """Variance of each unit (d,)."""
        return self.covariance.diagonal()

    @property
    def colouring(self) -> Tensor:
        """Inverse of ``whitening``: ``y @ colouring`` has the noise's covariance for white y."""
        return torch.linalg.inv(self.whitening)

    @property
    def log_normaliser(self) -> Tensor:
        """``-1/2 log det(2 pi covariance)``."""
        return torch.log(self.whitening.diagonal()).sum() - 0.5 * len(self.whitening) * math.log(2 * math.pi)


def shrunk(covariance: Tensor, n_free: float) -> Tensor:
    """``(1 - a) S + a diag S`` with the intensity a that minimises the expected squared error of the correlations."""
    deviation = covariance.diagonal().sqrt()
    correlation = covariance / (deviation[:, None] * deviation)
    off = correlation - torch.diag_embed(correlation.diagonal())
    sampling = ((1 - off.square()).square().sum() - len(off)) / n_free
    intensity = (sampling / off.square().sum().clamp_min(1e-300)).clamp(0, 1)
    return (1 - intensity) * covariance + intensity * torch.diag_embed(covariance.diagonal())
