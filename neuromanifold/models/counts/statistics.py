"""Sufficient statistics of a regression of counts on points of a template.

At points z_g with weights w_ng of the samples x_n (a posterior on a grid, or known points moved to one),

    mass_g = sum_n w_ng,   sums_g = sum_n w_ng x_n,   histogram_k = number of samples with count k, of each unit,

which is all that the decoder's regression and the dispersions, of the largest likelihood in every unit by itself, need.
They add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.models.counts.law import CountLaw

__all__ = ["CountStatistics", "histogram", "likeliest_law"]

# Samples whose distances to the grid's points are held at once.
BLOCK = 4096
# Dispersions tried: with less than the least, counts cannot be told from Poisson ones.
LOG10_RANGE = (-5.0, 2.0)
N_COARSE, N_FINE, N_ZOOMS = 29, 9, 3


@dataclass(frozen=True)
class CountStatistics:
    """``mass (G,)``, ``sums (G, d)`` and ``histogram (K + 1, d)`` of the samples' counts 0 ... K."""

    mass: Tensor
    sums: Tensor
    histogram: Tensor

    @classmethod
    def at_points(cls, points: Tensor, grid_points: Tensor, counts: Tensor) -> CountStatistics:
        """Of counts (n, d) at known points (n, m), each moved to the nearest of the grid (G, m)."""
        cells = torch.cat([torch.cdist(block, grid_points).argmin(1) for block in points.split(BLOCK)])
        mass = counts.new_zeros(len(grid_points)).index_add_(0, cells, torch.ones_like(counts[:, 0]))
        sums = counts.new_zeros(len(grid_points), counts.shape[1]).index_add_(0, cells, counts)
        return cls(mass, sums, histogram(counts))

    def __add__(self, other: CountStatistics) -> CountStatistics:
        longest = max(len(self.histogram), len(other.histogram))
        both = self.histogram.new_zeros(longest, self.histogram.shape[1])
        both[: len(self.histogram)] += self.histogram
        both[: len(other.histogram)] += other.histogram
        return CountStatistics(self.mass + other.mass, self.sums + other.sums, both)

    def thinned(self, factor: float) -> CountStatistics:
        """Of as many independent samples as ``factor`` times fewer: autocorrelated ones say the same again."""
        return CountStatistics(self.mass / factor, self.sums / factor, self.histogram / factor)

    def to(self, like: Tensor) -> CountStatistics:
        """The same in the dtype and on the device of ``like``."""
        return CountStatistics(self.mass.to(like), self.sums.to(like), self.histogram.to(like))

    def log_likelihood(self, log_mean: Tensor, law: CountLaw) -> Tensor:
        """Expected log pmf of each unit's counts (d,) about log means (G, d), nats."""
        own = (self.histogram * law.log_base_table(len(self.histogram) - 1)).sum(0)
        linear = self.sums * law.natural(log_mean) - self.mass[:, None] * law.log_partition(log_mean)
        return own + linear.sum(0)

    def slope(self, log_mean: Tensor, law: CountLaw) -> Tensor:
        """Its derivative in the log means (G, d)."""
        mean = log_mean.exp()
        return (self.sums - self.mass[:, None] * mean) / (1 + law.dispersion * mean)

    def curvature(self, log_mean: Tensor, law: CountLaw) -> Tensor:
        """Minus its second derivative in them (G, d), never negative."""
        mean = log_mean.exp()
        return mean * (self.mass[:, None] + law.dispersion * self.sums) / (1 + law.dispersion * mean).square()


def histogram(counts: Tensor) -> Tensor:
    """Samples of each count 0 ... K (K + 1, d), of counts (n, d)."""
    found = counts.new_zeros(int(counts.max()) + 1, counts.shape[1])
    return found.scatter_add_(0, counts.long(), torch.ones_like(counts))


def likeliest_law(log_mean: Tensor, statistics: CountStatistics) -> CountLaw:
    """The law of the likeliest dispersions at log means (G, d); 0 where no dispersion beats Poisson counts."""
    n_units = log_mean.shape[1]

    def log_likelihood(dispersion: Tensor) -> Tensor:
        return statistics.log_likelihood(log_mean, CountLaw(dispersion))

    low, high = (log_mean.new_full((n_units,), end) for end in LOG10_RANGE)
    for n_points in (N_COARSE, *[N_FINE] * N_ZOOMS):
        steps = torch.linspace(0, 1, n_points, dtype=log_mean.dtype, device=log_mean.device)[:, None]
        tried = low + steps * (high - low)
        values = torch.stack([log_likelihood(10**row) for row in tried])
        best = values.argmax(0, keepdim=True)
        low, high = (tried.gather(0, (best + i).clamp(0, n_points - 1))[0] for i in (-1, 1))
    found = 10 ** tried.gather(0, best)[0]
    poisson = log_likelihood(torch.zeros_like(found)) >= values.gather(0, best)[0]
    return CountLaw(torch.where(poisson, 0.0, found))
