"""Spike times to counts: those of unit i in bin b are its spikes in ``[start + bΔ, start + (b+1)Δ)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.data.intervals import checked_epochs

__all__ = ["Binned", "bin_spikes", "spike_span"]

# More bins than this are not a recording but times in the wrong unit.
_MAX_BINS = 50_000_000


class Binned(NamedTuple):
    """Counts (n, d) uint16 or wider, bin centres (n,) in seconds and the epoch of each bin (n,)."""

    counts: npt.NDArray[Any]
    times: FloatArray
    interval: IntArray


def bin_spikes(trains: Sequence[npt.NDArray[Any]], bin_size: float, epochs: npt.NDArray[Any] | None = None) -> Binned:
    """Counts of spike trains (seconds) in bins, over ``epochs`` (q, 2) or from the first to the last spike.

    Raises
    ------
    InputError
        If the bin size or an epoch is impossible, or the times are not in seconds.
    NotEnoughDataError
        If there are no spikes, or no epoch is as long as a bin.
    """
    if not 0 < bin_size < np.inf:
        raise InputError(f"bin_size is {bin_size}; it must be a positive number of seconds")
    if not any(len(train) for train in trains):
        raise NotEnoughDataError("there are no spikes")
    if any(not np.isfinite(train).all() for train in trains):
        raise InputError("spike times must be finite: remove NaN and infinite ones")
    spans = spike_span(trains, bin_size) if epochs is None else checked_epochs(epochs)
    starts, sizes = spans[:, 0], np.floor((spans[:, 1] - spans[:, 0]) / bin_size + 1e-9).astype(np.int64)
    if sizes.sum() > _MAX_BINS:
        raise InputError(
            f"{spans.min():.6g} to {spans.max():.6g} s are {sizes.sum()} bins of {bin_size} s. Are these "
            "milliseconds or sample numbers? Give time_scale, the seconds in one (0.001, 1/30000)"
        )
    if sizes.sum() < 2:
        raise NotEnoughDataError(f"no two bins of {bin_size} s fit between the first and the last spike")
    parts = [_counts(trains, start, size, bin_size) for start, size in zip(starts, sizes, strict=True)]
    centres = [start + (np.arange(size) + 0.5) * bin_size for start, size in zip(starts, sizes, strict=True)]
    return Binned(np.concatenate(parts), np.concatenate(centres), np.repeat(np.arange(len(sizes)), sizes))


def spike_span(trains: Sequence[npt.NDArray[Any]], bin_size: float) -> FloatArray:
    """The one epoch (1, 2) from the first to the last spike, in whole bins from zero.

    Raises
    ------
    NotEnoughDataError
        If there are no spikes.
    """
    if not any(len(train) for train in trains):
        raise NotEnoughDataError("there are no spikes")
    first = min(float(np.min(train)) for train in trains if len(train))
    last = max(float(np.max(train)) for train in trains if len(train))
    start = np.floor(first / bin_size) * bin_size
    return np.array([[start, start + bin_size * (np.floor((last - start) / bin_size) + 1)]])


def _counts(trains: Sequence[npt.NDArray[Any]], start: float, n_bins: int, bin_size: float) -> npt.NDArray[Any]:
    counts = np.zeros((n_bins, len(trains)), dtype=np.int64)
    for unit, train in enumerate(trains):
        bins = np.floor((np.asarray(train, dtype=np.float64) - start) / bin_size).astype(np.int64)
        counts[:, unit] = np.bincount(bins[(bins >= 0) & (bins < n_bins)], minlength=n_bins)
    largest = int(counts.max(initial=0))
    return counts.astype(np.uint16) if largest < 2**16 else counts
