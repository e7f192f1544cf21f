"""Intervals: the contiguous stretches of a recording that nothing is smoothed, shifted or split across.

An interval is a maximal run of samples of one id without a gap in time. Ids are ``int64``; the ids that were
given are kept where each names one run, otherwise runs are numbered 0, 1, 2, ...
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._typing import BoolArray, FloatArray, IntArray

__all__ = ["GAP", "contiguous_ids", "interval_slices", "run_starts"]

# A step longer than this many sampling periods is a gap: one missing sample is, imaging jitter is not.
GAP = 1.5


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


def contiguous_ids(labels: npt.NDArray[Any], times: FloatArray, period: float) -> IntArray:
    """Interval ids (n,), each naming one run of ``labels`` without a step longer than ``GAP * period``."""
    border = np.zeros(len(times), dtype=bool)
    border[1:] = np.diff(times) > GAP * period
    starts = run_starts(labels, border)
    if len(np.unique(labels[starts])) == len(starts) and np.issubdtype(labels.dtype, np.integer):
        return labels.astype(np.int64)
    lengths = np.diff(np.append(starts, len(labels)))
    return np.repeat(np.arange(len(starts), dtype=np.int64), lengths)
