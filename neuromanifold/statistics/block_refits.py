"""Refits of a fitted decoder on chosen blocks of samples, at the coordinates of the fit.

The moments of each block (:mod:`~neuromanifold.models.moments`) are computed once; a refit adds those of the blocks it
is given, as often as it is told, and keeps the prior's family and band limit of the full data. Coordinates are the
labels where known, else the posterior of the fit, so that all refits share one gauge.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray, IntArray
from neuromanifold.bootstrap import time_blocks
from neuromanifold.models import HarmonicDecoder, TopologicalVAE
from neuromanifold.models.generative import PosteriorMoments
from neuromanifold.models.harmonic_regression import fit_regression
from neuromanifold.models.labels import check_labels
from neuromanifold.models.moments import Moments
from neuromanifold.profile import replicates

__all__ = ["BlockRefits"]


class BlockRefits:
    """Decoders refitted on some of the blocks.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted to ``X``, with labels ``y`` where it had any.
    X, y, groups
        As in the fit.
    blocks : array (n,), optional
        Block of each row, numbers from 0; about 50 stretches of time where it is left out.

    Attributes
    ----------
    n_samples : array (n_blocks,)
        Rows of each block.
    """

    def __init__(
        self,
        model: TopologicalVAE,
        X: ArrayLike,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        blocks: IntArray | None = None,
    ) -> None:
        activity = torch.as_tensor(np.asarray(X, dtype=np.float64))
        if activity.ndim != 2 or activity.shape[1] != model.n_features_in_:
            raise InputError(
                f"X must have shape (n, {model.n_features_in_}), as in the fit; got {tuple(activity.shape)}"
            )
        labels = torch.as_tensor(check_labels(y, len(activity), model.template_))
        self.blocks = time_blocks(len(activity), groups) if blocks is None else blocks
        self.n_samples = np.bincount(self.blocks)
        self._decoder = model.decoder_
        self._thinning = model.autocorrelation_time_
        moments_of = PosteriorMoments(model.decoder_, model.noise_, model.beta, activity)
        self._eigenvalues = moments_of.eigenvalues
        rows = [np.flatnonzero(self.blocks == block) for block in range(len(self.n_samples))]
        self._moments = [moments_of(activity[chosen], labels[chosen]) for chosen in rows]
        self._whole = fit_regression(self._total(np.ones(len(rows), int)), self._eigenvalues)

    def decoder(self, counts: ArrayLike) -> HarmonicDecoder:
        """The decoder of all blocks, each taken ``counts`` (n_blocks,) times."""
        refit = fit_regression(self._total(np.asarray(counts)), self._eigenvalues, prior=self._whole.prior)
        weight = self._decoder.weight.clone()
        weight[: len(refit.weight)] += refit.weight - self._whole.weight
        return HarmonicDecoder(self._decoder.template, self._decoder.order, weight)

    def mean_curvature_norms(self, many_counts: Iterable[ArrayLike], n_points: int | None = None) -> FloatArray:
        """``|H|`` (n_refits, n_points) of refits, at the points of a profile of so many."""
        weights = [self.decoder(counts).weight for counts in many_counts]
        return replicates(self._decoder, weights, n_points)["mean_curvature_norm"]

    def without_each(self) -> IntArray:
        """Counts (n_blocks, n_blocks) that leave out one block each."""
        n = len(self.n_samples)
        return np.ones((n, n), int) - np.eye(n, dtype=int)

    def _total(self, counts: IntArray) -> Moments:
        chosen = [(m, int(count)) for m, count in zip(self._moments, counts, strict=True) if count]
        return Moments(
            torch.stack([count * m.gram for m, count in chosen]).sum(0),
            torch.stack([count * m.cross for m, count in chosen]).sum(0),
            torch.stack([count * m.second for m, count in chosen]).sum(0),
            sum(count * m.n_samples for m, count in chosen),
        ).thinned(self._thinning)
