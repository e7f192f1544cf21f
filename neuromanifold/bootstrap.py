"""Block bootstrap of the decoder: how far would the manifold move had other stretches of time been recorded?

The samples are cut into blocks of consecutive rows that cross no interval border. Each block's moments
under the posterior are computed once; a replicate draws blocks with replacement, adds their moments and
refits the decoder, with the prior's family and band limit of the full data.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import numpy_generator
from neuromanifold._typing import ArrayLike, IntArray, RandomState
from neuromanifold.models import HarmonicDecoder, TopologicalVAE
from neuromanifold.models.generative import PosteriorMoments
from neuromanifold.models.harmonic_regression import fit_regression
from neuromanifold.models.labels import check_labels
from neuromanifold.models.moments import Moments

__all__ = ["bootstrap_decoders", "time_blocks"]

N_BLOCKS = 50
MIN_BLOCKS = 5


def bootstrap_decoders(
    model: TopologicalVAE,
    X: ArrayLike,
    y: ArrayLike | None,
    groups: ArrayLike | None,
    n_bootstrap: int,
    random_state: RandomState,
) -> Iterator[HarmonicDecoder]:
    """``n_bootstrap`` refitted decoders, in the coordinates of the fitted model."""
    activity = torch.as_tensor(np.asarray(X, dtype=np.float64))
    if activity.ndim != 2 or activity.shape[1] != model.n_features_in_:
        raise InputError(f"X must have shape (n, {model.n_features_in_}), as in the fit; got {tuple(activity.shape)}")
    labels = torch.as_tensor(check_labels(y, len(activity), model.template_))
    blocks = time_blocks(len(activity), groups)
    moments_of = PosteriorMoments(model.decoder_, model.noise_, model.beta, activity)
    pieces = np.split(np.arange(len(blocks)), np.flatnonzero(np.diff(blocks)) + 1)
    moments = [moments_of(activity[piece], labels[piece]) for piece in pieces]
    thinning = model.autocorrelation_time_
    everything = _total(moments, np.ones(len(moments), int)).thinned(thinning)
    whole = fit_regression(everything, moments_of.eigenvalues)
    rng = numpy_generator(random_state)
    for _ in range(n_bootstrap):
        counts = rng.multinomial(len(moments), np.full(len(moments), 1 / len(moments)))
        refit = fit_regression(_total(moments, counts).thinned(thinning), moments_of.eigenvalues, prior=whole.prior)
        weight = model.decoder_.weight.clone()
        weight[: len(refit.weight)] += refit.weight - whole.weight
        yield HarmonicDecoder(model.template_, model.decoder_.order, weight)


def time_blocks(n_samples: int, groups: ArrayLike | None, n_blocks: int = N_BLOCKS) -> IntArray:
    """Block number (n,) of each row: about ``n_blocks`` blocks of consecutive rows, none across an interval
    border.

    Raises
    ------
    NotEnoughDataError
        If there are too few samples for five blocks.
    InputError
        If groups are not one per row.
    """
    if n_samples < 2 * MIN_BLOCKS:
        raise NotEnoughDataError(f"{n_samples} samples are too few for a block bootstrap: at least {2 * MIN_BLOCKS}")
    rows = np.arange(n_samples) * n_blocks // n_samples
    interval = np.zeros(n_samples, np.int64) if groups is None else np.asarray(groups)
    if interval.shape != (n_samples,):
        raise InputError(f"groups must have shape ({n_samples},), one per row; got {interval.shape}")
    border = (np.diff(rows, prepend=rows[0]) != 0) | np.r_[False, interval[1:] != interval[:-1]]
    return np.cumsum(border)


def _total(moments: list[Moments], counts: IntArray) -> Moments:
    chosen = [(moment, int(count)) for moment, count in zip(moments, counts, strict=True) if count]
    return Moments(
        torch.stack([count * m.gram for m, count in chosen]).sum(0),
        torch.stack([count * m.cross for m, count in chosen]).sum(0),
        torch.stack([count * m.second for m, count in chosen]).sum(0),
        sum(count * m.n_samples for m, count in chosen),
    )
