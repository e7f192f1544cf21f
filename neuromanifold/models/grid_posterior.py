"""The exact posterior on a grid of the template, and that of a decoder with Gaussian noise.

``p(z_g | x) ∝ w_g exp(-|x - f(z_g)|^2 / 2 beta)``, the norm that of the noise's inverse covariance, w the
grid's area weights (a uniform prior) and beta the tempering of the beta-VAE: the variational posterior that
minimises reconstruction + beta KL over all laws on the template. Its log normaliser is the marginal
likelihood of the sample.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.manifolds import Grid, Manifold
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples, joined, like, pieces

__all__ = ["GridLaw", "GridPosterior", "PosteriorSummary"]

# Bytes of one block of the posterior (samples x grid points): small enough to stay in a core's cache hierarchy.
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class PosteriorSummary:
    """What the M-step and the log need of all samples.

    Attributes
    ----------
    mass : Tensor (G,)
        Posterior mass of each grid point, summed over samples.
    sums : Tensor (G, d)
        Posterior-weighted sums of activity.
    log_likelihood : float
        Mean marginal log-likelihood of a sample, nats.
    """

    mass: Tensor
    sums: Tensor
    log_likelihood: float


class GridLaw(ABC):
    """Posterior over the points of a grid of the template, ``∝ w_g p(x | z_g)^(1 / beta)``.

    Parameters
    ----------
    template : Manifold
    grid : Grid
        On the device and in the dtype of the activity.
    beta : float
        Weight of the KL divergence.
    density : Tensor (G,), optional
        Of the samples at the grid's points, up to a factor; else the prior is uniform.
    """

    def __init__(self, template: Manifold, grid: Grid, beta: float, density: Tensor | None = None) -> None:
        self.template = template
        self.grid = grid
        self.beta = beta
        prior = grid.weights if density is None else grid.weights * density
        self._log_prior = torch.log(prior / prior.sum())

    @abstractmethod
    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``log p(x | z_g)`` of activity (b, d) as two terms: of the sample alone (b,), and of both (b, G)."""

    def probabilities(self, activity: Samples) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """For blocks of samples: activity (b, d), probabilities (b, G), marginal log-likelihood (b,)."""
        block = max(1, BLOCK_BYTES // (like(activity).element_size() * len(self.grid.weights)))
        for _, x in pieces(activity, block):
            own, evidence = self.evidence(x)
            logits = evidence / self.beta + self._log_prior
            largest = logits.amax(1, keepdim=True)
            share = logits.sub_(largest).exp_()
            total = share.sum(1, keepdim=True)
            marginal = (largest + total.log())[:, 0]
            if self.beta != 1:
                marginal = torch.logsumexp(evidence + self._log_prior, dim=1)
            yield x, share.div_(total), own + marginal

    def summary(self, activity: Samples) -> PosteriorSummary:
        """Posterior mass, weighted sums and mean log-likelihood of activity (n, d)."""
        zeros = like(activity).new_zeros
        mass, total = zeros(len(self.grid.weights)), zeros(())
        sums = zeros(len(mass), activity.shape[1])
        for x, probability, log_likelihood in self.probabilities(activity):
            mass += probability.sum(0)
            sums += probability.mT @ x
            total += log_likelihood.sum()
        return PosteriorSummary(mass, sums, float(total) / len(activity))

    def mean_points(self, activity: Samples) -> Tensor:
        """The template's point nearest to the posterior mean of each sample, (n, m)."""
        means = (p @ self.grid.points for _, p, _ in self.probabilities(activity))
        return self.template.project(joined(means, len(activity)))

    def sample(self, activity: Samples, generator: torch.Generator) -> Tensor:
        """One point of the grid drawn from the posterior of each sample, (n, m)."""
        drawn = (torch.multinomial(p, 1, generator=generator)[:, 0] for _, p, _ in self.probabilities(activity))
        return self.grid.points[joined(drawn, len(activity))]

    def log_likelihood(self, activity: Samples) -> Tensor:
        """Marginal log-likelihood of each sample (n,), nats."""
        return joined((log_likelihood for _, _, log_likelihood in self.probabilities(activity)), len(activity))


class GridPosterior(GridLaw):
    """Posterior over the points of a grid given a decoder's means at them.

    Parameters
    ----------
    template : Manifold
    grid : Grid
        On the device and in the dtype of the activity.
    means : Tensor (G, d)
        Decoder at the grid's points.
    noise : Noise
    beta : float
        Weight of the KL divergence.
    widening : float
        Factor on the noise's standard deviation, where the grid could not resolve the posterior otherwise.
    density : Tensor (G,), optional
        Of the samples at the grid's points, up to a factor; else the prior is uniform.
    """

    def __init__(
        self,
        template: Manifold,
        grid: Grid,
        means: Tensor,
        noise: Noise,
        beta: float = 1.0,
        widening: float = 1.0,
        density: Tensor | None = None,
    ) -> None:
        super().__init__(template, grid, beta, density)
        white = means @ noise.whitening / widening
        self._centre = white.mean(0)
        # The means span few dimensions: only activity along them tells grid points apart.
        _, singular, right = torch.linalg.svd(white - self._centre, full_matrices=False)
        self._basis = right[singular > 1e-12 * singular[0]].mT
        self._whitening = noise.whitening / widening
        self._coded = (white - self._centre) @ self._basis
        self._offset = -0.5 * self._coded.square().sum(1)
        self._log_normaliser = noise.log_normaliser - len(noise.whitening) * math.log(widening)

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        white = x @ self._whitening - self._centre
        own = self._log_normaliser - 0.5 * white.square().sum(1)
        return own, (white @ self._basis) @ self._coded.mT + self._offset
