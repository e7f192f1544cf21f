"""Assemble: a recording from the entries of a file and the choices of the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray
from neuromanifold.data.binning import rebin
from neuromanifold.data.inference import units_of_name, variable_meaning, warn
from neuromanifold.data.readers.choice import Choice, Contents
from neuromanifold.data.readers.clock import (
    behaviour_clock,
    find_clock,
    interval_of,
    sampling_period,
    spike_scale,
    time_stamps,
)
from neuromanifold.data.readers.entries import Entry
from neuromanifold.data.readers.roles import find_activity, role_of, with_spike_pairs
from neuromanifold.data.readers.spikes import align, bin_spikes
from neuromanifold.data.recording import as_recording, check

__all__ = ["assemble"]


def assemble(source: str, entries: Sequence[Entry], choice: Choice) -> xr.Dataset:
    """Build the checked recording.

    Raises
    ------
    InputError
        Where a choice is needed or wrong; the message lists what there is and the call to type.
    """
    contents = Contents(source, with_spike_pairs(entries))
    activity = find_activity(source, contents.entries, choice.activity)
    if role_of(activity) == "spike times":
        recording = _from_spikes(contents, activity, choice)
    else:
        recording = _from_matrix(contents, activity, choice)
    notes = {e.name: str(e.read()) for e in contents.of_role("note") if not e.is_numeric}
    return recording.assign_attrs({**notes, **recording.attrs, "source": source.rsplit("/", 1)[-1]})


def _from_matrix(contents: Contents, entry: Entry, choice: Choice) -> xr.Dataset:
    values = _oriented(contents, entry, choice)
    n = len(values)
    epochs, interval = interval_of(contents, choice, n)
    activity = xr.DataArray(values, dims=("time", "unit"), attrs=_activity_attrs(entry))
    names = _unit_names(contents, entry, values.shape[1])
    recording = as_recording(
        activity if names is None else activity.assign_coords(unit=names),
        _variables(contents, entry, choice, n),
        sampling_period=sampling_period(contents, choice),
        time=time_stamps(contents, choice, n),
        interval=interval,
    )
    if epochs is not None:
        recording = _inside(recording, epochs)
    return recording if choice.bin_size is None else rebin(recording, choice.bin_size)


def _oriented(contents: Contents, entry: Entry, choice: Choice) -> npt.NDArray[Any]:
    """The activity as (samples, units): images are flattened, and MATLAB's (units, samples) turned."""
    values = np.asarray(entry.read())
    if values.ndim < 2:
        raise contents.error(f"{entry.name!r} has shape {values.shape}; activity is a matrix of samples by units")
    values = values.reshape(len(values), -1)
    lengths = {other.length for other in contents.entries if other.length and not other.dims}
    lengths |= {len(given) for given in (choice.time, choice.interval) if isinstance(given, np.ndarray)}
    if entry.dims or values.shape[0] in lengths:
        return values
    if values.shape[1] in lengths:
        warn(f"{entry.name!r} {values.shape} is taken as (units, samples) and turned")
        return values.T
    if values.shape[0] < values.shape[1]:
        warn(f"{entry.name!r} is taken as {values.shape[0]} samples of {values.shape[1]} units: turn it if not")
    return values


def _activity_attrs(entry: Entry) -> dict[str, Any]:
    stated = {key: entry.attrs[key] for key in ("kind", "units") if key in entry.attrs}
    # Pixels of images are whole numbers but count nothing.
    images = {"kind": "continuous", "units": "a.u."} if len(entry.shape) > 2 else {}
    return {**images, **stated, "name": entry.name}


def _unit_names(contents: Contents, entry: Entry, n_units: int) -> list[str] | None:
    if "columns" in entry.attrs:
        return list(entry.attrs["columns"])
    labels = [e for e in contents.entries if len(entry.dims) == 2 and e.name == entry.dims[1] and e.length == n_units]
    return [str(name) for name in labels[0].read()] if labels else None


def _inside(recording: xr.Dataset, epochs: FloatArray) -> xr.Dataset:
    """Samples inside epochs, each epoch its own interval."""
    times = recording["time"].to_numpy()
    owner = np.full(len(times), -1)
    for i, (start, stop) in enumerate(epochs):
        owner[(times >= start) & (times < stop)] = i
    if (owner < 0).all():
        raise InputError(f"no sample lies in the given intervals; time runs from {times[0]:.6g} to {times[-1]:.6g} s")
    kept = recording.assign_coords(interval=("time", owner)).isel(time=np.flatnonzero(owner >= 0))
    return check(kept)


def _variables(contents: Contents, activity: Entry, choice: Choice, n: int) -> dict[str, xr.DataArray]:
    columns: dict[str, xr.DataArray] = {}
    for entry in _chosen(contents, activity, choice, n):
        if n not in entry.shape:
            raise contents.error(f"{entry.name!r} has shape {entry.shape} but the activity has {n} samples")
        columns.update(_columns(entry, np.asarray(entry.read()), n, choice))
    return columns


def _chosen(contents: Contents, activity: Entry, choice: Choice, n: int) -> list[Entry]:
    if choice.variables is not None:
        names = [choice.variables] if isinstance(choice.variables, str) else list(choice.variables)
        return [contents.named(name, "task variable") for name in names]
    found = [entry for entry in contents.of_role("task variable") if entry is not activity and n in entry.shape]
    return [entry for entry in found if not entry.dims or not activity.dims or entry.dims[0] == activity.dims[0]]


def _columns(entry: Entry, values: npt.NDArray[Any], n: int, choice: Choice) -> dict[str, xr.DataArray]:
    """The columns of a task variable, ``name`` or ``name_0``, ``name_1``, ..., and what is stated of them."""
    matrix = values.reshape(n, -1) if len(values) == n else values.reshape(-1, n).T
    stated = {key: entry.attrs[key] for key in ("kind", "units", "period") if key in entry.attrs}
    if isinstance(choice.variables, Mapping):
        stated.update(choice.variables[entry.name] or {})
    units = units_of_name(entry.name)
    stem = entry.name.removesuffix("*")
    names = [stem] if matrix.shape[1] == 1 else [f"{stem}_{i}" for i in range(matrix.shape[1])]
    names = list(entry.attrs.get("columns", names))
    attrs = {**({"units": units} if units else {}), **stated}
    return {
        name: xr.DataArray(column, dims=("time",), attrs=attrs) for name, column in zip(names, matrix.T, strict=True)
    }


def _from_spikes(contents: Contents, entry: Entry, choice: Choice) -> xr.Dataset:
    if choice.bin_size is None:
        raise contents.error(f"{entry.name!r} are spike times: say how wide bins are, bin_size=0.05 (s)")
    trains = entry.read() if entry.ragged else [np.ravel(entry.read())]
    scale = spike_scale(contents, entry, trains, choice)
    epochs, labels = interval_of(contents, choice, -1)
    if labels is not None:
        raise contents.error("for spike times, interval is rows of (start, stop) in seconds")
    binned = bin_spikes([np.asarray(train, dtype=np.float64) * scale for train in trains], choice.bin_size, epochs)
    names = entry.attrs.get("units")
    activity = xr.DataArray(binned.counts, dims=("time", "unit"), attrs={"kind": "counts", "units": "spikes/bin"})
    return as_recording(
        activity.assign_coords(unit=[str(name) for name in names or range(len(trains))]),
        _aligned_variables(contents, entry, choice, binned.times),
        sampling_period=choice.bin_size,
        time=binned.times,
        interval=binned.interval,
    )


def _aligned_variables(
    contents: Contents, activity: Entry, choice: Choice, centres: FloatArray
) -> dict[str, xr.DataArray]:
    """Behaviour that has a clock, at the centres of the bins."""
    aligned = {}
    for entry in _chosen_with_clock(contents, activity, choice):
        clock = behaviour_clock(contents, entry, choice)
        for name, column in _columns(entry, np.asarray(entry.read()), len(clock), choice).items():
            aligned[name] = _aligned(name, column, clock, centres)
    return aligned


def _chosen_with_clock(contents: Contents, activity: Entry, choice: Choice) -> list[Entry]:
    if choice.variables is not None:
        return _chosen(contents, activity, choice, -1)
    found = [e for e in contents.of_role("task variable") if e.is_numeric and e is not activity]
    timed = [e for e in found if find_clock(contents, e, choice) is not None]
    left = [e.name for e in found if e not in timed]
    if left:
        warn(f"left out, since nothing says when they were sampled: {', '.join(left)}")
    return timed


def _aligned(name: str, column: xr.DataArray, clock: FloatArray, centres: FloatArray) -> xr.DataArray:
    meaning = variable_meaning(name, column.to_numpy(), column.attrs.get("units"))
    attrs = {**meaning.attrs(), **column.attrs}
    period = float(attrs["period"]) if attrs["kind"] == "circular" else None
    return xr.DataArray(align(column.to_numpy(), clock, centres, period), dims=("time",), attrs=attrs)
