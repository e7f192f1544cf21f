"""Counts that arrive later: as :mod:`~neuromanifold.models.updates` has it, with the statistics of counts.

What every point of the template's grid has seen so far stands for the earlier samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.manifolds import Manifold
from neuromanifold.models.autocorrelation import autocorrelation_time
from neuromanifold.models.counts.expectation_maximisation import block_statistics, count_law_of, maximised
from neuromanifold.models.counts.law import CountLaw
from neuromanifold.models.counts.priors import FIRST_PRIOR, best_prior, largest_count_order, regression_sizes
from neuromanifold.models.counts.regression import CountProblem, CountRegression
from neuromanifold.models.counts.statistics import CountStatistics
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.sizes import GRID_SIZES
from neuromanifold.models.updates import KEPT, LAST_GAIN, LAST_STEPS

__all__ = ["SeenCounts", "remembered_counts", "updated_counts"]


@dataclass(frozen=True)
class SeenCounts:
    """Statistics of the samples so far at the points of the grid, their number and autocorrelation time, and whether
    their law may be overdispersed; float64, on the CPU.
    """

    statistics: CountStatistics
    n_samples: int
    time: float
    overdispersed: bool

    def arrays(self) -> dict[str, Tensor]:
        """What a file must hold."""
        s = self.statistics
        parts = {"mass": s.mass, "sums": s.sums, "histogram": s.histogram}
        numbers = {
            "n_samples": torch.tensor(self.n_samples),
            "time": torch.tensor(self.time, dtype=torch.float64),
            "overdispersed": torch.tensor(self.overdispersed),
        }
        return {f"seen.{name}": value for name, value in (parts | numbers).items()}

    @classmethod
    def restored(cls, arrays: Mapping[str, Tensor]) -> SeenCounts | None:
        """From the arrays of a file; None where it holds none."""
        if "seen.mass" not in arrays:
            return None
        statistics = CountStatistics(*(arrays[f"seen.{name}"] for name in ("mass", "sums", "histogram")))
        return cls(
            statistics, int(arrays["seen.n_samples"]), float(arrays["seen.time"]), bool(arrays["seen.overdispersed"])
        )


def remembered_counts(
    log_mean: HarmonicDecoder,
    law: CountLaw,
    time: float,
    overdispersed: bool,
    beta: float,
    counts: Tensor,
    labels: Tensor,
) -> SeenCounts:
    """What a fit remembers of counts (n, d) with labels (n, k), NaN where unknown."""
    basis = _basis(log_mean.template, len(counts), counts)
    statistics = block_statistics(count_law_of(basis, _regression(basis, log_mean, law), beta), counts, labels)
    return SeenCounts(statistics.to(KEPT), len(counts), time, overdispersed)


def updated_counts(
    log_mean: HarmonicDecoder,
    law: CountLaw,
    seen: SeenCounts,
    beta: float,
    counts: Tensor,
    labels: Tensor,
    groups: Tensor,
) -> tuple[CountRegression, Basis, SeenCounts]:
    """The regression of the samples so far and of counts (n, d) with labels (n, k), inside intervals (n,)."""
    n, known = seen.n_samples + len(counts), torch.isfinite(labels).all(dim=1)
    basis = _basis(log_mean.template, n, counts)
    start = _regression(basis, log_mean, law)
    points = count_law_of(basis, start, beta).mean_points(counts)
    points[known] = basis.template.embed(labels[known])
    mean = basis.decoded(start.weight, points).exp()
    time = autocorrelation_time((counts - mean) / start.law.variance(mean).sqrt(), groups)
    time = (seen.time * seen.n_samples + time * len(counts)) / n
    fixed = seen.statistics.to(counts)
    if bool(known.any()):
        fixed = fixed + CountStatistics.at_points(points[known], basis.grid.points, counts[known])
    problem = CountProblem(
        basis.values, basis.harmonics.eigenvalues.to(basis.values), fixed.thinned(time), seen.overdispersed
    )
    found = best_prior(problem, regression_sizes(basis, round(n / time)))
    if not bool(known.all()):
        found = maximised(
            counts[~known],
            basis,
            found,
            overdispersed=seen.overdispersed,
            labelled=fixed,
            beta=beta,
            max_steps=LAST_STEPS,
            tolerance=LAST_GAIN,
            thinning=time,
        ).regression
    statistics = block_statistics(count_law_of(basis, found, beta), counts, labels)
    return found, basis, SeenCounts(seen.statistics + statistics.to(KEPT), n, time, seen.overdispersed)


def _basis(template: Manifold, n_samples: int, like: Tensor) -> Basis:
    """On the grid that all statistics are of, whatever the number of samples."""
    return Basis.make(template, largest_count_order(template, n_samples), GRID_SIZES.get(template.dim, 4096), like)


def _regression(basis: Basis, log_mean: HarmonicDecoder, law: CountLaw) -> CountRegression:
    weight = basis.weights_of(log_mean)
    return CountRegression(weight, law.to(weight), FIRST_PRIOR, -float("inf"))
