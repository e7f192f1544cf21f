"""The generative half of a topological VAE: template, decoder and noise, fitted to activity with any share of labels.

All coordinates known: one regression. Some: expectation-maximisation over the rest, the known ones as they are. None:
several starts, a path from coarse to fine, and a gauge (:mod:`~neuromanifold.models.continuation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.manifolds import Manifold
from neuromanifold.models.autocorrelation import autocorrelation_time
from neuromanifold.models.continuation import best_start, refined
from neuromanifold.models.expectation_maximisation import Basis, expectation_maximisation, grid_posterior
from neuromanifold.models.gauge import in_gauge
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Regression, fit_regression
from neuromanifold.models.moments import BLOCK, Moments
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.noise import Noise
from neuromanifold.topology import start_coordinates
from neuromanifold.training import held_out_blocks

__all__ = ["FitSettings", "Generative", "fit_generative", "posterior_moments", "posterior_on_grid"]

# Grid points by intrinsic dimension, and the most harmonics tried when all coordinates are known.
GRID_SIZES = {1: 256, 2: 2304}
START_GRID_SIZES = {1: 256, 2: 784}
MAX_HARMONICS = {1: 61, 2: 441}
# Starts and the path use at most this many samples, evenly spaced; the last stretch uses all.
N_PATH = 5000
# Least samples for each free coefficient of a unit.
SAMPLES_PER_HARMONIC = 3
HELD_OUT = 0.2


@dataclass(frozen=True)
class FitSettings:
    """Weight of the KL divergence, and number of starts of a fit without labels."""

    beta: float
    n_init: int


@dataclass(frozen=True)
class Generative:
    """A fitted decoder in float64, its noise, and how the fit went.

    Attributes
    ----------
    decoder : HarmonicDecoder
    noise : Noise
    prior : dict
        Family, band limit and rank that the marginal likelihood chose.
    autocorrelation_time : float
        Of the residual, in samples.
    held_out : tuple
        Held-out log-likelihood at each band limit of the path (empty with labels).
    """

    decoder: HarmonicDecoder
    noise: Noise
    prior: dict[str, float | int | str]
    autocorrelation_time: float
    held_out: tuple[tuple[int, float], ...]


def fit_generative(
    template: Manifold, activity: Tensor, labels: Tensor, groups: Tensor, settings: FitSettings, seed: int
) -> Generative:
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
    if not labelled:
        decoder = in_gauge(decoder)
    # The constant harmonic is 1 / sqrt(volume).
    decoder.weight[0] += centre.cpu() * template.volume**0.5
    prior = {
        "family": regression.prior.family,
        "rate": regression.prior.rate,
        "n_harmonics": regression.prior.n_harmonics,
        "rank": regression.rank,
    }
    noise = regression.noise.to(decoder.weight)
    return Generative(decoder, noise, prior, time, held_out)


def _labelled(
    activity: Tensor, labels: Tensor, known: Tensor, groups: Tensor, basis: Basis, settings: FitSettings
) -> tuple[Regression, float]:
    """Decoder from the labelled samples, then from all; no finer than the labelled ones alone determine."""
    points = basis.template.embed(labels[known])
    moments = Moments.at_points(basis.harmonics, points, activity[known])
    first = fit_regression(moments, basis.harmonics.eigenvalues)
    residual = activity[known] - decoded(basis, first, points)
    time = autocorrelation_time(residual, groups[known])
    start = fit_regression(moments.thinned(time), basis.harmonics.eigenvalues)
    if known.all():
        return start, time
    fit = expectation_maximisation(
        activity[~known],
        basis,
        start,
        start.prior.n_harmonics,
        labelled=moments,
        beta=settings.beta,
        thinning=time,
    )
    return fit.regression, time


def _unlabelled(
    activity: Tensor, groups: Tensor, basis: Basis, settings: FitSettings, seed: int
) -> tuple[Regression, float, tuple[tuple[int, float], ...]]:
    stride = -(-len(activity) // N_PATH)
    path_activity = activity[::stride]
    template = basis.template
    starts = start_coordinates(
        template.name,
        path_activity.cpu().numpy(),
        settings.n_init,
        n_components=min(template.embedding_dim + 1, activity.shape[1]),
        random_state=seed,
    )
    points = [template.embed(torch.as_tensor(angles).to(activity)) for angles in starts]
    rough = Basis.make(template, basis.order, START_GRID_SIZES.get(template.dim, 1024), activity)
    coarse = best_start(path_activity, rough, points, beta=settings.beta)
    generator = torch.Generator().manual_seed(seed)
    held = held_out_blocks(len(path_activity), HELD_OUT, generator).to(activity.device)
    path = refined(path_activity[~held], path_activity[held], basis, coarse.regression, beta=settings.beta)
    found = path.fit.regression
    means = grid_posterior(basis, found.weight, found.noise, settings.beta).mean_points(activity)
    time = autocorrelation_time(activity - decoded(basis, found, means), groups)
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


def decoded(basis: Basis, regression: Regression, points: Tensor) -> Tensor:
    """Means (n, d) of a regression at points (n, m)."""
    weight = regression.weight
    return torch.cat([basis.harmonics(z)[:, : len(weight)] @ weight for z in points.split(BLOCK)])


def posterior_on_grid(
    decoder: HarmonicDecoder, noise: Noise, beta: float, like: Tensor
) -> GridPosterior | NarrowPosterior:
    """The posterior of a decoder in its final gauge."""
    basis = Basis.make(decoder.template, decoder.order, GRID_SIZES.get(decoder.template.dim, 4096), like)
    return grid_posterior(basis, decoder.weight.to(like), noise.to(like), beta)


def posterior_moments(
    decoder: HarmonicDecoder, noise: Noise, beta: float, activity: Tensor, labels: Tensor
) -> tuple[Moments, Tensor]:
    """Moments of activity (n, d) under its posterior, or at labels (n, k) where known; and the harmonics' eigenvalues.

    What a refit of the decoder in the same coordinates needs, a block of samples at a time.
    """
    template = decoder.template
    basis = Basis.make(template, decoder.order, GRID_SIZES.get(template.dim, 4096), activity)
    known = torch.isfinite(labels).all(dim=1)
    at_labels = Moments.at_points(basis.harmonics, template.embed(labels[known]), activity[known])
    unknown = activity[~known]
    law = grid_posterior(basis, decoder.weight.to(activity), noise.to(activity), beta)
    summary = law.summary(unknown) if len(unknown) else None
    if summary is None:
        return at_labels, basis.harmonics.eigenvalues
    on_grid = Moments.on_grid(basis.values, summary.mass, summary.sums, unknown.mT @ unknown, len(unknown))
    return at_labels + on_grid, basis.harmonics.eigenvalues


def largest_order(template: Manifold, n_samples: int) -> int:
    """The largest order of harmonics that so many samples determine."""
    most = min(MAX_HARMONICS.get(template.dim, 256), n_samples // SAMPLES_PER_HARMONIC)
    order = 1
    while len(template.harmonics(order + 1)) <= most:
        order += 1
    return order
