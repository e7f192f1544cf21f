"""Faults: every way in which a Dataset can break the recording contract, each with what to do about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._arrays import scale_fault
from neuromanifold._errors import RecordingError
from neuromanifold.data.blocks import is_streamed
from neuromanifold.data.inference import fits_one_period

__all__ = ["ACTIVITY_KINDS", "VARIABLE_KINDS", "checked_as_read", "structure_faults", "time_faults", "value_faults"]

ACTIVITY_KINDS = ("counts", "rate", "continuous")
VARIABLE_KINDS = ("circular", "linear", "categorical")
# How names of dask arrays begin whose blocks are looked at as they are read.
_CHECKED = "checked-"


def structure_faults(recording: Any) -> list[str]:
    """Faults of shape and type, without which nothing else can be looked at."""
    if not isinstance(recording, xr.Dataset):
        return [f"a recording is an xarray.Dataset, not {type(recording).__name__}: make one by as_recording()"]
    if "activity" not in recording.data_vars:
        names = ", ".join(map(str, recording.data_vars)) or "nothing"
        return [f"no variable 'activity' (the Dataset has {names}): rename, or nm.load(dataset, activity='...')"]
    activity = recording["activity"]
    if set(activity.dims) != {"time", "unit"} or activity.ndim != 2:
        return [f"activity has dims {activity.dims}; they must be ('time', 'unit'): rename or select"]
    faults = []
    if activity.dtype.kind not in "iufb":
        faults.append(f"activity has dtype {activity.dtype}, not numbers: convert it with .astype(float)")
    if activity.sizes["unit"] < 1:
        faults.append("activity has no units; at least 1 is needed")
    if activity.sizes["time"] < 2:
        faults.append(f"activity has {activity.sizes['time']} samples; at least 2 are needed")
    for name, variable in recording.data_vars.items():
        if variable.dims == ("time",) and variable.dtype.kind in "cmM":
            faults.append(f"{name!r} has dtype {variable.dtype}; it must be real numbers (of dates, seconds) or texts")
    for name in ("time", "interval"):
        if name in recording.variables and recording[name].dims != ("time",):
            given = dict(zip(recording[name].dims, recording[name].shape, strict=True))
            faults.append(f"{name!r} has shape {given}; it must have one value for each sample, along 'time'")
    return faults


def time_faults(times: npt.NDArray[Any]) -> list[str]:
    """Faults of time stamps (n,): not numbers, not finite, or not strictly increasing."""
    if times.dtype.kind not in "iuf":
        return [f"time has dtype {times.dtype}; it must be seconds as numbers"]
    if not np.isfinite(times).all():
        return [f"time has {int((~np.isfinite(times)).sum())} values that are not finite: remove those samples"]
    # Unsigned numbers have no negative differences.
    steps = np.diff(times.astype(np.float64))
    if (steps > 0).all():
        return []
    at = int(np.argmax(steps <= 0)) + 1
    twice, back = int((steps == 0).sum()), int((steps < 0).sum())
    return [
        f"time must increase: {twice} duplicate and {back} backward steps, the first at sample {at} "
        f"({times[at]} s). Sort by time and drop duplicates; if time restarts in every trial, give interval"
    ]


def value_faults(recording: xr.Dataset) -> list[str]:
    """Faults of the values: of activity, of its labels, and of every task variable."""
    faults = [*_activity_faults(recording["activity"]), *_unit_faults(recording)]
    for name, variable in recording.data_vars.items():
        if variable.dims == ("time",):
            faults.extend(_variable_faults(str(name), variable))
    return faults


def checked_as_read(activity: xr.DataArray) -> xr.DataArray:
    """Streamed activity whose blocks are looked at for faults whenever they are read; else the activity as it is.

    Reading a block that has one raises :class:`RecordingError`.
    """
    data = activity.data
    if not is_streamed(data) or data.name.startswith(_CHECKED):
        return activity
    checked = data.map_blocks(
        _checked_block,
        kind=activity.attrs["kind"],
        names=activity["unit"].to_numpy(),
        name=f"{_CHECKED}{data.name}",
        dtype=data.dtype,
        meta=data._meta,
    )
    return activity.copy(data=checked)


def _checked_block(
    values: npt.NDArray[Any], kind: str, names: npt.NDArray[Any], block_info: Any = None
) -> npt.NDArray[Any]:
    faults = _number_faults(values, kind, names, block_info[0]["array-location"][0][0])
    if faults:
        raise RecordingError("; ".join(faults))
    return values


def _activity_faults(activity: xr.DataArray) -> list[str]:
    kind = activity.attrs.get("kind")
    faults = []
    if kind not in ACTIVITY_KINDS:
        faults.append(f"activity has kind {kind!r}; allowed are {', '.join(ACTIVITY_KINDS)}")
    if is_streamed(activity):
        return faults
    return [*faults, *_number_faults(activity.to_numpy(), kind, activity["unit"].to_numpy())]


def _number_faults(values: npt.NDArray[Any], kind: Any, names: npt.NDArray[Any], start: int = 0) -> list[str]:
    """Faults of activity (n, d) of units called ``names``, the first sample of which is number ``start``."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [_not_finite(values, names, start)]
    wrong = scale_fault(values)
    if wrong is not None:
        return [f"activity {wrong}"]
    if kind == "counts":
        return _count_faults(values)
    if kind == "rate" and values.dtype.kind != "u" and (values < 0).any():
        return [f"activity has kind 'rate' but {int((values < 0).sum())} negative values: kind='continuous'?"]
    return []


def _not_finite(values: npt.NDArray[Any], names: npt.NDArray[Any], start: int) -> str:
    bad = ~np.isfinite(values)
    rows, columns = np.nonzero(bad)
    units = ", ".join(str(name) for name in names[np.unique(columns)][:5])
    return (
        f"activity has {int(bad.sum())} NaN or infinite values in {len(np.unique(rows))} samples and "
        f"{len(np.unique(columns))} units ({units}; first: sample {start + rows[0]}, unit {names[columns[0]]}): drop "
        "those samples (a gap becomes an interval border) or those units, or fill them in yourself"
    )


def _count_faults(values: npt.NDArray[Any]) -> list[str]:
    faults = []
    if values.dtype.kind in "if" and (values < 0).any():
        faults.append(f"activity has kind 'counts' but {int((values < 0).sum())} negative values: kind='continuous'?")
    if values.dtype.kind == "f" and (values != np.floor(values)).any():
        faults.append("activity is counts but not all are whole numbers: kind='rate'?")
    return faults


def _unit_faults(recording: xr.Dataset) -> list[str]:
    names = recording["unit"].to_numpy()
    unique, times = np.unique(names.astype(str), return_counts=True)
    repeated = unique[times > 1]
    return [f"unit names must be unique; repeated: {', '.join(repeated[:5])}"] if len(repeated) else []


def _variable_faults(name: str, variable: xr.DataArray) -> list[str]:
    attrs, values = variable.attrs, variable.to_numpy()
    kind = attrs.get("kind")
    if kind not in VARIABLE_KINDS:
        return [f"{name!r} has kind {kind!r}; allowed are {', '.join(VARIABLE_KINDS)}"]
    if kind == "categorical":
        return []
    if values.dtype.kind not in "iufb":
        return [f"{name!r} is {kind} but has dtype {values.dtype}: convert it to numbers, or kind='categorical'"]
    if np.isinf(values.astype(np.float64)).any():
        return [f"{name!r} has infinite values: use NaN where it is unknown"]
    return _period_faults(name, values.astype(np.float64), attrs.get("period")) if kind == "circular" else []


def _period_faults(name: str, values: npt.NDArray[np.float64], period: Any) -> list[str]:
    if not isinstance(period, (int, float, np.number)) or not 0 < float(period) < np.inf:
        return [f"{name!r} is circular but has period {period!r}: give a positive number"]
    if fits_one_period(values, float(period)):
        return []
    low, high = np.nanmin(values), np.nanmax(values)
    return [
        f"{name!r} is circular with period {float(period):.6g} but is from {low:.6g} to {high:.6g}: degrees "
        "given as radians (units='deg', period=360)? Else numpy.mod(values, period), or kind='linear'"
    ]
