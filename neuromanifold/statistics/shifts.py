"""Circular shifts in time: the null in which a series keeps its autocorrelation and loses its partner.

Each interval is rolled by an amount of its own, drawn uniformly; nothing crosses an interval border.
"""

from __future__ import annotations

import numpy as np

from neuromanifold._typing import IntArray
from neuromanifold.topology.significance import intervals_of

__all__ = ["shifted_rows"]


def shifted_rows(groups: IntArray, rng: np.random.Generator) -> IntArray:
    """Indices (n,): ``series[shifted_rows(groups, rng)]`` is the series rolled inside each interval of ``groups``."""
    starts, lengths = intervals_of(groups)
    shift = np.repeat(rng.integers(0, lengths), lengths)
    start, length = np.repeat(starts, lengths), np.repeat(lengths, lengths)
    return start + np.mod(np.arange(len(groups)) - start - shift, length)
