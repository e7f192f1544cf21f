"""From counts alone to a regression: starting coordinates, and a path from coarse to fine.

Single bins of few spikes show no holes, so starting coordinates are those of the square roots of the counts, smoothed
in time over as long as their common signal keeps its direction; bins in no order of time are not smoothed. The path is
that of :mod:`~neuromanifold.models.continuation`, with counts' own likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray
from neuromanifold.data.smoothing import smooth
from neuromanifold.manifolds import Manifold
from neuromanifold.models.counts.expectation_maximisation import CountFit, count_law_of, maximised
from neuromanifold.models.counts.priors import FIRST_PRIOR
from neuromanifold.models.counts.regression import CountProblem, CountRegression
from neuromanifold.models.counts.statistics import CountStatistics
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.topology import start_coordinates

__all__ = ["followed", "likeliest_start", "starting_points"]

# The signal of a bin is taken to be that of another while their covariance is this share of the next bin's.
SAME_SIGNAL = 0.7
MAX_LAG = 50
COARSE_STEPS = 15
PATH_STEPS = 15
# Standard errors of the held-out gain below which a finer decoder is not worth its freedom, and how many such in a row
# end the path.
GAIN = 1.0
PATIENCE = 2


def starting_points(template: Manifold, counts: Tensor, groups: Tensor, n_starts: int, seed: int) -> list[Tensor]:
    """Candidate coordinates (n, m) of counts (n, d) whose rows are in time order inside intervals (n,)."""
    roots, intervals = counts.sqrt().cpu().numpy(), groups.cpu().numpy()
    width = signal_time(roots, intervals)
    angles: list[FloatArray] = []
    for share, n_tries in ((1.0, -(-n_starts // 2)), (0.4, n_starts // 2)):
        if n_tries:
            n_components = min(template.embedding_dim + 1, counts.shape[1])
            smoothed = smooth(roots, intervals, share * width)
            angles += start_coordinates(template.name, smoothed, n_tries, n_components=n_components, random_state=seed)
    return [template.embed(torch.as_tensor(each).to(counts)) for each in angles]


def signal_time(roots: FloatArray, groups: FloatArray) -> float:
    """Lags (bins) over which the covariance between bins of roots (n, d) stays near that of neighbours."""
    roots = roots - roots.mean(0)
    first = None
    for lag in range(1, min(MAX_LAG, len(roots) // 4)):
        inside = groups[lag:] == groups[:-lag]
        covariance = float((roots[lag:] * roots[:-lag]).sum(1)[inside].mean()) if inside.any() else 0.0
        if first is None:
            first = covariance
            # Of bins in no order, the covariance is zero to its sampling error.
            if first < 4 * float(roots.var(0).sum()) / len(roots) ** 0.5 / roots.shape[1] ** 0.5:
                return 0.0
        if covariance < SAME_SIGNAL * first:
            return float(lag - 1)
    return float(MAX_LAG)


def likeliest_start(
    counts: Tensor, basis: Basis, starts: Sequence[Tensor], sizes: Sequence[int], *, overdispersed: bool, beta: float
) -> CountRegression:
    """The regression after a coarse fit from each starting coordinates (n, m) that makes the counts likeliest."""
    fits = [_coarse_fit(counts, basis, points, sizes, overdispersed, beta) for points in starts]
    return max(fits, key=lambda fit: fit.log_likelihood).regression


def _coarse_fit(
    counts: Tensor, basis: Basis, points: Tensor, sizes: Sequence[int], overdispersed: bool, beta: float
) -> CountFit:
    statistics = CountStatistics.at_points(points, basis.grid.points, counts)
    eigenvalues = basis.harmonics.eigenvalues.to(counts)
    problem = CountProblem(basis.values, eigenvalues, statistics, overdispersed)
    prior = replace(FIRST_PRIOR, n_harmonics=sizes[0])
    regression = problem.fit(problem.constant(prior), prior)
    for size in sizes:
        regression = replace(regression, prior=replace(regression.prior, n_harmonics=size))
        fit = maximised(counts, basis, regression, overdispersed=overdispersed, beta=beta, max_steps=COARSE_STEPS)
        regression = fit.regression
    return fit


def followed(
    train: Tensor,
    held_out: Tensor,
    basis: Basis,
    start: CountRegression,
    sizes: Sequence[int],
    *,
    overdispersed: bool,
    beta: float,
) -> tuple[CountRegression, tuple[tuple[int, float], ...]]:
    """The regression at the band limit where held-out counts no longer gain, and their mean log-likelihood at each."""
    scores: list[tuple[int, float]] = []
    best: tuple[Tensor, CountRegression] | None = None
    regression, misses = start, 0
    for size in sizes:
        regression = replace(regression, prior=replace(regression.prior, n_harmonics=size))
        fit = maximised(train, basis, regression, overdispersed=overdispersed, beta=beta, max_steps=PATH_STEPS)
        regression = fit.regression
        score = count_law_of(basis, regression, beta).log_likelihood(held_out)
        scores.append((size, float(score.mean())))
        if best is None or _is_gain(score - best[0]):
            best, misses = (score, regression), 0
        else:
            misses += 1
        if misses >= PATIENCE:
            break
    if best is None:
        raise InputError("no band limit to try")
    return best[1], tuple(scores)


def _is_gain(difference: Tensor) -> bool:
    return float(difference.mean()) > GAIN * float(difference.std()) / len(difference) ** 0.5
