"""Refits of a fitted decoder on chosen blocks of samples, at the coordinates of the fit.

What a refit needs of each block is computed once; a refit adds up the blocks it is given, as often as it is told, and
keeps the prior's family and band limit of the full data. Coordinates are the labels where known, else the posterior of
the fit, so that all refits share one gauge.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from neuromanifold._arrays import validated
from neuromanifold._typing import ArrayLike, FloatArray, IntArray
from neuromanifold.bootstrap import time_blocks
from neuromanifold.models import HarmonicDecoder, TopologicalVAE
from neuromanifold.models.labels import exact_labels
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
        activity = torch.as_tensor(validated(model, X, reset=False))
        labels = torch.as_tensor(exact_labels(y, len(activity), model.template_, model.label_tolerance_))
        self.blocks = time_blocks(len(activity), groups) if blocks is None else blocks
        self.n_samples = np.bincount(self.blocks)
        self._model = model
        self._fits = model.generative_.block_fits(model.beta, activity, labels, torch.as_tensor(self.blocks))

    def decoder(self, counts: ArrayLike) -> HarmonicDecoder:
        """The decoder of all blocks, each taken ``counts`` (n_blocks,) times."""
        return self._model.decoder_.changed(self._fits.change(np.asarray(counts).astype(int).tolist()))

    def mean_curvature_norms(self, many_counts: Iterable[ArrayLike], n_points: int | None = None) -> FloatArray:
        """``|H|`` (n_refits, n_points) of refits, at the points of a profile of so many."""
        weights = [self.decoder(counts).weight for counts in many_counts]
        generative = self._model.generative_
        found = replicates(self._model.decoder_, weights, n_points, generative.activity_jet)
        return np.abs(found["mean_curvature_norm"])

    def without_each(self) -> IntArray:
        """Counts (n_blocks, n_blocks) that leave out one block each."""
        n = len(self.n_samples)
        return np.ones((n, n), int) - np.eye(n, dtype=int)
