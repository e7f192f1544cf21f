"""Wider bins: ``q`` neighbouring samples of one interval become one sample.

Counts are summed, rates and continuous activity averaged. Linear variables take the mean of their known
values, circular ones the direction of ``sum exp(2πi v / P)``, categorical ones the sample in the middle of
the bin. Samples at the end of an interval that do not fill a bin are left out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.data.blocks import Change, by_blocks
from neuromanifold.data.intervals import interval_slices

__all__ = ["rebin"]

_TOLERANCE = 0.01


def rebin(recording: xr.Dataset, bin_size: float) -> xr.Dataset:
    """The recording in bins of ``bin_size`` seconds, a multiple of its sampling period.

    Raises
    ------
    InputError
        If ``bin_size`` is not a multiple (within 1 %) of the sampling period.
    NotEnoughDataError
        If no interval is as long as one bin.
    """
    period = float(recording.attrs["sampling_period"])
    n_joined = _multiple(float(bin_size), period)
    if n_joined == 1:
        return recording
    rows = _bin_rows(recording["interval"].to_numpy(), n_joined)
    if len(rows) == 0:
        raise NotEnoughDataError(f"no interval is as long as a bin of {bin_size} s: choose smaller bins")
    binned = recording.isel(time=rows[:, n_joined // 2])
    times = recording["time"].to_numpy()[rows].mean(axis=1)
    binned = binned.assign_coords(time=("time", times, recording["time"].attrs))
    binned.attrs["sampling_period"] = n_joined * period
    activity = _join_activity(recording, rows)
    binned["activity"] = (("time", "unit"), activity, recording["activity"].attrs)
    for name, variable in recording.data_vars.items():
        if variable.dims == ("time",):
            binned[name] = ("time", _join_variable(variable, rows), variable.attrs)
    return binned


def _multiple(bin_size: float, period: float) -> int:
    n_joined = round(bin_size / period) if np.isfinite(bin_size) else 0
    if n_joined >= 1 and abs(n_joined * period - bin_size) <= _TOLERANCE * bin_size:
        return n_joined
    nearest = max(n_joined, 1) * period
    raise InputError(
        f"bin_size is {bin_size} s; it must be a multiple of the sampling period {period:.6g}: {nearest:.6g}?"
    )


def _bin_rows(groups: npt.NDArray[Any], n_joined: int) -> IntArray:
    """Indices (n_bins, n_joined) of the samples of each bin."""
    whole = [np.arange(s.start, s.start + (s.stop - s.start) // n_joined * n_joined) for s in interval_slices(groups)]
    return np.concatenate(whole).reshape(-1, n_joined).astype(np.int64)


def _join_activity(recording: xr.Dataset, rows: IntArray) -> Any:
    activity = recording["activity"]
    whole = activity.attrs["kind"] == "counts" and activity.dtype.kind != "f"
    dtype, n_averaged = np.dtype(np.int64 if whole else np.float64), rows.shape[1]
    if activity.attrs["kind"] == "counts":
        n_averaged = 1

    def source_of(bins: slice) -> slice:
        return slice(int(rows[bins.start, 0]), int(rows[bins.stop - 1, -1]) + 1)

    def change_for(bins: slice, source: slice) -> Change:
        return partial(_joined, rows=rows[bins] - source.start, dtype=dtype, n_averaged=n_averaged)

    return by_blocks(activity.data, len(rows), source_of, change_for, dtype)


def _joined(values: npt.NDArray[Any], rows: IntArray, dtype: np.dtype[Any], n_averaged: int) -> npt.NDArray[Any]:
    """Sums of the samples of each bin, or their means."""
    total = np.zeros((len(rows), values.shape[1]), dtype=dtype)
    for column in rows.T:
        total += values[column]
    return total if n_averaged == 1 else total / n_averaged


def _join_variable(variable: xr.DataArray, rows: IntArray) -> npt.NDArray[Any]:
    values, kind = variable.to_numpy(), variable.attrs["kind"]
    if kind == "categorical":
        return values[rows[:, rows.shape[1] // 2]]
    joined = values[rows].astype(np.float64)
    return _circular_mean(joined, float(variable.attrs["period"])) if kind == "circular" else _known_mean(joined)


def _known_mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    n_known = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(n_known, 1)
    return np.where(n_known > 0, mean, np.nan)


def _circular_mean(values: FloatArray, period: float) -> FloatArray:
    """Mean direction of each row, in [0, P), or in [-P/2, P/2) where the values use negative angles."""
    known = np.isfinite(values)
    phase = np.where(known, values, 0.0) * (2 * np.pi / period)
    direction = np.angle(np.where(known, np.exp(1j * phase), 0.0).sum(axis=1)) * (period / (2 * np.pi))
    if not (values < 0).any():
        direction = np.mod(direction, period)
    return np.where(known.any(axis=1), direction, np.nan)
