"""The law of a count about its mean: Poisson, or negative binomial with a dispersion per unit.

    log p(x | mu) = x log mu - (x + 1/alpha) log(1 + alpha mu) + sum_{j < x} log((1 + alpha j) / (1 + j)),

of mean mu and variance ``mu + alpha mu^2`` (the "NB2" of count regression); its limit alpha -> 0 is Poisson, written
here as alpha = 0. It is concave in ``log mu``, and what it says about mu is linear in x.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["CountLaw"]


@dataclass(frozen=True)
class CountLaw:
    """Dispersion alpha of each unit (d,); all zero for Poisson counts."""

    dispersion: Tensor

    def to(self, like: Tensor) -> CountLaw:
        """The same law in the dtype and on the device of ``like``."""
        return CountLaw(self.dispersion.to(like))

    def variance(self, mean: Tensor) -> Tensor:
        """Variance of counts of these means (..., d)."""
        return mean + self.dispersion * mean.square()

    def natural(self, log_mean: Tensor) -> Tensor:
        """The factor of x in the log pmf, ``log mu - log(1 + alpha mu)``, of log means (..., d)."""
        return log_mean - torch.log1p(self.dispersion * log_mean.exp())

    def log_partition(self, log_mean: Tensor) -> Tensor:
        """Minus the part of the log pmf without x, ``log(1 + alpha mu) / alpha`` (..., d)."""
        mean = log_mean.exp()
        poisson = self.dispersion == 0
        some = torch.where(poisson, 1.0, self.dispersion)
        return torch.where(poisson, mean, torch.log1p(some * mean) / some)

    def log_base_table(self, largest: int) -> Tensor:
        """The part of the log pmf without mu, of each unit's counts x = 0 ... largest (largest + 1, d)."""
        j = torch.arange(largest, dtype=self.dispersion.dtype, device=self.dispersion.device)[:, None]
        steps = torch.log1p(self.dispersion * j) - torch.log1p(j)
        return torch.cat([torch.zeros_like(self.dispersion)[None], steps.cumsum(0)])

    def log_base(self, counts: Tensor) -> Tensor:
        """The same, summed over the units of counts (n, d): (n,)."""
        return torch.gather(self.log_base_table(int(counts.max())), 0, counts.long()).sum(1)

    def log_prob(self, counts: Tensor, log_mean: Tensor) -> Tensor:
        """Log pmf, summed over units (n,), of counts and log means (n, d)."""
        linear = counts * self.natural(log_mean) - self.log_partition(log_mean)
        return linear.sum(1) + self.log_base(counts)
