"""Alignment: values sampled on a clock of their own, brought to the bins of a recording by their time stamps.

With samples ``(t_j, v_j)`` the value of a bin centred at ``c``, ``t_j <= c <= t_{j+1}``, is

* linear variables: ``v_j + (v_{j+1} - v_j) (c - t_j) / (t_{j+1} - t_j)``;
* circular ones of period P: the direction of the same sum of ``e^{2πi v / P}``, so that 359° and 1° meet at 0°;
* categorical ones: that of the nearer sample.

It is unknown (NaN, for texts "") before the first and after the last known sample, and where the two neighbours are
further apart than two bins and than two sampling periods of the clock: a gap stays a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from neuromanifold._arrays import numbers_or_texts, real_numbers
from neuromanifold._errors import InputError
from neuromanifold._settings import check_mapping, check_name
from neuromanifold._typing import FloatArray
from neuromanifold.data.faults import time_faults
from neuromanifold.data.inference import variable_meaning
from neuromanifold.data.recording import check

__all__ = ["align", "align_variable", "aligned"]


def align_variable(
    recording: xr.Dataset, name: str, values: Any, times: Any, attrs: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """The recording with a task variable that was sampled at times of its own.

    Parameters
    ----------
    recording : Dataset
        Keeping the contract of :mod:`neuromanifold.data.recording`.
    name : str
    values, times : array (q,)
        Samples, numbers or texts, NaN, masked or "" where unknown, and their time stamps in seconds, on the clock of
        the recording. Times must increase: those that go back or repeat, as where a clock was reset, do not say where
        a sample belongs.
    attrs : mapping, optional
        ``kind``, ``units`` and ``period``; inferred where missing.

    Raises
    ------
    InputError
        If the two differ in length, times do not increase or are not finite, or no bin has a value.
    """
    check_name("name", name)
    if attrs is not None:
        check_mapping("attrs", attrs, 'what is known of the variable, {"units": "deg"}')
    checked, samples = check(recording), numbers_or_texts(values, f"{name!r}")
    clock = real_numbers(times, f"times of {name!r}")
    if samples.shape != clock.shape or samples.ndim != 1:
        raise InputError(f"{name!r} has shape {samples.shape} and its times {clock.shape}: give one time a value, (q,)")
    faults = time_faults(clock)
    if faults:
        raise InputError(f"times of {name!r}: {faults[0]}")
    if not _known(samples).any():
        raise InputError(f"{name!r} is NaN, masked or empty in all of its {len(samples)} samples: leave it out")
    column = xr.DataArray(samples, dims=("time",), attrs=dict(attrs or {}))
    centres = checked["time"].to_numpy()
    found = aligned(name, column, clock, centres)
    if pd.isna(found.to_numpy()).all():
        raise InputError(
            f"{name!r} was sampled from {clock[0]:.6g} to {clock[-1]:.6g} s, the bins are from {centres[0]:.6g} to "
            f"{centres[-1]:.6g} s, or known values are far apart: no bin has a value. Is it the same clock, in seconds?"
        )
    return check(checked.assign({name: found}))


def aligned(name: str, column: xr.DataArray, clock: FloatArray, centres: FloatArray) -> xr.DataArray:
    """A column (q,) sampled at ``clock`` (q,), at ``centres`` (n,), its meaning stated."""
    meaning = variable_meaning(name, column.to_numpy(), column.attrs.get("units"))
    attrs = {**meaning.attrs(), **column.attrs}
    period = float(attrs["period"]) if attrs["kind"] == "circular" else None
    values = align(column.to_numpy(), clock, centres, period, categorical=attrs["kind"] == "categorical")
    return xr.DataArray(values, dims=("time",), attrs=attrs)


def align(
    values: npt.NDArray[Any],
    clock: npt.NDArray[Any],
    centres: FloatArray,
    period: float | None = None,
    categorical: bool = False,
) -> npt.NDArray[Any]:
    """Values (q,) sampled at ``clock`` (q,), at ``centres`` (n,); circular with a ``period``."""
    if np.array_equal(clock, centres):
        return values
    known = np.isfinite(clock) & _known(values)
    if known.sum() < 2:
        return _unknown(values[:0], len(centres))
    order = np.argsort(clock[known], kind="stable")
    times, samples = clock[known][order].astype(np.float64), values[known][order]
    right = np.clip(np.searchsorted(times, centres), 1, len(times) - 1)
    gap = times[right] - times[right - 1]
    step = float(np.median(np.diff(np.sort(clock[np.isfinite(clock)]))))
    bin_size = float(np.median(np.diff(centres))) if len(centres) > 1 else step
    far = (gap > 2 * max(step, bin_size)) | (centres < times[0]) | (centres > times[-1])
    if categorical:
        nearest = np.where(centres - times[right - 1] <= times[right] - centres, right - 1, right)
        found = samples[nearest]
        return np.where(far, _unknown(samples, len(centres)), found) if far.any() else found
    return np.where(far, np.nan, _interpolated(samples.astype(np.float64), times, centres, period))


def _known(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return values != "" if values.dtype.kind in "US" else np.isfinite(values.astype(np.float64))


def _unknown(like: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    return np.full(n, "" if like.dtype.kind in "US" else np.nan)


def _interpolated(samples: FloatArray, times: FloatArray, centres: FloatArray, period: float | None) -> FloatArray:
    if period is None:
        return np.interp(centres, times, samples)
    phase = 2 * np.pi * samples / period
    angle = np.arctan2(np.interp(centres, times, np.sin(phase)), np.interp(centres, times, np.cos(phase)))
    angle = angle if (samples < 0).any() else np.mod(angle, 2 * np.pi)
    return angle * period / (2 * np.pi)
