"""Refits of a decoder of counts to blocks of samples, at the coordinates of the fit.

What each block says at the points of a grid, at the labels where known and else under the posterior, is computed once;
a refit adds those of the blocks it is given, as often as it is told, and keeps the prior's family and band limit of all
and the dispersions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add

from torch import Tensor

from neuromanifold.models.counts.draws import CountDraws
from neuromanifold.models.counts.priors import best_prior, regression_sizes
from neuromanifold.models.counts.regression import CountProblem
from neuromanifold.models.counts.statistics import CountStatistics
from neuromanifold.models.expectation_maximisation import Basis

__all__ = ["CountBlockFits"]


class CountBlockFits:
    """Refits from the statistics (one for each block) of counts at the points of a basis' grid.

    ``thinning`` is the autocorrelation time of the samples, in samples.
    """

    def __init__(
        self, blocks: Sequence[CountStatistics], basis: Basis, n_samples: int, thinning: float, overdispersed: bool
    ) -> None:
        self._blocks = [block.thinned(thinning) for block in blocks]
        eigenvalues = basis.harmonics.eigenvalues.to(basis.values)
        self._problem = CountProblem(basis.values, eigenvalues, reduce(add, self._blocks), overdispersed)
        self._whole = best_prior(self._problem, regression_sizes(basis, round(n_samples / thinning)))

    def change(self, copies: Sequence[int]) -> Tensor:
        """Weights (p, d) of the blocks, each taken so many times, less those of all blocks once."""
        chosen = [block.thinned(1 / count) for block, count in zip(self._blocks, copies, strict=True) if count]
        refit = replace(self._problem, statistics=reduce(add, chosen)).fit(self._whole, self._whole.prior)
        return (refit.weight - self._whole.weight).cpu()

    @property
    def draws(self) -> CountDraws:
        """What another recording might have given, smoothing bias included."""
        return CountDraws.about(self._problem, self._whole, self._blocks)
