"""The generative half of a topological VAE: template, decoder and noise, fitted to activity with any share
of labels.

With labels they are the coordinates (:mod:`~neuromanifold.models.labelled_fit`). Without: several starts, a path
from coarse to fine (:mod:`~neuromanifold.models.continuation`), and a gauge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.geometry.derivatives import TaylorJet
from neuromanifold.manifolds import Manifold
from neuromanifold.models.autocorrelation import autocorrelation_time
from neuromanifold.models.base import FitSettings, Generative
from neuromanifold.models.block_fits import GaussianBlockFits, PosteriorMoments, members
from neuromanifold.models.continuation import best_start, refined
from neuromanifold.models.decoder_draws import GaussianDraws
from neuromanifold.models.expectation_maximisation import (
    Basis,
    expectation_maximisation,
    grid_posterior,
)
from neuromanifold.models.gauge import in_gauge
from neuromanifold.models.gaussian_likelihood import GaussianLikelihood
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Regression
from neuromanifold.models.labelled_fit import fit_labelled
from neuromanifold.models.labelled_samples import LabelledSamples
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
        moments = [moments_of(activity[rows], labels[rows]) for rows in members(blocks)]
        return GaussianBlockFits(moments, moments_of.eigenvalues, self.autocorrelation_time)

    def draws(
        self, beta: float, activity: Tensor, labels: Tensor, blocks: Tensor
    ) -> tuple[HarmonicDecoder, GaussianDraws]:
        time, template = self.autocorrelation_time, self.decoder.template
        order = max(largest_order(template, round(len(activity) / time)), self.decoder.order)
        fine = HarmonicDecoder(template, order, self.decoder.weight)
        moments_of = PosteriorMoments(fine, self.noise, beta, activity)
        moments = [moments_of(activity[rows], labels[rows]).thinned(time) for rows in members(blocks)]
        return fine, GaussianDraws(moments, moments_of.eigenvalues, int(self.prior.get("n_passes", 1)))


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
    order = largest_order(template, len(activity))
    basis = Basis.make(template, order, GRID_SIZES.get(template.dim, 4096), activity)
    if torch.isfinite(labels).all(dim=1).any():
        fitted = _with_labels(activity - centre, labels, groups, basis, settings)
    else:
        fitted = _without_labels(activity - centre, groups, basis, settings, seed)
    # The constant harmonic is 1 / sqrt(volume).
    fitted.decoder.weight[0] += centre.cpu() * template.volume**0.5
    return fitted


def _with_labels(
    activity: Tensor, labels: Tensor, groups: Tensor, basis: Basis, settings: FitSettings
) -> GaussianGenerative:
    """Of centred activity, in the coordinates of the labels."""
    chosen = settings.offset_groups
    numbers = torch.zeros_like(groups) if chosen is None else chosen.to(groups)
    samples = LabelledSamples(activity, labels, groups, numbers, int(numbers.max()) + 1)
    fit, time = fit_labelled(samples, basis, settings)
    decoder, noise, prior = _in_float64(basis, fit.regression)
    offsets = None
    if chosen is not None:
        offsets = fit.turns.masked_fill(samples.sizes[:, None] == 0, torch.nan).cpu()
    return GaussianGenerative(decoder, noise, prior, time, (), label_tolerance=fit.tolerance, offsets=offsets)


def _without_labels(
    activity: Tensor, groups: Tensor, basis: Basis, settings: FitSettings, seed: int
) -> GaussianGenerative:
    """Of centred activity, in a gauge."""
    regression, time, held_out = _unlabelled(activity, groups, basis, settings, seed)
    decoder, noise, prior = _in_float64(basis, regression)
    gauged = in_gauge(decoder, decoder)
    return GaussianGenerative(gauged.decoder, Noise.of(noise.covariance + gauged.missed), prior, time, held_out)


def _in_float64(basis: Basis, regression: Regression) -> tuple[HarmonicDecoder, Noise, dict[str, float | int | str]]:
    """Decoder and noise on the CPU, and what the marginal likelihood chose."""
    decoder = basis.decoder(regression.weight).like(torch.zeros((), dtype=torch.float64))
    chosen = regression.prior
    prior: dict[str, float | int | str] = {
        "family": chosen.family,
        "rate": chosen.rate,
        "n_harmonics": chosen.n_harmonics,
        "rank": regression.rank,
        "n_passes": chosen.n_passes,
    }
    return decoder, regression.noise.to(decoder.weight), prior


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
    time = autocorrelation_time(activity - basis.decoded(found.weight, means), groups)
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


def posterior_on_grid(
    decoder: HarmonicDecoder, noise: Noise, beta: float, like: Tensor
) -> GridPosterior | NarrowPosterior:
    """The posterior of a decoder in its final gauge."""
    basis = Basis.make(decoder.template, decoder.order, GRID_SIZES.get(decoder.template.dim, 4096), like)
    return grid_posterior(basis, decoder.weight.to(like), noise.to(like), beta)
