"""Expectation-maximisation for counts: the exact posterior on a grid and the regression of counts, in turn.

As for activity (:mod:`~neuromanifold.models.expectation_maximisation`), a closed curve without labels is relabelled in
every step so that it is visited uniformly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.models.counts.posterior import CountPosterior
from neuromanifold.models.counts.priors import best_family
from neuromanifold.models.counts.regression import CountProblem, CountRegression
from neuromanifold.models.counts.statistics import CountStatistics, histogram
from neuromanifold.models.expectation_maximisation import CHOICE_INTERVAL, Basis
from neuromanifold.models.occupancy import DENSITY_ORDER, density, uniform_labels

__all__ = ["CountFit", "block_statistics", "count_law_of", "maximised"]


@dataclass(frozen=True)
class CountFit:
    """A regression with the mean log-likelihood of the last E-step."""

    regression: CountRegression
    log_likelihood: float


def maximised(
    counts: Tensor,
    basis: Basis,
    start: CountRegression,
    *,
    overdispersed: bool,
    labelled: CountStatistics | None = None,
    beta: float = 1.0,
    max_steps: int = 30,
    tolerance: float = 1e-3,
    thinning: float = 1.0,
) -> CountFit:
    """Alternate posteriors and regressions of the start's band limit until the likelihood stops rising.

    Parameters
    ----------
    counts : Tensor (n, d)
        Samples of unknown coordinates.
    start : CountRegression
        Its band limit is kept; the family is chosen again in every fifth step, scale and dispersions in every step.
    labelled : CountStatistics, optional
        On the basis' grid, of samples with known coordinates; with them the labels are the gauge.
    tolerance : float
        Least gain of mean log-likelihood (nats per sample) that is worth a further step.
    thinning : float
        Autocorrelation time of the samples, in samples.
    """
    basis = basis.restricted(max(start.prior.n_harmonics, len(start.weight), 2 * DENSITY_ORDER + 1))
    of_counts = histogram(counts)
    regression, previous = start, -float("inf")
    for n_steps in range(1, max_steps + 1):
        summary = count_law_of(basis, regression, beta).summary(counts)
        statistics = CountStatistics(summary.mass, summary.sums, of_counts)
        values = basis.values
        if labelled is not None:
            statistics = statistics + labelled
        elif basis.is_closed_curve:
            labels = uniform_labels(values, density(values, summary.mass))
            values = basis.harmonics(basis.template.embed(labels[:, None]))
        eigenvalues = basis.harmonics.eigenvalues.to(values)
        problem = CountProblem(values, eigenvalues, statistics.thinned(thinning), overdispersed)
        regression = _step(problem, regression, n_steps)
        if summary.log_likelihood - previous < tolerance and n_steps > 2:
            break
        previous = summary.log_likelihood
    return CountFit(regression, summary.log_likelihood)


def _step(problem: CountProblem, regression: CountRegression, n_steps: int) -> CountRegression:
    if n_steps % CHOICE_INTERVAL == 1:
        return best_family(problem, regression)
    return problem.redispersed(problem.fit(regression, regression.prior, max_rounds=1))


def block_statistics(law: CountPosterior, counts: Tensor, labels: Tensor) -> CountStatistics:
    """Statistics of counts (n, d) at labels (n, k) where known, else under the posterior."""
    known = torch.isfinite(labels).all(dim=1)
    parts = []
    if bool(known.any()):
        points = law.template.embed(labels[known])
        parts.append(CountStatistics.at_points(points, law.grid.points, counts[known]))
    if not bool(known.all()):
        summary = law.summary(counts[~known])
        parts.append(CountStatistics(summary.mass, summary.sums, histogram(counts[~known])))
    return sum(parts[1:], start=parts[0])


def count_law_of(basis: Basis, regression: CountRegression, beta: float) -> CountPosterior:
    """The posterior of a regression on the basis' own grid."""
    log_means = basis.values[:, : len(regression.weight)] @ regression.weight
    return CountPosterior(basis.template, basis.grid, log_means, regression.law, beta)
