"""Task variables as columns of a regression.

====================== ==================================================================================
kind                   columns, ``order`` K
====================== ==================================================================================
circular               ``cos kφ, sin kφ``, k = 1 ... K
linear                 Legendre polynomials of degree 1 ... K on its range (the first is the linear term)
categorical            an indicator of every value but the first
====================== ==================================================================================
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.polynomial import legendre

from neuromanifold._typing import FloatArray
from neuromanifold.data.recording import to_arrays

__all__ = ["columns_of", "harmonics_of", "polynomials_of"]


def columns_of(recording: xr.Dataset, variable: str, order: int) -> FloatArray:
    """Columns (n, q) of a task variable, NaN where it is unknown."""
    values = to_arrays(recording, variable).y
    assert values is not None
    kind = recording[variable].attrs["kind"]
    if kind == "circular":
        return harmonics_of(values, order)
    return polynomials_of(values, order) if kind == "linear" else _indicators(values)


def harmonics_of(angle: FloatArray, order: int) -> FloatArray:
    """``cos kφ, sin kφ`` (n, 2 order) of an angle (n,) in radians."""
    phases = angle[:, None] * np.arange(1, order + 1)
    return np.concatenate([np.cos(phases), np.sin(phases)], axis=1)


def polynomials_of(values: FloatArray, order: int) -> FloatArray:
    """Legendre polynomials (n, order) of values (n,) on their range; no column where they are constant."""
    low, high = np.nanmin(values), np.nanmax(values)
    if not high > low:
        return np.zeros((len(values), 0))
    columns = legendre.legvander(2 * (values - low) / (high - low) - 1, order)[:, 1:]
    return np.asarray(columns, dtype=np.float64)


def _indicators(codes: FloatArray) -> FloatArray:
    found = np.unique(codes[np.isfinite(codes)])[1:]
    columns = (codes[:, None] == found).astype(np.float64)
    columns[np.isnan(codes)] = np.nan
    return columns
