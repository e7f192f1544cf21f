"""Block bootstrap of the decoder: how far would the manifold move had other stretches of time been recorded?

The samples are cut into blocks of consecutive rows that cross no interval border. Each block's moments under the
posterior are computed once; a replicate draws blocks with replacement, adds their moments and refits the decoder, with the prior's family and
band limit of the full data.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from neuromanifold._errors import NotEnoughDataError
from neuromanifold._random import numpy_generator
from neuromanifold._typing import ArrayLike, IntArray, RandomState
from neuromanifold.geometry import Immersion
from neuromanifold.models import HarmonicDecoder, TopologicalVAE
from neuromanifold.models.generative import posterior_moments
from neuromanifold.models.harmonic_regression import fit_regression
from neuromanifold.models.moments import Moments
from neuromanifold.models.topological_vae import check_labels

__all__ = ["bootstrap_immersions", "time_blocks"]

N_BLOCKS = 50
MIN_BLOCKS = 5


def bootstrap_immersions(
    model: TopologicalVAE,
    X: ArrayLike,
    y: ArrayLike | None,
    groups: ArrayLike | None,
    n_bootstrap: int,
    random_state: RandomState,
) -> Iterator[Immersion]:
    """``n_bootstrap`` refitted immersions, in the coordinates of the fitted model."""
    activity = torch.as_tensor(np.asarray(X, dtype=np.float64))
    labels = torch.as_tensor(check_labels(y, len(activity), model.template_))
    blocks = time_blocks(len(activity), groups)
    moments, eigenvalues = _block_moments(model, activity, labels, blocks)
    thinning = model.autocorrelation_time_
    everything = _total(moments, np.ones(len(moments), int)).thinned(thinning)
    prior = fit_regression(everything, eigenvalues).prior
    rng = numpy_generator(random_state)
    for _ in range(n_bootstrap):
        counts = rng.multinomial(len(moments), np.full(len(moments), 1 / len(moments)))
        refit = fit_regression(_total(moments, counts).thinned(thinning), eigenvalues, prior=prior)
        yield Immersion(model.template_, HarmonicDecoder(model.template_, model.decoder_.order, refit.weight))


def time_blocks(n_samples: int, groups: ArrayLike | None, n_blocks: int = N_BLOCKS) -> IntArray:
    """Block number (n,) of each row: about ``n_blocks`` blocks of consecutive rows, none across an interval border.

    Raises
    ------
    NotEnoughDataError
        If there are too few samples for five blocks.
    """
    if n_samples < 2 * MIN_BLOCKS:
        raise NotEnoughDataError(f"{n_samples} samples are too few for a block bootstrap: at least {2 * MIN_BLOCKS}")
    rows = np.arange(n_samples) * n_blocks // n_samples
    interval = np.zeros(n_samples, np.int64) if groups is None else np.asarray(groups)
    border = (np.diff(rows, prepend=rows[0]) != 0) | np.r_[False, interval[1:] != interval[:-1]]
    return np.cumsum(border)


def _block_moments(
    model: TopologicalVAE, activity: torch.Tensor, labels: torch.Tensor, blocks: IntArray
) -> tuple[list[Moments], torch.Tensor]:
    pieces = np.split(np.arange(len(blocks)), np.flatnonzero(np.diff(blocks)) + 1)
    noise = model.noise_
    computed = [
        posterior_moments(model.decoder_, noise, model.beta, activity[rows], labels[rows])
        for rows in (torch.as_tensor(piece) for piece in pieces)
    ]
    return [moments for moments, _ in computed], computed[0][1]


def _total(moments: list[Moments], counts: IntArray) -> Moments:
    chosen = [(moment, int(count)) for moment, count in zip(moments, counts, strict=True) if count]
    return Moments(
        torch.stack([count * m.gram for m, count in chosen]).sum(0),
        torch.stack([count * m.cross for m, count in chosen]).sum(0),
        torch.stack([count * m.second for m, count in chosen]).sum(0),
        sum(count * m.n_samples for m, count in chosen),
    )
