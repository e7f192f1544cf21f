"""Recording: population activity and task variables on one clock, in one xarray.Dataset.

========================= ============ ================================================================
name                      dims         meaning
========================= ============ ================================================================
``activity``              (time, unit) finite numbers; attrs ``kind`` (counts, rate, continuous), ``units``
any other data variable   (time,)      task variable; attrs ``kind`` (circular, linear, categorical),
along time                             ``units`` and, where circular, ``period`` in the units of its
                                       values, which lie in [-period, period] and span at most one
                                       period; NaN is unknown
coordinate ``time``       (time,)      bin centres in seconds, strictly increasing
coordinate ``unit``       (unit,)      unique names
coordinate ``interval``   (time,)      int64 id of the trial or segment: one contiguous run, no gap
attribute                              seconds
``sampling_period``
========================= ============ ================================================================

Data variables along other dims are carried along untouched. :func:`check` completes what can be inferred,
with a warning that says what, and names every fault; :func:`to_arrays` is the one place where labels become
arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from neuromanifold._arrays import numbers, unmasked
from neuromanifold._errors import InputError, RecordingError
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.data.blocks import is_streamed
from neuromanifold.data.completion import complete
from neuromanifold.data.faults import checked_as_read, structure_faults, value_faults
from neuromanifold.data.inference import warn

__all__ = ["Arrays", "as_recording", "check", "label_dims", "task_variables", "to_arrays"]


class Arrays(NamedTuple):
    """A recording as arrays: X (n, d), y (n,) or (n, k) or None, groups (n,), times (n,) in seconds.

    X of a recording that is read in blocks (:mod:`~neuromanifold.data.blocks`) is a dask array, of which
    :class:`neuromanifold.TopologicalVAE` reads a block at a time.
    """

    X: FloatArray
    y: FloatArray | None
    groups: IntArray
    times: FloatArray


def as_recording(
    activity: Any,
    variables: Mapping[str, Any] | None = None,
    *,
    sampling_period: float | None = None,
    time: Any = None,
    interval: Any = None,
    kind: str | None = None,
    units: str | None = None,
) -> xr.Dataset:
    """Build a checked recording from arrays, or check one that is a Dataset already.

    Parameters
    ----------
    activity : Dataset, DataArray, DataFrame, pynapple TsdFrame or array (n, d)
        A Dataset keeps the contract above (other arguments are then not allowed). A DataArray has a
        dimension ``time`` or has time first; columns of a DataFrame are units; a TsdFrame brings its times
        and, as intervals, its epochs.
    variables : mapping of name to array (n,) or DataArray, optional
        Task variables; a DataArray states kind, units and period in its attrs.
    sampling_period : float, optional
        Seconds; inferred from ``time`` where missing.
    time : array (n,), optional
        Bin centres in seconds.
    interval : array (n,), optional
        Trial or segment of each sample; borders nothing is smoothed, shifted or split across.
    kind, units : str, optional
        Of the activity: ``counts``, ``rate`` or ``continuous``.

    Raises
    ------
    RecordingError
        Naming every fault, and what to do about it.
    """
    along_time = {"time": time, "interval": interval}
    stated = {"kind": kind, "units": units}
    if isinstance(activity, xr.Dataset):
        _refuse(variables=variables, sampling_period=sampling_period, **along_time, **stated)
        return check(activity)
    recording = xr.Dataset({"activity": _activity(activity)})
    n = recording.sizes["time"]
    for name, values in (variables or {}).items():
        recording[name] = _along_time(name, values, n)
    for name, values in along_time.items():
        if values is not None:
            recording = recording.assign_coords({name: _along_time(name, values, n)})
    if sampling_period is not None:
        recording.attrs["sampling_period"] = sampling_period
    recording["activity"].attrs.update({key: value for key, value in stated.items() if value is not None})
    return check(recording)


def _refuse(**given: Any) -> None:
    named = ", ".join(name for name, value in given.items() if value is not None)
    if named:
        raise InputError(f"a Dataset states its own {named}: assign them there")


def _activity(values: Any) -> xr.DataArray:
    if isinstance(values, xr.DataArray):
        return label_dims(values)
    if hasattr(values, "time_support"):
        return _of_pynapple(values)
    if isinstance(values, pd.DataFrame):
        coords = {"unit": [str(name) for name in values.columns]}
        return xr.DataArray(values.to_numpy(), dims=("time", "unit"), coords=coords)
    array = values if is_streamed(values) else numbers(values, "activity")
    if array.ndim != 2:
        raise RecordingError(f"activity has shape {array.shape}; it must be (time, unit), two-dimensional")
    return xr.DataArray(array, dims=("time", "unit"))


def _of_pynapple(frame: Any) -> xr.DataArray:
    """Activity of a TsdFrame, with its times and an interval for each epoch of its support."""
    if not hasattr(frame, "columns"):
        raise InputError(
            f"a {type(frame).__name__} of pynapple is not a matrix of samples by units: nm.load bins spikes "
            "(bin_size=...) and brings variables to them, nm.load({'units': tsgroup, 'heading': tsd}, bin_size=0.05)"
        )
    interval = np.searchsorted(frame.time_support.values[:, 0], frame.t, side="right") - 1
    coords = {"time": frame.t, "unit": [str(name) for name in frame.columns], "interval": ("time", interval)}
    return xr.DataArray(frame.values, dims=("time", "unit"), coords=coords)


def label_dims(values: xr.DataArray) -> xr.DataArray:
    """Activity with its dimensions called ``time`` (the one called so, or the first) and ``unit``.

    Raises
    ------
    RecordingError
        If it does not have two dimensions.
    """
    if values.ndim != 2:
        raise RecordingError(f"activity has dims {values.dims}; it must have two: time and unit")
    first = "time" if "time" in values.dims else values.dims[0]
    second = next(dim for dim in values.dims if dim != first)
    names = {old: new for old, new in ((first, "time"), (second, "unit")) if old != new}
    return values.rename(names).transpose("time", "unit")


def _along_time(name: str, values: Any, n: int) -> xr.DataArray:
    attrs = dict(values.attrs) if isinstance(values, xr.DataArray) else {}
    array = np.asarray(unmasked(values))
    if array.shape != (n,):
        raise RecordingError(
            f"{name!r} has shape {array.shape} but activity has {n} samples: give one value a sample, ({n},)"
        )
    return xr.DataArray(array, dims=("time",), attrs=attrs)


def check(recording: xr.Dataset) -> xr.Dataset:
    """Return the recording completed and known to keep the contract.

    What is missing (time, sampling period, intervals, kinds, units, periods) is inferred with one
    :class:`~neuromanifold.data.inference.InferenceWarning` that says what; times that restart in every
    interval are laid one after another, and a gap in time starts a new interval. The values of activity that is read
    in blocks (:mod:`~neuromanifold.data.blocks`) are looked at whenever they are read.

    Raises
    ------
    RecordingError
        Naming every fault found, and what to do about each.
    """
    _raise(structure_faults(recording))
    completed, notes, faults = complete(recording)
    _raise([*faults, *value_faults(completed)])
    completed["activity"] = checked_as_read(completed["activity"])
    if notes:
        warn(f"inferred: {'; '.join(notes)}. To say otherwise, state kind, units and period in attrs.")
    return completed


def _raise(faults: Sequence[str]) -> None:
    if faults:
        raise RecordingError("; ".join(faults))


def task_variables(recording: xr.Dataset) -> list[str]:
    """Names of the task variables: the data variables along time alone."""
    return [str(name) for name, variable in recording.data_vars.items() if variable.dims == ("time",)]


def to_arrays(recording: xr.Dataset, variable: str | Sequence[str] | None = None) -> Arrays:
    """A checked recording as arrays.

    Parameters
    ----------
    recording : Dataset
    variable : str or sequence of str, optional
        Task variables to return as ``y``: one name gives (n,), several (n, k). Circular ones are radians
        in [0, 2π), categorical ones the index of the sorted labels; unknown is NaN.

    Raises
    ------
    RecordingError
        If the recording breaks its contract.
    InputError
        If a variable is not in it.
    """
    checked = check(recording)
    if variable is None:
        y = None
    elif isinstance(variable, str):
        y = _label(checked, variable)
    else:
        y = np.stack([_label(checked, name) for name in variable], axis=1)
    return Arrays(
        X=checked["activity"].data.astype(np.float64, copy=False),
        y=y,
        groups=checked["interval"].to_numpy().astype(np.int64),
        times=checked["time"].to_numpy().astype(np.float64),
    )


def _label(recording: xr.Dataset, name: str) -> FloatArray:
    if name not in task_variables(recording):
        raise InputError(
            f"no task variable {name!r}; the recording has {', '.join(task_variables(recording)) or 'none'}"
        )
    variable = recording[name]
    values = variable.to_numpy()
    if variable.attrs["kind"] == "categorical":
        return _codes(values)
    values = values.astype(np.float64)
    if variable.attrs["kind"] == "circular":
        return np.mod(values * (2 * np.pi / float(variable.attrs["period"])), 2 * np.pi)
    return values


def _codes(values: npt.NDArray[Any]) -> FloatArray:
    codes, _ = pd.factorize(pd.Series(values).replace("", np.nan), sort=True)
    return np.where(codes < 0, np.nan, codes).astype(np.float64)
