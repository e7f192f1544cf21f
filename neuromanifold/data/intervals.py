"""Intervals: the contiguous stretches of a recording that nothing is smoothed, shifted or split across.

An interval is a maximal run of samples of one id without a gap in time. Ids are ``int64``; the ids that were
given are kept where each names one run, otherwise runs are numbered 0, 1, 2, ...

Epochs (q, 2) say in seconds which stretches of a session are meant, ``[start, stop)`` each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from neuromanifold._arrays import unmasked
from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, BoolArray, FloatArray, IntArray

__all__ = [
    "GAP",
    "LONGEST",
    "bounded",
    "checked_epochs",
    "complement",
    "contiguous_ids",
    "epoch_of",
    "evenly_thinned",
    "interval_numbers",
    "interval_slices",
    "overlaps",
    "run_starts",
]

# A step longer than this many sampling periods is a gap: one missing sample is, imaging jitter is not.
GAP = 1.5
# Samples that say what a whole recording says of its topology, and samples that an interval needs for it.
LONGEST, SHORTEST = 50_000, 100


def run_starts(labels: npt.NDArray[Any], border: BoolArray | None = None) -> IntArray:
    """Indices at which a new run begins: where the label changes, or where ``border`` (n,) is true."""
    if len(labels) == 0:
        return np.zeros(0, dtype=np.int64)
    new = np.ones(len(labels), dtype=bool)
    new[1:] = labels[1:] != labels[:-1]
    if border is not None:
        new |= border
    return np.flatnonzero(new).astype(np.int64)


def interval_slices(groups: npt.NDArray[Any]) -> list[slice]:
    """One slice per contiguous run of ``groups`` (n,), in order of time."""
    starts = run_starts(groups)
    stops = np.append(starts[1:], len(groups))
    return [slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True) if b > a]


def interval_numbers(groups: ArrayLike | None, n_samples: int) -> IntArray:
    """The interval of each row (n,) as numbers from 0, by labels of any kind; all 0 where none are given.

    Raises
    ------
    InputError
        If there is not one label a row, or one is unknown.
    """
    if groups is None:
        return np.zeros(n_samples, dtype=np.int64)
    labels = np.asarray(unmasked(groups))
    if labels.shape != (n_samples,):
        raise InputError(f"groups must have shape ({n_samples},), the interval of each row; got {labels.shape}")
    unknown = int(pd.isna(labels).sum())
    if unknown:
        raise InputError(f"groups are NaN, unknown, in {unknown} rows: give every row its interval, or leave them out")
    return pd.factorize(labels)[0].astype(np.int64)


def evenly_thinned(groups: npt.NDArray[Any], n_most: int = LONGEST, shortest: int = SHORTEST) -> slice | IntArray:
    """Rows that stand for a recording of intervals ``groups`` (n,) of more than about ``n_most`` samples; else all.

    Every so-many-th sample of each interval: neighbours in time say much the same. Where intervals would be left with
    fewer than ``shortest`` samples, the samples of every so-many-th interval instead.
    """
    step = -(-len(groups) // n_most)
    if step <= 1:
        return slice(None)
    runs = interval_slices(groups)
    typical = np.sort([run.stop - run.start for run in runs])[::-1]
    # Half of all samples are in intervals at least as long as this.
    length = typical[np.searchsorted(np.cumsum(typical), len(groups) / 2)]
    if length >= step * shortest:
        return np.concatenate([np.arange(run.start, run.stop, step) for run in runs])
    return np.concatenate([np.arange(run.start, run.stop) for run in runs[::step]])


def contiguous_ids(labels: npt.NDArray[Any], times: FloatArray, period: float) -> IntArray:
    """Interval ids (n,), each naming one run of ``labels`` without a step longer than ``GAP * period``."""
    border = np.zeros(len(times), dtype=bool)
    border[1:] = np.diff(times) > GAP * period
    starts = run_starts(labels, border)
    if len(np.unique(labels[starts])) == len(starts) and np.issubdtype(labels.dtype, np.integer):
        return labels.astype(np.int64)
    lengths = np.diff(np.append(starts, len(labels)))
    return np.repeat(np.arange(len(starts), dtype=np.int64), lengths)


def checked_epochs(epochs: npt.NDArray[Any]) -> FloatArray:
    """Epochs (q, 2) in order of time.

    Raises
    ------
    InputError
        If there are none, a start is not before its stop, or two overlap.
    """
    spans = np.atleast_2d(np.asarray(epochs, dtype=np.float64))
    if not spans.size:
        raise InputError("there are no epochs, hence no samples in them: give at least one row of (start, stop)")
    if spans.ndim != 2 or spans.shape[1] != 2 or not np.isfinite(spans).all() or (spans[:, 1] <= spans[:, 0]).any():
        raise InputError(f"epochs must be rows of (start, stop) in seconds with start < stop; got shape {spans.shape}")
    spans = spans[np.argsort(spans[:, 0])]
    if (spans[1:, 0] < spans[:-1, 1]).any():
        raise InputError("epochs overlap, but each bin can belong to one only: choose fewer, such as those of one tag")
    return spans


def epoch_of(times: FloatArray, epochs: FloatArray, closed: bool = False) -> IntArray:
    """Index (n,) of the epoch that holds each time, -1 outside all of them; ``epochs`` (q, 2) in order.

    A sample belongs to ``[start, stop)``, and where ``closed`` to ``[start, stop]``.
    """
    index = np.searchsorted(epochs[:, 0], times, side="right") - 1
    stops = epochs[np.maximum(index, 0), 1]
    inside = (index >= 0) & ((times <= stops) if closed else (times < stops))
    return np.where(inside, index, -1).astype(np.int64)


def complement(epochs: FloatArray) -> FloatArray:
    """What lies before, between and after epochs (q, 2) in any order: (r, 2), from -inf to inf."""
    ordered = epochs[np.argsort(epochs[:, 0])]
    # Epochs may overlap: a gap begins where all earlier ones have ended.
    ends = np.maximum.accumulate(ordered[:, 1]) if len(ordered) else np.zeros(0)
    gaps = np.stack([np.append(-np.inf, ends), np.append(ordered[:, 0], np.inf)], axis=1)
    return gaps[gaps[:, 1] > gaps[:, 0]]


def bounded(epochs: FloatArray, span: FloatArray) -> FloatArray:
    """Epochs (q, 2) whose infinite ends are those of ``span`` (1, 2)."""
    starts = np.where(np.isfinite(epochs[:, 0]), epochs[:, 0], span[0, 0])
    stops = np.where(np.isfinite(epochs[:, 1]), epochs[:, 1], span[0, 1])
    found = np.stack([starts, stops], axis=1)
    return found[stops > starts]


def overlaps(first: FloatArray, second: FloatArray) -> tuple[FloatArray, IntArray]:
    """What two lists of epochs have in common (r, 2), and which of the first each piece is of (r,)."""
    low = np.maximum(first[:, None, 0], second[None, :, 0])
    high = np.minimum(first[:, None, 1], second[None, :, 1])
    owner, other = np.nonzero(high > low)
    return np.stack([low[owner, other], high[owner, other]], axis=1), owner.astype(np.int64)
