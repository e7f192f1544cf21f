"""Sparse matrices by columns, as MATLAB keeps them: column j has the values ``starts[j]`` to ``starts[j + 1]``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._untrusted import Malformed, guard_expansion

__all__ = ["filled"]


def filled(
    rows: npt.NDArray[Any], starts: npt.NDArray[Any], values: npt.NDArray[Any], shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """The dense matrix, float64.

    Raises
    ------
    Malformed
        If an index leads out of the matrix, or it would be far larger than what is stored.
    """
    starts = np.asarray(starts, dtype=np.int64)
    lengths = starts[1:] - starts[:-1]
    n = int(starts[-1]) if len(shape) == 2 and len(starts) == shape[1] + 1 else -1
    if not 0 <= n <= min(len(rows), len(values)) or (lengths < 0).any():
        raise Malformed(f"a sparse matrix of shape {shape} has impossible indices")
    guard_expansion("a sparse matrix", shape[0] * shape[1] * 8, 8 * n)
    dense = np.zeros(shape)
    columns = np.repeat(np.arange(shape[1]), lengths)
    np.add.at(dense, (rows[:n].astype(np.int64), columns), values[:n])
    return dense
