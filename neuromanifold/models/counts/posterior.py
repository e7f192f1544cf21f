"""The exact posterior of counts on a grid of the template, and a grid fine enough for it.

``p(z_g | x) ∝ w_g exp(1/beta sum_i [x_i eta_i(z_g) - A_i(z_g)])``, eta the natural parameter and A the log partition
of the counts' law: counts enter through one matrix product.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.manifolds import Grid, Manifold
from neuromanifold.models.counts.law import CountLaw
from neuromanifold.models.grid_posterior import GridLaw
from neuromanifold.models.harmonic_decoder import HarmonicDecoder

__all__ = ["CountPosterior", "fisher_information", "resolving_size"]

# The most grid points, by intrinsic dimension: more information in a bin than they resolve is rare, and costs memory.
MAX_GRID = {1: 4096, 2: 16384}


class CountPosterior(GridLaw):
    """Posterior over the points of a grid given the log means (G, d) of the counts at them."""

    def __init__(self, template: Manifold, grid: Grid, log_means: Tensor, law: CountLaw, beta: float = 1.0) -> None:
        super().__init__(template, grid, beta)
        self._law = law
        self._natural = law.natural(log_means)
        self._log_partition = law.log_partition(log_means).sum(1)

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._law.log_base(x), x @ self._natural.mT - self._log_partition


def fisher_information(log_mean: HarmonicDecoder, law: CountLaw, points: Tensor) -> Tensor:
    """``sum_i d mu_i d mu_i^T / var_i`` (n, k, k) of one sample at points (n, m), in an orthonormal frame."""
    template = log_mean.template
    tangent, _ = template.frame(points)
    pairs = [torch.func.jvp(log_mean, (points,), (tangent[..., i],)) for i in range(template.dim)]
    mean = pairs[0][0].exp()
    slopes = torch.stack([pair[1] for pair in pairs], dim=-1) * (mean / law.variance(mean).sqrt())[..., None]
    return slopes.mT @ slopes


def resolving_size(log_mean: HarmonicDecoder, law: CountLaw, grid: Grid, beta: float) -> int:
    """Grid points whose distance is at most the posterior's standard deviation wherever it is narrowest.

    A sum over points so far apart is the integral of a Gaussian to eight digits.
    """
    template = log_mean.template
    largest = torch.linalg.eigvalsh(fisher_information(log_mean, law, grid.points)).max() / beta
    needed = template.volume * float(largest) ** (template.dim / 2)
    return int(min(max(needed, len(grid.points)), MAX_GRID.get(template.dim, 4096)))
