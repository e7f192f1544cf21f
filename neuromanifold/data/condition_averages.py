r"""Condition averages: mean activity in bins of a variable, or of the time in a trial, with errors over trials.

In a bin, every trial of a condition that visits it counts once, by the mean :math:`m_t` of its samples there; over the
n trials the average is :math:`\bar m = \frac1n \sum_t m_t` with standard error :math:`\sqrt{\sum_t (m_t - \bar m)^2 / n
(n - 1)}`. Trials are the recording's intervals; a trial in which the condition changes is cut there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._settings import check_name, check_whole
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.data.intervals import run_starts
from neuromanifold.data.recording import check
from neuromanifold.data.requirements import require_along_time, require_variables

__all__ = ["condition_averages"]


def condition_averages(
    recording: xr.Dataset, condition: str, along: str | None = None, *, n_bins: int = 36
) -> xr.Dataset:
    """Mean activity of every unit in each condition.

    Parameters
    ----------
    recording : Dataset
    condition : str
        Variable or coordinate along time; samples without a value are left out.
    along : str, optional
        Circular or linear task variable; the time since the start of the trial where it is left out.
    n_bins : int
        Over one period, or over the range of what is known.

    Returns
    -------
    Dataset
        ``mean_activity`` and ``standard_error`` (condition, bin, unit), NaN where no trial, or only one, visits a bin;
        ``n_trials`` (condition, bin). ``bin`` holds centres.

    Raises
    ------
    InputError
        If a name is not there, ``along`` is categorical, or no sample has both values.
    """
    checked = check(recording)
    check_whole("n_bins", n_bins, 1)
    require_along_time(checked, condition, "condition")
    codes, names = pd.factorize(pd.Series(checked[condition].to_numpy()).replace("", np.nan), sort=True)
    starts = run_starts(codes, border=np.diff(checked["interval"].to_numpy(), prepend=checked["interval"][0]) != 0)
    trial = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(codes))))
    values, attrs = _along(checked, along, starts, trial)
    index, centres = _bins(values, attrs.get("period"), n_bins)
    used = (index >= 0) & (codes >= 0)
    if not used.any():
        raise InputError(f"no sample has both a condition ({condition}) and a place along {along or 'the trial'}")
    activity = checked["activity"]
    sums = activity.to_numpy()[used].astype(np.float64)
    by_trial = pd.DataFrame(sums).groupby([codes[used], index[used], trial[used]]).mean()
    by_bin = by_trial.groupby(level=[0, 1])
    every = pd.MultiIndex.from_product([range(len(names)), range(n_bins)])
    shape = (len(names), n_bins, activity.sizes["unit"])
    dims, units = ("condition", "bin", "unit"), {"units": activity.attrs["units"]}
    return xr.Dataset(
        {
            "mean_activity": (dims, by_bin.mean().reindex(every).to_numpy().reshape(shape), units),
            "standard_error": (dims, by_bin.sem().reindex(every).to_numpy().reshape(shape), units),
            "n_trials": (dims[:2], by_bin.size().reindex(every, fill_value=0).to_numpy().reshape(shape[:2])),
        },
        coords={"condition": names.to_numpy(), "bin": ("bin", centres, attrs), "unit": activity["unit"].to_numpy()},
    )


def _along(recording: xr.Dataset, along: str | None, starts: IntArray, trial: IntArray) -> tuple[FloatArray, dict]:
    """What is binned, and its attrs."""
    if along is None:
        times = recording["time"].to_numpy()
        return times - times[starts][trial], {"units": "s", "long_name": "time in the trial"}
    check_name("along", along)
    require_variables(recording, [along])
    variable = recording[along]
    if variable.attrs["kind"] == "categorical":
        raise InputError(f"{along!r} is categorical: average along a circular or linear variable")
    return variable.to_numpy().astype(np.float64), dict(variable.attrs)


def _bins(values: FloatArray, period: float | None, n_bins: int) -> tuple[IntArray, FloatArray]:
    """Bin (n,) of each sample, -1 where unknown, and centres of the bins."""
    known = np.isfinite(values)
    index = np.full(len(values), -1, dtype=np.int64)
    if not known.any():
        return index, np.full(n_bins, np.nan)
    wrapped = np.mod(values[known], float(period)) if period else values[known]
    low, high = (0.0, float(period)) if period else (float(wrapped.min()), float(wrapped.max()))
    width = (high - low) / n_bins or 1.0
    index[known] = np.clip(((wrapped - low) / width).astype(np.int64), 0, n_bins - 1)
    centres: FloatArray = low + width * (np.arange(n_bins, dtype=np.float64) + 0.5)
    return index, centres
