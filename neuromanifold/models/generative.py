"""The generative half of a topological VAE: template, decoder and noise, fitted to activity with any share
of labels.

With labels they are the coordinates (:mod:`~neuromanifold.models.labelled_fit`). Without: several starts, a path
from coarse to fine (:mod:`~neuromanifold.models.continuation`), and a gauge.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.geometry.derivatives import TaylorJet
from neuromanifold.manifolds import Manifold
from neuromanifold.models.base import DecoderDraws, FitSettings, Generative
from neuromanifold.models.block_fits import GaussianBlockFits, PosteriorMoments, members
from neuromanifold.models.continuation import Path, best_start, direct, refined, smoothed
from neuromanifold.models.decoder_draws import GaussianDraws
from neuromanifold.models.expectation_maximisation import (
    Basis,
    expectation_maximisation,
    grid_posterior,
)
from neuromanifold.models.fit_states import fit_of, fit_state, path_of, path_state
from neuromanifold.models.gauge import in_gauge
from neuromanifold.models.gaussian_likelihood import GaussianLikelihood
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Prior, Regression
from neuromanifold.models.labelled_fit import fit_labelled
from neuromanifold.models.labelled_samples import LabelledSamples
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples, like, loaded, mean
from neuromanifold.models.sizes import GRID_SIZES, START_GRID_SIZES, largest_order
from neuromanifold.models.updates import LAST_GAIN, LAST_STEPS, Seen, lowered, remembered, updated
from neuromanifold.models.visit_coordinates import DrawsWrittenBack, in_visit_coordinates
from neuromanifold.topology import start_coordinates
from neuromanifold.training import held_out_blocks

__all__ = ["GaussianGenerative", "fit_generative", "posterior_on_grid"]

# Starts and the path use at most this many samples, evenly spaced; the last stretch uses all.
N_PATH = 5000
HELD_OUT = 0.2
# Starting coordinates that are looked at, for each that is fitted.
STARTS_TRIED = 3
NOTHING_SEEN = "the model's file is of an earlier version, without what it needs to go on: fit it to all samples again"
# Held-out log-likelihood (nats a sample) that coordinates bent along the path gain over those of a good start, though
# the surface is worse (0 to 0.03 on spheres, 0.05 where the fit has not converged); bad starts lose by far more.
BENT_GAIN = 0.1


@dataclass(frozen=True)
class GaussianGenerative(Generative):
    """A decoder of activity with Gaussian noise, and what it remembers of its samples."""

    seen: Seen | None = field(default=None, kw_only=True)

    @property
    def mean(self) -> HarmonicDecoder:
        return self.decoder

    @property
    def has_independent_noise(self) -> bool:
        """Whether the noise of units was taken to be independent."""
        return self.seen is not None and self.seen.moments.independent

    def posterior(self, beta: float, like: Tensor) -> GridPosterior | NarrowPosterior:
        return posterior_on_grid(self.decoder, self.noise, beta, like)

    def likelihood(self, like: Tensor) -> GaussianLikelihood:
        return GaussianLikelihood(self.decoder, self.noise, like)

    def activity_jet(self, jet: TaylorJet) -> TaylorJet:
        return jet

    def block_fits(self, beta: float, activity: Samples, labels: Tensor, blocks: Tensor) -> GaussianBlockFits:
        moments_of = PosteriorMoments(self.decoder, self.noise, beta, like(activity), self.has_independent_noise)
        moments = [moments_of(activity[rows], labels[rows]) for rows in members(blocks)]
        return GaussianBlockFits(moments, moments_of.eigenvalues, self.autocorrelation_time)

    def updated(self, beta: float, activity: Samples, labels: Tensor, groups: Tensor) -> GaussianGenerative:
        if self.seen is None:
            raise InputError(NOTHING_SEEN)
        found, basis, seen = updated(self.decoder, self.noise, self.seen, beta, activity, labels, groups)
        decoder, noise, prior = _in_float64(basis, found)
        decoder.weight[0] += seen.centre * decoder.template.volume**0.5
        return replace(self, decoder=decoder, noise=noise, prior=prior, autocorrelation_time=seen.time, seen=seen)

    def arrays(self) -> dict[str, Tensor]:
        return super().arrays() | ({} if self.seen is None else self.seen.arrays())

    def draws(
        self, beta: float, activity: Samples, labels: Tensor, blocks: Tensor
    ) -> tuple[HarmonicDecoder, DecoderDraws]:
        template = self.decoder.template
        most = largest_order(template, round(len(activity) / self.autocorrelation_time))
        fine = HarmonicDecoder(template, max(most, self.decoder.order), self.decoder.weight)
        if self.label_tolerance is not None or template.dim > 1 or template.periods[0] is None:
            return fine, self._draws_about(fine, beta, activity, labels, blocks)
        visits = self.posterior(beta, like(activity)).mean_points(activity).to(fine.weight)
        visited, back = in_visit_coordinates(fine, visits, most)
        return fine, DrawsWrittenBack(self._draws_about(visited, beta, activity, labels, blocks), back)

    def _draws_about(
        self, decoder: HarmonicDecoder, beta: float, activity: Samples, labels: Tensor, blocks: Tensor
    ) -> GaussianDraws:
        moments_of = PosteriorMoments(decoder, self.noise, beta, like(activity), self.has_independent_noise)
        rows = members(blocks)
        moments = [moments_of(activity[some], labels[some]).thinned(self.autocorrelation_time) for some in rows]
        return GaussianDraws(moments, moments_of.eigenvalues, decoder.weight, int(self.prior.get("n_passes", 1)))


def fit_generative(
    template: Manifold, activity: Samples, labels: Tensor, groups: Tensor, settings: FitSettings, seed: int
) -> GaussianGenerative:
    """Fit decoder and noise.

    Parameters
    ----------
    activity : Samples (n, d)
        float64, on any device.
    labels : Tensor (n, k)
        Intrinsic angles, radians; rows with NaN are unknown.
    groups : Tensor (n,)
        Interval of each row.
    """
    centre = mean(activity)
    order = largest_order(template, len(activity))
    basis = Basis.make(template, order, GRID_SIZES.get(template.dim, 4096), like(activity), settings.independent_noise)
    if torch.isfinite(labels).all(dim=1).any():
        fitted = _with_labels(activity - centre, labels, groups, basis, settings)
    else:
        if settings.start is not None:
            start = replace(settings.start, decoder=lowered(settings.start.decoder, centre))
            settings = replace(settings, start=start)
        fitted = _without_labels(activity - centre, groups, basis, settings, seed)
    # The constant harmonic is 1 / sqrt(volume).
    fitted.decoder.weight[0] += centre.cpu() * template.volume**0.5
    if fitted.label_tolerance or fitted.offsets is not None:
        # Labels that err, or have zeros of their own, say less of the coordinates than activity does.
        labels = torch.full_like(labels, torch.nan)
    time = fitted.autocorrelation_time
    independent = settings.independent_noise
    seen = remembered(fitted.decoder, fitted.noise, time, settings.beta, activity, centre, labels, independent)
    return replace(fitted, seen=seen)


def _with_labels(
    activity: Samples, labels: Tensor, groups: Tensor, basis: Basis, settings: FitSettings
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
    activity: Samples, groups: Tensor, basis: Basis, settings: FitSettings, seed: int
) -> GaussianGenerative:
    """Of centred activity, in a gauge."""
    regression, time, held_out = _unlabelled(activity, groups, basis, settings, seed)
    decoder, noise, prior = _in_float64(basis, regression)
    gauged = in_gauge(decoder, decoder)
    missed = torch.diag_embed(gauged.missed.diagonal()) if basis.independent else gauged.missed
    return GaussianGenerative(gauged.decoder, Noise.of(noise.covariance + missed), prior, time, held_out)


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
    activity: Samples, groups: Tensor, basis: Basis, settings: FitSettings, seed: int
) -> tuple[Regression, float, tuple[tuple[int, float], ...]]:
    """Decoder from the likeliest of several starts, along the path from coarse to fine, then of all samples."""
    if settings.start is None:
        found, n_harmonics, held_out = _searched(activity, basis, settings, seed)
    else:
        found, n_harmonics, held_out = _resumed(settings.start, activity, basis)
    means = grid_posterior(basis, found.weight, found.noise, settings.beta).mean_points(activity)
    time = basis.residual_time(activity, found.weight, means, groups)
    fit = expectation_maximisation(
        activity,
        basis,
        found,
        n_harmonics,
        beta=settings.beta,
        max_steps=LAST_STEPS,
        tolerance=LAST_GAIN,
        thinning=time,
        sliding=not basis.is_closed_surface,
    )
    return fit.regression, time, held_out


def _searched(
    activity: Samples, basis: Basis, settings: FitSettings, seed: int
) -> tuple[Regression, int, tuple[tuple[int, float], ...]]:
    """Decoder, band limit and held-out scores of the path from the likeliest of several starts."""
    some = loaded(activity[:: -(-len(activity) // N_PATH)])
    n_grid = START_GRID_SIZES.get(basis.template.dim, 1024)
    rough = Basis.make(basis.template, basis.order, n_grid, some, basis.independent)
    progress, fit_read = settings.progress, partial(fit_of, like=some)
    held = held_out_blocks(len(some), HELD_OUT, torch.Generator().manual_seed(seed)).to(some.device)
    coarse, points = best_start(
        some,
        held,
        rough,
        _starts(some, basis.template, STARTS_TRIED * settings.n_init, seed),
        settings.n_init,
        beta=settings.beta,
        keep=lambda name, compute: progress.stage(name, compute, fit_state, fit_read),
    )
    path = progress.stage(
        "path",
        lambda: _path(some, held, basis, coarse.regression, points, settings.beta),
        path_state,
        partial(path_of, like=some),
    )
    return path.fit.regression, path.n_harmonics, path.held_out


def _path(activity: Tensor, held: Tensor, basis: Basis, coarse: Regression, points: Tensor, beta: float) -> Path:
    """From a coarse fit or, on a closed surface without loops, straight from starting coordinates (n, m).

    These are directions from the centre there; the circular coordinates of a torus are too rough to be kept.
    """
    train, test = activity[~held], activity[held]
    path = refined(train, test, basis, coarse, beta=beta)
    if not basis.is_closed_surface:
        return path
    path = smoothed(path, train, test, basis, beta=beta)
    if basis.template.betti(2)[1] > 0:
        return path
    straight = direct(train, test, basis, points[~held], beta=beta)
    return path if path.score > straight.score + BENT_GAIN else straight


def _resumed(
    start: Generative, activity: Samples, basis: Basis
) -> tuple[Regression, int, tuple[tuple[int, float], ...]]:
    """Those of an earlier fit: the decoder in as many harmonics as the samples determine."""
    found = Regression(basis.weights_of(start.decoder), start.noise.to(like(activity)), Prior(1, "power", 4.0), 0, 0.0)
    likeliest = max(start.held_out, key=lambda pair: pair[1], default=(0, 0.0))[0]
    return found, max(likeliest, int(start.prior["n_harmonics"])), start.held_out


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
