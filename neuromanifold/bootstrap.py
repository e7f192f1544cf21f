"""Bootstrap of the decoder: how far would the manifold move had other stretches of time or trials been recorded?

The unit of resampling is an interval (trial) where there are many of them, else a block of consecutive rows that
crosses no interval border and is long beside the residual's autocorrelation. What a draw makes of the units is in
:mod:`~neuromanifold.models.decoder_draws`. Without labels a change along the manifold is one of coordinates, not of the
manifold: only the part of a draw at right angles to it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuromanifold._arrays import validated
from neuromanifold._errors import NotEnoughDataError
from neuromanifold._parallel import batches
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.data.blocks import is_streamed
from neuromanifold.data.intervals import interval_numbers
from neuromanifold.geometry import Immersion, jacobian
from neuromanifold.models import HarmonicDecoder, TopologicalVAE
from neuromanifold.models.base import DecoderDraws
from neuromanifold.models.checks import check_data
from neuromanifold.models.labels import exact_labels
from neuromanifold.models.samples import samples_of
from neuromanifold.progress import progress_of

__all__ = ["Draws", "bootstrap_decoders", "resampling_units", "time_blocks"]

N_BLOCKS = 50
MIN_BLOCKS = 5
# Intervals are resampled as wholes where there are at least so many.
MIN_INTERVALS = 20
# Blocks are at least so many autocorrelation times long, and at most so many: more tell a variance no better.
BLOCK_TIMES = 10
MAX_BLOCKS = 200
# Grid points for each harmonic of a decoder: quadrature of its products with a tangent frame.
POINTS_PER_HARMONIC = 6


@dataclass(frozen=True)
class Draws:
    """The decoder, written in all harmonics that a draw may have; the weights (p, d) of each draw of it; and the number
    of units that were resampled.
    """

    decoder: HarmonicDecoder
    weights: list[Tensor]
    n_units: int


def bootstrap_decoders(
    model: TopologicalVAE,
    X: ArrayLike,
    y: ArrayLike | None,
    groups: ArrayLike | None,
    n_bootstrap: int,
    random_state: RandomState,
    *,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> Draws:
    """``n_bootstrap`` draws of the decoder, in the coordinates of the fitted model; the same for any ``n_jobs``."""
    data: Any = X if is_streamed(X) else validated(model, X, reset=False)
    given = exact_labels(y, len(data), model.template_, model.label_tolerance_)
    check_data(data, given, model.template_, groups)
    activity, labels = samples_of(data, torch.zeros((), dtype=torch.float64)), torch.as_tensor(given)
    units = torch.as_tensor(resampling_units(len(activity), groups, model.autocorrelation_time_))
    decoder, draws = model.generative_.draws(model.beta, activity, labels, units)
    seeds = spawn_seeds(random_state, n_bootstrap)
    stated = {"template": model.template_.name, "likelihood": model.likelihood, "beta": model.beta, "seeds": seeds}
    learned = model.generative_.arrays().values()
    progress = progress_of("bootstrap", lambda: stated, activity, labels, units, *learned)
    found = batches(partial(_change, draws), seeds, progress, n_jobs=n_jobs, label="bootstrap", verbose=verbose)
    changes = [torch.as_tensor(change) for batch in found for change in batch]
    if model.gauge_ != "task coordinates":
        changes = _across(decoder, changes)
    return Draws(decoder, [decoder.changed(change).weight for change in changes], int(units.max()) + 1)


def _change(draws: DecoderDraws, seed: int) -> FloatArray:
    return draws.change(np.random.default_rng(seed)).numpy()


def _across(decoder: HarmonicDecoder, changes: list[Tensor]) -> list[Tensor]:
    """Changes (p, d) of the weights without what moves points along the manifold."""
    template = decoder.template
    grid = template.grid(POINTS_PER_HARMONIC**template.dim * len(decoder.harmonics))
    along = torch.linalg.qr(jacobian(Immersion(template, decoder), grid.points, frame=True, on_points=True))[0]
    values = decoder.harmonics(grid.points)
    dual = values * grid.weights[:, None]
    across = []
    for change in changes:
        moved = values[:, : len(change)] @ change
        moved = moved - (along @ (along.mT @ moved[..., None]))[..., 0]
        across.append(dual.mT @ moved)
    return across


def resampling_units(n_samples: int, groups: ArrayLike | None, autocorrelation_time: float) -> IntArray:
    """Unit (n,) of each row, numbers from 0: its interval where there are many, else a block of time inside it."""
    n_blocks = int(np.clip(n_samples / (BLOCK_TIMES * autocorrelation_time), MIN_BLOCKS, MAX_BLOCKS))
    blocks = time_blocks(n_samples, groups, n_blocks)
    if groups is None:
        return blocks
    intervals = interval_numbers(groups, n_samples)
    return intervals if intervals.max() + 1 >= MIN_INTERVALS else blocks


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
    interval = interval_numbers(groups, n_samples)
    border = (np.diff(rows, prepend=rows[0]) != 0) | np.r_[False, interval[1:] != interval[:-1]]
    return np.cumsum(border)
