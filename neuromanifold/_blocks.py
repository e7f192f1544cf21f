"""Long arrays a block of rows at a time, so that what is made of them on the way does not take their room again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._typing import FloatArray, IntArray

__all__ = ["ENOUGH", "blocks", "column_deviation", "gram", "parts", "stretches"]

# Rows of a block: a hundredth of a recording whose copies would matter.
ROWS = 16_384
# Samples that say how a recording is correlated, over time and among units, as well as ever more would; and in how many
# stretches of time.
ENOUGH, N_STRETCHES = 50_000, 20


def blocks(n_rows: int) -> Iterator[slice]:
    """Slices of ``ROWS`` rows that cover ``n_rows``."""
    return (slice(start, min(start + ROWS, n_rows)) for start in range(0, n_rows, ROWS))


def stretches(n_rows: int) -> tuple[IntArray, IntArray]:
    """Rows (m,) of a recording too long to look at all of, in stretches of time spread over it, and each row's stretch;
    of a shorter one all rows.
    """
    if n_rows <= ENOUGH:
        return np.arange(n_rows), np.zeros(n_rows, np.int64)
    length = ENOUGH // N_STRETCHES
    starts = np.linspace(0, n_rows - length, N_STRETCHES).astype(np.int64)
    return (starts[:, None] + np.arange(length)).ravel(), np.repeat(np.arange(N_STRETCHES), length)


def parts(X: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """The rows of (n, ...) in blocks; one empty block of none."""
    return (X[rows] for rows in blocks(len(X))) if len(X) else iter([X])


def column_deviation(X: npt.NDArray[np.floating], mean: FloatArray) -> FloatArray:
    """Standard deviation (d,) of the columns of (n, d) about their mean."""
    return np.asarray(np.sqrt(sum(np.sum((part - mean) ** 2, axis=0) for part in parts(X)) / len(X)))


def gram(found: Iterable[FloatArray]) -> FloatArray:
    """``XᵀX`` (d, d) of an array that comes in blocks (n_i, d)."""
    return np.asarray(sum(part.T @ part for part in found))
