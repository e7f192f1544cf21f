"""Completion: what a recording does not state but can be inferred is filled in, with a note of each."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from neuromanifold._typing import FloatArray
from neuromanifold.data.blocks import in_blocks
from neuromanifold.data.faults import time_faults
from neuromanifold.data.inference import PERIODS, activity_meaning, variable_meaning
from neuromanifold.data.intervals import contiguous_ids, interval_slices

__all__ = ["Completed", "complete"]

# Stated and measured sampling periods that differ by more than this fraction contradict each other.
_PERIOD_TOLERANCE = 0.02


class Completed(NamedTuple):
    """A completed recording, the notes of what was inferred, and the faults that were met on the way."""

    recording: xr.Dataset
    notes: list[str]
    faults: list[str]


def complete(recording: xr.Dataset) -> Completed:
    """Complete clock, intervals, unit names, kinds and units of a Dataset of the right structure."""
    notes: list[str] = []
    done = recording.copy()
    done.attrs = dict(recording.attrs)
    activity = done["activity"].transpose("time", "unit")
    done["activity"] = activity.copy(data=in_blocks(activity.data))
    if "unit" not in done.coords:
        done = done.assign_coords(unit=np.arange(done.sizes["unit"]))
    done, faults = _complete_clock(done, notes)
    _complete_activity(done, notes)
    for name, variable in list(done.data_vars.items()):
        if variable.dims == ("time",):
            _complete_variable(done, str(name), notes)
    return Completed(done, notes, faults)


def _complete_clock(recording: xr.Dataset, notes: list[str]) -> tuple[xr.Dataset, list[str]]:
    stated = recording.attrs.get("sampling_period")
    if stated is not None and not (isinstance(stated, Real) and 0 < float(stated) < np.inf):
        return recording, [f"sampling_period is {stated!r}; it must be a positive number of seconds"]
    labels, faults = _interval_labels(recording, notes)
    times = _times(recording, labels, stated, notes)
    faults = [*faults, *time_faults(times)]
    if faults:
        return recording, faults
    times = times.astype(np.float64)
    period, faults = _sampling_period(times, labels, stated)
    ids = contiguous_ids(labels, times, period)
    if "interval" in recording.coords and not np.array_equal(ids, labels):
        notes.append(f"interval ids renumbered: {len(interval_slices(ids))} contiguous runs without gaps")
    elif "interval" not in recording.coords and ids[-1] > 0:
        notes.append(f"{ids[-1]} gaps in time: {ids[-1] + 1} intervals")
    clock = {"time": ("time", times, {"units": "s"}), "interval": ("time", ids)}
    completed = recording.assign_coords(clock)
    completed.attrs["sampling_period"] = period
    return completed, faults


def _times(recording: xr.Dataset, labels: npt.NDArray[Any], stated: Any, notes: list[str]) -> npt.NDArray[Any]:
    """Time stamps as given, in seconds; without any, bin centres from zero."""
    if "time" in recording.coords:
        return _laid_out(_seconds(recording["time"].to_numpy(), notes), labels, stated, notes)
    if stated is None:
        notes.append("no time and no sampling_period: samples are taken to be 1 s apart")
    return (np.arange(recording.sizes["time"]) + 0.5) * float(stated or 1.0)


def _interval_labels(recording: xr.Dataset, notes: list[str]) -> tuple[npt.NDArray[Any], list[str]]:
    if "interval" not in recording.coords:
        return np.zeros(recording.sizes["time"], dtype=np.int64), []
    labels = recording["interval"].to_numpy()
    unknown = int(pd.isna(labels).sum())
    if unknown:
        return np.zeros(len(labels), dtype=np.int64), [f"interval is unknown in {unknown} samples: remove them"]
    if labels.dtype.kind in "iu" or (labels.dtype.kind == "f" and (labels == np.floor(labels)).all()):
        return labels.astype(np.int64), []
    codes, names = pd.factorize(labels)
    notes.append(f"interval labels numbered in order: {', '.join(str(name) for name in names[:5])} ...")
    return codes.astype(np.int64), []


def _seconds(times: npt.NDArray[Any], notes: list[str]) -> npt.NDArray[Any]:
    """Dates and durations as seconds from the first; numbers are seconds already."""
    if times.dtype.kind not in "mM":
        return times
    notes.append("time stamps turned into seconds from the first")
    return (times - times[0]) / np.timedelta64(1, "s")


def _laid_out(times: npt.NDArray[Any], labels: npt.NDArray[Any], period: Any, notes: list[str]) -> npt.NDArray[Any]:
    """Times that restart in every interval, laid one after another, two sampling periods apart."""
    slices = interval_slices(labels)
    if len(slices) < 2 or time_faults(times) == [] or any(time_faults(times[s]) for s in slices):
        return times
    steps = np.concatenate([np.diff(times[s]) for s in slices])
    gap = 2 * float(period or (np.median(steps) if len(steps) else 1.0))
    laid, end = np.empty(len(times), dtype=np.float64), float(times[0]) - gap
    for s in slices:
        laid[s] = times[s] - times[s][0] + end + gap
        end = laid[s][-1]
    notes.append("time restarts in every interval: intervals laid one after another")
    return laid


def _sampling_period(times: FloatArray, labels: npt.NDArray[Any], stated: Any) -> tuple[float, list[str]]:
    """Seconds between samples: the median step inside intervals, which must agree with what is stated."""
    steps = np.diff(times)[labels[1:] == labels[:-1]]
    steps = steps if len(steps) else np.diff(times)
    measured = float(np.median(steps))
    if stated is None:
        return measured, []
    # A recording of which samples were removed has longer steps, but none shorter and some of one period.
    shortest, longest = float(np.min(steps)) * (1 - _PERIOD_TOLERANCE), measured * (1 + _PERIOD_TOLERANCE)
    if shortest <= float(stated) <= longest:
        return float(stated), []
    return float(stated), [
        f"sampling_period is {float(stated):.6g} s but the time stamps are {measured:.6g} s apart (median): "
        "correct one of them, or leave sampling_period out"
    ]


def _complete_activity(recording: xr.Dataset, notes: list[str]) -> None:
    activity = recording["activity"]
    if {"kind", "units"} <= set(activity.attrs):
        return
    name = str(activity.attrs.get("name", "activity"))
    meaning = activity_meaning(name, activity.data, activity.attrs.get("units"))
    stated = dict(activity.attrs)
    activity.attrs.update({**meaning.attrs(), **stated})
    notes.append(f"activity: {activity.attrs['kind']}, {activity.attrs['units']} ({meaning.reason})")


def _complete_variable(recording: xr.Dataset, name: str, notes: list[str]) -> None:
    variable = recording[name]
    values = variable.to_numpy()
    if values.dtype.kind == "O" and all(isinstance(value, (str, type(None), float)) for value in values):
        # netCDF hands texts back as objects; unknown is the empty text.
        texts = np.array(["" if pd.isna(value) else str(value) for value in values])
        recording[name] = variable = variable.copy(data=texts)
        values = texts
    stated = dict(variable.attrs)
    if stated.get("kind") == "circular" and "period" not in stated and stated.get("units") in PERIODS:
        variable.attrs["period"] = PERIODS[stated["units"]]
    if {"kind", "units"} <= set(stated):
        return
    meaning = variable_meaning(name, values, stated.get("units"))
    inferred = meaning.attrs()
    if stated.get("kind", meaning.kind) != meaning.kind:
        inferred = {"units": meaning.units, **_period(stated["kind"], meaning.units)}
    variable.attrs.update({**inferred, **stated})
    notes.append(f"{name}: {variable.attrs['kind']}, {variable.attrs['units']} ({meaning.reason})")


def _period(kind: str, units: str) -> dict[str, float]:
    return {"period": PERIODS[units]} if kind == "circular" and units in PERIODS else {}
