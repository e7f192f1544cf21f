"""The generative half of a topological VAE: template, decoder and noise, fitted to activity with any share
of labels.

All coordinates known: one regression. Some: expectation-maximisation over the rest, the known ones as they
are. None: several starts, a path from coarse to fine, and a gauge
(:mod:`~neuromanifold.models.continuation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.geometry.derivatives import TaylorJet
from neuromanifold.manifolds import Manifold
from neuromanifold.models.autocorrelation import autocorrelation_time
from neuromanifold.models.base import FitSettings, Generative
from neuromanifold.models.block_fits import GaussianBlockFits, PosteriorMoments
from neuromanifold.models.continuation import best_start, refined
from neuromanifold.models.expectation_maximisation import (
    Basis,
    expectation_maximisation,
    grid_posterior,
)
from neuromanifold.models.gauge import in_gauge
from neuromanifold.models.gaussian_likelihood import GaussianLikelihood
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression
from neuromanifold.models.moments import BLOCK, Moments
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.noise import Noise
from neuromanifold.models.sizes import GRID_SIZES, START_GRID_SIZES, largest_order
from neuromanifold.topology import start_coordinates
from neuromanifold.training import held_out_blocks

__all__ = ["GaussianGenerative", "fit_generative", "posterior_on_grid"]

# Starts and the path use at most this many samples, evenly spaced; the last stretch uses all.
N_PATH = 5000
HELD_OUT = 0.2


@dataclass(frozen=True)
class GaussianGenerative(Generative):
    """A decoder of activity with Gaussian noise."""

    @property
    def mean(self) -> HarmonicDecoder:
        return self.decoder

    def posterior(self, beta: float, like: Tensor) -> GridPosterior | NarrowPosterior:
        return posterior_on_grid(self.decoder, self.noise, beta, like)

    def likelihood(self, like: Tensor) -> GaussianLikelihood:
        return GaussianLikelihood(self.decoder, self.noise, like)

    def activity_jet(self, jet: TaylorJet) -> TaylorJet:
        return jet

    def block_fits(self, beta: float, activity: Tensor, labels: Tensor, blocks: Tensor) -> GaussianBlockFits:
        moments_of = PosteriorMoments(self.decoder, self.noise, beta, activity)
        rows = [blocks == block for block in range(int(blocks.max()) + 1)]
        moments = [moments_of(activity[chosen], labels[chosen]) for chosen in rows]
        return GaussianBlockFits(moments, moments_of.eigenvalues, self.autocorrelation_time)


def fit_generative(
    template: Manifold, activity: Tensor, labels: Tensor, groups: Tensor, settings: FitSettings, seed: int
) -> GaussianGenerative:
    """Fit decoder and noise.

    Parameters
    ----------
    activity : Tensor (n, d)
        float64, on any device.
    labels : Tensor (n, k)
        Intrinsic angles, radians; rows with NaN are unknown.
    groups : Tensor (n,)
        Interval of each row.
    """
    centre = activity.mean(0)
    activity = activity - centre
    known = torch.isfinite(labels).all(dim=1)
    order = largest_order(template, len(activity))
    basis = Basis.make(template, order, GRID_SIZES.get(template.dim, 4096), activity)
    held_out: tuple[tuple[int, float], ...] = ()
    labelled = bool(known.any())
    if labelled:
        regression, time = _labelled(activity, labels, known, groups, basis, settings)
    else:
        regression, time, held_out = _unlabelled(activity, groups, basis, settings, seed)
    decoder = basis.decoder(regression.weight).like(torch.zeros((), dtype=torch.float64))
    noise = regression.noise.to(decoder.weight)
    if not labelled:
        gauged = in_gauge(decoder, decoder)
        decoder, noise = gauged.decoder, Noise.of(noise.covariance + gauged.missed)
    # The constant harmonic is 1 / sqrt(volume).
    decoder.weight[0] += centre.cpu() * template.volume**0.5
    prior: dict[str, float | int | str] = {
        "family": regression.prior.family,
        "rate": regression.prior.rate,
        "n_harmonics": regression.prior.n_harmonics,
        "rank": regression.rank,
    }
    return GaussianGenerative(decoder, noise, prior, time, held_out)


def _labelled(
    activity: Tensor, labels: Tensor, known: Tensor, groups: Tensor, basis: Basis, settings: FitSettings
) -> tuple[Regression, float]:
    """Decoder from the labelled samples, then from all; no finer than the labelled ones alone determine."""
    points = basis.template.embed(labels[known])
    n_harmonics = len(basis.template.harmonics(largest_order(basis.template, len(points))))
    moments = Moments.at_points(basis.harmonics, points, activity[known]).restricted(n_harmonics)
    start, time = _thinned_fit(moments, activity[known], points, groups[known], basis)
    if known.all():
        return start, time
    everywhere = grid_posterior(basis, start.weight, start.noise, settings.beta).mean_points(activity)
    everywhere[known] = points
    time = autocorrelation_time(activity - decoded(basis, start.weight, everywhere), groups)
    fit = expectation_maximisation(
        activity[~known],
        basis,
        start,
        start.prior.n_harmonics,
        labelled=Moments.at_points(basis.restricted(start.prior.n_harmonics).harmonics, points, activity[known]),
        beta=settings.beta,
        thinning=time,
    )
    return fit.regression, time


def _thinned_fit(
    moments: Moments, activity: Tensor, points: Tensor, groups: Tensor, basis: Basis
) -> tuple[Regression, float]:
    """Regression of samples at known points that counts the independent ones, and their autocorrelation time."""
    # Residuals need no choice of prior.
    smooth = Prior(len(moments.gram), "power", 4.0)
    first = fit_regression(moments, basis.harmonics.eigenvalues, prior=smooth)
    time = autocorrelation_time(activity - decoded(basis, first.weight, points), groups)
    # No finer than the independent samples determine.
    n_independent = max(round(len(points) / time), 1)
    n_harmonics = len(basis.template.harmonics(largest_order(basis.template, n_independent)))
    thinned = moments.restricted(n_harmonics).thinned(time)
    return fit_regression(thinned, basis.harmonics.eigenvalues), time


def _unlabelled(
    activity: Tensor, groups: Tensor, basis: Basis, settings: FitSettings, seed: int
) -> tuple[Regression, float, tuple[tuple[int, float], ...]]:
    """Decoder from the likeliest of several starts, along the path from coarse to fine, then of all samples."""
    some = activity[:: -(-len(activity) // N_PATH)]
    rough = Basis.make(basis.template, basis.order, START_GRID_SIZES.get(basis.template.dim, 1024), activity)
    coarse = best_start(some, rough, _starts(some, basis.template, settings.n_init, seed), beta=settings.beta)
    held = held_out_blocks(len(some), HELD_OUT, torch.Generator().manual_seed(seed)).to(activity.device)
    path = refined(some[~held], some[held], basis, coarse.regression, beta=settings.beta)
    found = path.fit.regression
    means = grid_posterior(basis, found.weight, found.noise, settings.beta).mean_points(activity)
    time = autocorrelation_time(activity - decoded(basis, found.weight, means), groups)
    fit = expectation_maximisation(
        activity,
        basis,
        found,
        path.n_harmonics,
        beta=settings.beta,
        max_steps=10,
        tolerance=1e-4,
        thinning=time,
    )
    return fit.regression, time, path.held_out


def _starts(activity: Tensor, template: Manifold, n_starts: int, seed: int) -> list[Tensor]:
    """Candidate coordinates of activity (n, d), as points (n, m)."""
    starts = start_coordinates(
        template.name,
        activity.cpu().numpy(),
        n_starts,
        n_components=min(template.embedding_dim + 1, activity.shape[1]),
        random_state=seed,
    )
    return [template.embed(torch.as_tensor(angles).to(activity)) for angles in starts]


def decoded(basis: Basis, weight: Tensor, points: Tensor) -> Tensor:
    """The decoder of weights (q, d) at points (n, m): (n, d)."""
    return torch.cat([basis.harmonics(z)[:, : len(weight)] @ weight for z in points.split(BLOCK)])


def posterior_on_grid(
    decoder: HarmonicDecoder, noise: Noise, beta: float, like: Tensor
) -> GridPosterior | NarrowPosterior:
    """The posterior of a decoder in its final gauge."""
    basis = Basis.make(decoder.template, decoder.order, GRID_SIZES.get(decoder.template.dim, 4096), like)
    return grid_posterior(basis, decoder.weight.to(like), noise.to(like), beta)
