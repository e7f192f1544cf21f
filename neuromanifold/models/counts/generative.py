"""The generative half of counts: Poisson or negative binomial about a manifold of expected counts.

    x_i | z ~ Poisson or negative binomial of mean  exposure * exp(C_i^T h(z)),   z ~ uniform on the template.

As for activity, known coordinates are regressed on, unknown ones averaged over by expectation-maximisation, and without
any the fit goes from several starts along a path from coarse to fine and is put in a gauge: that of the expected
counts, whose speed or distortion it fixes.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import partial

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.geometry.derivatives import TaylorJet
from neuromanifold.manifolds import Manifold
from neuromanifold.models.autocorrelation import autocorrelation_time
from neuromanifold.models.base import FitSettings, Generative
from neuromanifold.models.block_fits import members
from neuromanifold.models.counts.block_fits import CountBlockFits
from neuromanifold.models.counts.continuation import followed, likeliest_start, starting_points
from neuromanifold.models.counts.draws import CountDraws
from neuromanifold.models.counts.expectation_maximisation import block_statistics, count_law_of, maximised
from neuromanifold.models.counts.expected_counts import CountLikelihood, ExpectedCounts
from neuromanifold.models.counts.law import CountLaw
from neuromanifold.models.counts.posterior import CountPosterior, resolving_size
from neuromanifold.models.counts.priors import (
    FIRST_PRIOR,
    band_sizes,
    best_prior,
    largest_count_order,
    regression_sizes,
)
from neuromanifold.models.counts.regression import CountProblem, CountRegression
from neuromanifold.models.counts.statistics import CountStatistics
from neuromanifold.models.counts.updates import SeenCounts, remembered_counts, updated_counts
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.fit_states import prior_of, scores_of
from neuromanifold.models.gauge import in_gauge
from neuromanifold.models.generative import HELD_OUT, N_PATH, NOTHING_SEEN
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Prior
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples, like, loaded
from neuromanifold.models.sizes import GRID_SIZES, START_GRID_SIZES, largest_order
from neuromanifold.models.updates import LAST_GAIN, LAST_STEPS
from neuromanifold.progress import State
from neuromanifold.training import held_out_blocks

__all__ = ["CountGenerative", "fit_counts"]

# Levels of band limits (see continuation.LEVELS) that starts use.
N_COARSE_LEVELS = 2


@dataclass(frozen=True)
class CountGenerative(Generative):
    """Log rates (Hz) as the decoder, the bin width, the counts' law, and what is remembered of the samples."""

    exposure: float
    law: CountLaw
    seen: SeenCounts | None = None

    @property
    def mean(self) -> ExpectedCounts:
        return ExpectedCounts(self.decoder, self.exposure)

    @property
    def dispersion(self) -> Tensor:
        return self.law.dispersion

    @property
    def activity_unit(self) -> str:
        return f"expected counts in a bin of {self.exposure:g} s"

    def posterior(self, beta: float, like: Tensor) -> CountPosterior:
        return self._posterior(self._basis(beta, like), beta)

    def likelihood(self, like: Tensor) -> CountLikelihood:
        return CountLikelihood(self._log_mean(), self.law, like)

    def features(self, x: Tensor) -> Tensor:
        # The square root has a variance that hardly depends on the mean.
        return x.sqrt()

    def activity_jet(self, jet: TaylorJet) -> TaylorJet:
        mean = self.exposure * jet.value.exp()
        bent = jet.second + jet.first[..., None] * jet.first[..., None, :] if jet.second.numel() else jet.second
        return TaylorJet(mean, mean[..., None] * jet.first, mean[..., None, None] * bent, jet.eps)

    def block_fits(self, beta: float, activity: Samples, labels: Tensor, blocks: Tensor) -> CountBlockFits:
        basis = self._basis(beta, like(activity))
        law = self._posterior(basis, beta)
        statistics = [block_statistics(law, loaded(activity[rows]), labels[rows]) for rows in members(blocks)]
        overdispersed = bool((self.law.dispersion > 0).any())
        return CountBlockFits(statistics, basis, len(activity), self.autocorrelation_time, overdispersed)

    def updated(self, beta: float, activity: Samples, labels: Tensor, groups: Tensor) -> CountGenerative:
        if self.seen is None:
            raise InputError(NOTHING_SEEN)
        found, basis, seen = updated_counts(
            self._log_mean(), self.law, self.seen, beta, loaded(activity), labels, groups
        )
        log_mean, law = basis.decoder(found.weight).like(self.decoder.weight), found.law.to(self.decoder.weight)
        return replace(
            self,
            decoder=_shifted(log_mean, -math.log(self.exposure)),
            noise=_noise(log_mean, law),
            prior=_stated(found.prior),
            autocorrelation_time=seen.time,
            law=law,
            seen=seen,
        )

    def draws(
        self, beta: float, activity: Samples, labels: Tensor, blocks: Tensor
    ) -> tuple[HarmonicDecoder, CountDraws]:
        # In as many harmonics as the samples determine: those that the fit's prior left out are part of the bias.
        n_independent = round(len(activity) / self.autocorrelation_time)
        order = max(largest_count_order(self.decoder.template, n_independent), self.decoder.order)
        fine = HarmonicDecoder(self.decoder.template, order, self.decoder.weight)
        return fine, replace(self, decoder=fine).block_fits(beta, activity, labels, blocks).draws

    def arrays(self) -> dict[str, Tensor]:
        seen = {} if self.seen is None else self.seen.arrays()
        return super().arrays() | {"dispersion": self.law.dispersion} | seen

    def _log_mean(self) -> HarmonicDecoder:
        return _shifted(self.decoder, math.log(self.exposure))

    def _basis(self, beta: float, like: Tensor) -> Basis:
        """On a grid that resolves the posterior."""
        template, log_mean = self.decoder.template, self._log_mean()
        plain = template.grid(GRID_SIZES.get(template.dim, 4096))
        return Basis.make(template, log_mean.order, resolving_size(log_mean, self.law, plain, beta), like)

    def _posterior(self, basis: Basis, beta: float) -> CountPosterior:
        log_means = basis.values @ self._log_mean().weight.to(basis.values)
        return CountPosterior(basis.template, basis.grid, log_means, self.law.to(basis.values), beta)


def fit_counts(
    template: Manifold,
    counts: Tensor,
    labels: Tensor,
    groups: Tensor,
    settings: FitSettings,
    seed: int,
    *,
    overdispersed: bool,
) -> CountGenerative:
    """Fit log rates and law of counts (n, d) with labels (n, k), NaN where unknown, inside intervals (n,).

    ``overdispersed`` counts are negative binomial, others Poisson.
    """
    order = largest_order(template, len(counts))
    basis = Basis.make(template, order, GRID_SIZES.get(template.dim, 4096), counts)
    fit = _CountFit(basis, settings, overdispersed)
    known = torch.isfinite(labels).all(dim=1)
    held_out: tuple[tuple[int, float], ...] = ()
    if bool(known.any()):
        regression, time = fit.labelled(counts, labels, known, groups)
    else:
        regression, time, held_out = fit.unlabelled(counts, groups, seed)
    double = torch.zeros((), dtype=torch.float64)
    log_mean, law = basis.decoder(regression.weight).like(double), regression.law.to(double)
    if not bool(known.any()):
        log_mean = in_gauge(log_mean, ExpectedCounts(log_mean, 1.0)).decoder
    return CountGenerative(
        decoder=_shifted(log_mean, -math.log(settings.exposure)),
        noise=_noise(log_mean, law),
        prior=_stated(regression.prior),
        autocorrelation_time=time,
        held_out=held_out,
        label_tolerance=0.0 if bool(known.any()) else None,
        exposure=settings.exposure,
        law=law,
        seen=remembered_counts(log_mean, law, time, overdispersed, settings.beta, counts, labels),
    )


@dataclass(frozen=True)
class _CountFit:
    """What every step of a fit of counts shares."""

    basis: Basis
    settings: FitSettings
    overdispersed: bool

    def labelled(self, counts: Tensor, labels: Tensor, known: Tensor, groups: Tensor) -> tuple[CountRegression, float]:
        """From the labelled samples, then from all; no finer than the labelled ones alone determine."""
        points = self.basis.template.embed(labels[known])
        statistics = CountStatistics.at_points(points, self.basis.grid.points, counts[known])
        start, time = self._thinned(statistics, counts[known], points, groups[known])
        if known.all():
            return start, time
        everywhere = count_law_of(self.basis, start, self.settings.beta).mean_points(counts)
        everywhere[known] = points
        time = self._time(start, counts, everywhere, groups)
        fit = maximised(
            counts[~known],
            self.basis,
            start,
            overdispersed=self.overdispersed,
            labelled=statistics,
            beta=self.settings.beta,
            thinning=time,
        )
        return fit.regression, time

    def _thinned(
        self, statistics: CountStatistics, counts: Tensor, points: Tensor, groups: Tensor
    ) -> tuple[CountRegression, float]:
        """Regression at known points that counts the independent samples, and their autocorrelation time."""
        first = best_prior(self._problem(statistics), regression_sizes(self.basis, len(points)))
        time = self._time(first, counts, points, groups)
        if time == 1:
            return first, time
        sizes = regression_sizes(self.basis, round(len(points) / time))
        return best_prior(self._problem(statistics.thinned(time)), sizes), time

    def unlabelled(
        self, counts: Tensor, groups: Tensor, seed: int
    ) -> tuple[CountRegression, float, tuple[tuple[int, float], ...]]:
        """From the likeliest of several starts, along the path from coarse to fine, then from all samples."""
        beta, over = self.settings.beta, self.overdispersed
        start = self.settings.start
        if start is None:
            found, scores = self.settings.progress.stage(
                "path",
                lambda: self._searched(counts, groups, seed),
                _searched_state,
                partial(_searched_of, like=counts),
            )
        else:
            found, scores = self._resumed(start)
        time = self._time(found, counts, count_law_of(self.basis, found, beta).mean_points(counts), groups)
        fit = maximised(
            counts,
            self.basis,
            found,
            overdispersed=over,
            beta=beta,
            max_steps=LAST_STEPS,
            tolerance=LAST_GAIN,
            thinning=time,
        )
        return fit.regression, time, scores

    def _searched(
        self, counts: Tensor, groups: Tensor, seed: int
    ) -> tuple[CountRegression, tuple[tuple[int, float], ...]]:
        template, beta = self.basis.template, self.settings.beta
        stride = -(-len(counts) // N_PATH)
        starts = [z[::stride] for z in starting_points(template, counts, groups, self.settings.n_init, seed)]
        some, sizes = counts[::stride], band_sizes(self.basis, len(counts))
        rough = Basis.make(template, self.basis.order, START_GRID_SIZES.get(template.dim, 1024), counts)
        over = self.overdispersed
        start = likeliest_start(some, rough, starts, sizes[:N_COARSE_LEVELS], overdispersed=over, beta=beta)
        held = held_out_blocks(len(some), HELD_OUT, torch.Generator().manual_seed(seed)).to(counts.device)
        path = sizes[N_COARSE_LEVELS - 1 :]
        return followed(some[~held], some[held], rough, start, path, overdispersed=over, beta=beta)

    def _resumed(self, start: Generative) -> tuple[CountRegression, tuple[tuple[int, float], ...]]:
        """Of an earlier fit: its log means in as many harmonics as the samples determine."""
        assert isinstance(start, CountGenerative)
        weight = self.basis.weights_of(start._log_mean())
        likeliest = max(start.held_out, key=lambda pair: pair[1], default=(0, 0.0))[0]
        size = max(likeliest, int(start.prior["n_harmonics"]))
        prior = replace(FIRST_PRIOR, n_harmonics=min(size, len(weight)))
        return CountRegression(weight, start.law.to(weight), prior, -math.inf), start.held_out

    def _problem(self, statistics: CountStatistics) -> CountProblem:
        eigenvalues = self.basis.harmonics.eigenvalues.to(self.basis.values)
        return CountProblem(self.basis.values, eigenvalues, statistics, self.overdispersed)

    def _time(self, regression: CountRegression, counts: Tensor, points: Tensor, groups: Tensor) -> float:
        """Autocorrelation time of the Pearson residuals."""
        mean = self.basis.decoded(regression.weight, points).exp()
        return autocorrelation_time((counts - mean) / regression.law.variance(mean).sqrt(), groups)


def _searched_state(searched: tuple[CountRegression, tuple[tuple[int, float], ...]]) -> State:
    found, scores = searched
    values = {"prior": asdict(found.prior), "log_evidence": found.log_evidence, "held_out": scores}
    return values, {"weight": found.weight, "dispersion": found.law.dispersion}


def _searched_of(state: State, like: Tensor) -> tuple[CountRegression, tuple[tuple[int, float], ...]]:
    values, tensors = state
    weight, dispersion = tensors["weight"].to(like), tensors["dispersion"].to(like)
    found = CountRegression(weight, CountLaw(dispersion), prior_of(values["prior"]), values["log_evidence"])
    return found, scores_of(values["held_out"])


def _stated(prior: Prior) -> dict[str, float | int | str]:
    return {"family": prior.family, "rate": prior.rate, "n_harmonics": prior.n_harmonics}


def _shifted(decoder: HarmonicDecoder, constant: float) -> HarmonicDecoder:
    """The decoder plus a constant in all units; the constant harmonic is 1 / sqrt(volume)."""
    weight = decoder.weight.clone()
    weight[0] += constant * decoder.template.volume**0.5
    return HarmonicDecoder(decoder.template, decoder.order, weight)


def _noise(log_mean: HarmonicDecoder, law: CountLaw) -> Noise:
    """The counts' variance about the manifold, averaged over the template."""
    grid = log_mean.template.grid(GRID_SIZES.get(log_mean.template.dim, 4096))
    variance = law.variance(log_mean(grid.points).exp())
    return Noise.of(torch.diag_embed(grid.weights @ variance / grid.weights.sum()))
