"""Refits of a decoder of activity to blocks of samples, at the coordinates of the fit.

Each block's moments, at the labels where known and else under the posterior, are computed once; a refit adds those of
the blocks it is given, as often as it is told, and keeps the prior's family and band limit of all.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neuromanifold.models.expectation_maximisation import Basis, block_moments, grid_posterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import fit_regression
from neuromanifold.models.moments import Moments
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples
from neuromanifold.models.sizes import GRID_SIZES, MAX_HARMONICS

__all__ = ["GaussianBlockFits", "PosteriorMoments", "members"]


def members(blocks: Tensor) -> list[Tensor]:
    """Rows of each block (n,), numbered from 0."""
    return [(blocks == block).nonzero()[:, 0] for block in range(int(blocks.max()) + 1)]


class PosteriorMoments:
    """Moments of stretches of activity in the coordinates of a fitted decoder: what a refit of it needs.

    ``independent`` says whether the noise of units was taken to be.
    """

    def __init__(self, decoder: HarmonicDecoder, noise: Noise, beta: float, like: Tensor, independent: bool) -> None:
        n_grid = GRID_SIZES.get(decoder.template.dim, 4096)
        basis = Basis.make(decoder.template, decoder.order, n_grid, like, independent)
        self._law = grid_posterior(basis, decoder.weight.to(like), noise.to(like), beta)
        self._basis = basis.restricted(min(len(basis.harmonics), MAX_HARMONICS.get(decoder.template.dim, 256)))

    @property
    def eigenvalues(self) -> Tensor:
        """Of the harmonics that the moments are of: the decoder's, as far as samples could determine them."""
        return self._basis.harmonics.eigenvalues

    def __call__(self, activity: Samples, labels: Tensor) -> Moments:
        """Moments of activity (n, d) at labels (n, k) where known, else under the posterior."""
        return block_moments(self._basis, self._law, activity, labels)


class GaussianBlockFits:
    """Refits from the moments (one for each block) of harmonics with these eigenvalues (p,).

    ``thinning`` is the autocorrelation time of the samples, in samples.
    """

    def __init__(self, blocks: Sequence[Moments], eigenvalues: Tensor, thinning: float) -> None:
        self._blocks = blocks
        self._eigenvalues = eigenvalues
        self._thinning = thinning
        self._whole = fit_regression(self._total([1] * len(blocks)), eigenvalues)

    def change(self, copies: Sequence[int]) -> Tensor:
        """Weights (p, d) of the blocks, each taken so many times, less those of all blocks once."""
        refit = fit_regression(self._total(copies), self._eigenvalues, prior=self._whole.prior)
        return refit.weight - self._whole.weight

    def _total(self, copies: Sequence[int]) -> Moments:
        chosen = [(m, count) for m, count in zip(self._blocks, copies, strict=True) if count]
        return Moments(
            torch.stack([count * m.gram for m, count in chosen]).sum(0),
            torch.stack([count * m.cross for m, count in chosen]).sum(0),
            torch.stack([count * m.second for m, count in chosen]).sum(0),
            sum(count * m.n_samples for m, count in chosen),
        ).thinned(self._thinning)
