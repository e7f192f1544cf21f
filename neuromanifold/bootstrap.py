"""Block bootstrap of the decoder: how far would the manifold move had other stretches of time been recorded?

The samples are cut into blocks of consecutive rows that cross no interval border. A replicate draws blocks with
replacement and refits the decoder to them, with the prior's family and band limit of the full data.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import numpy_generator
from neuromanifold._typing import ArrayLike, IntArray, RandomState
from neuromanifold.models import HarmonicDecoder, TopologicalVAE
from neuromanifold.models.labels import exact_labels

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
    labels = torch.as_tensor(exact_labels(y, len(activity), model.template_, model.label_tolerance_))
    blocks = torch.as_tensor(time_blocks(len(activity), groups))
    fits = model.generative_.block_fits(model.beta, activity, labels, blocks)
    rng = numpy_generator(random_state)
    for _ in range(n_bootstrap):
        yield model.decoder_.changed(fits.draw(rng))


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
