"""Assemble: a recording from the entries of a file and the choices of the caller."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.data.binning import rebin
from neuromanifold.data.inference import variable_meaning, warn
from neuromanifold.data.intervals import bounded, epoch_of, overlaps
from neuromanifold.data.readers.choice import Choice, Contents
from neuromanifold.data.readers.clock import Spans, sampling_period, spans_of, spike_scale, time_stamps
from neuromanifold.data.readers.entries import Entry
from neuromanifold.data.readers.roles import find_activity, role_of, with_spike_pairs
from neuromanifold.data.readers.spikes import bin_spikes, spike_span
from neuromanifold.data.readers.variables import aligned_variables, sampled_variables
from neuromanifold.data.recording import as_recording, check
from neuromanifold.data.units import isi_violations

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
    spans, times = spans_of(contents, choice, n), time_stamps(contents, choice, n, entry)
    label, rows = spans.label, np.arange(n)
    if entry.support is not None and times is not None:
        owner = epoch_of(times, entry.support, closed=True)
        rows, label = np.flatnonzero(owner >= 0), owner if label is None else label
    activity = xr.DataArray(values[rows], dims=("time", "unit"), attrs=_activity_attrs(entry))
    names = _unit_names(contents, entry, values.shape[1])
    variables = sampled_variables(contents, entry, choice, n, times)
    named = activity if names is None else activity.assign_coords(unit=names)
    recording = as_recording(
        _labelled(named, entry.labels, [*variables, *spans.columns]),
        {name: column[rows] for name, column in variables.items()},
        sampling_period=sampling_period(contents, choice, entry),
        time=None if times is None else times[rows],
        interval=None if label is None else label[rows],
    )
    if spans.epochs is not None:
        recording = _inside(recording, spans)
    return recording if choice.bin_size is None else rebin(recording, choice.bin_size)


def _oriented(contents: Contents, entry: Entry, choice: Choice) -> npt.NDArray[Any]:
    """The activity as (samples, units): images are flattened, and MATLAB's (units, samples) turned."""
    values = np.asarray(entry.read())
    if values.ndim < 2:
        raise contents.error(f"{entry.name!r} has shape {values.shape}; activity is a matrix of samples by units")
    values = values.reshape(len(values), -1)
    lengths = {other.length for other in contents.entries if other.length and not other.dims}
    lengths |= {len(given) for given in (choice.time, choice.interval) if isinstance(given, np.ndarray)}
    lengths |= set() if entry.clock is None else {len(entry.clock())}
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


def _inside(recording: xr.Dataset, spans: Spans) -> xr.Dataset:
    """Samples inside epochs, each epoch its own interval."""
    assert spans.epochs is not None
    times = recording["time"].to_numpy()
    owner = epoch_of(times, spans.epochs)
    rows = np.flatnonzero(owner >= 0)
    if not len(rows):
        raise InputError(f"no sample lies in the given intervals; time runs from {times[0]:.6g} to {times[-1]:.6g} s")
    kept = recording.isel(time=rows).assign_coords(interval=("time", owner[rows]))
    return check(kept.assign(_of_epochs(spans, owner[rows], kept)))


def _of_epochs(spans: Spans, owner: IntArray, taken: Container[Any]) -> dict[str, xr.DataArray]:
    """What is known of each epoch as task variables of its samples; names already taken are left as they are."""
    return {
        name: xr.DataArray(column[owner], dims=("time",), attrs=variable_meaning(name, column).attrs())
        for name, column in spans.columns.items()
        if name not in taken
    }


def _from_spikes(contents: Contents, entry: Entry, choice: Choice) -> xr.Dataset:
    if choice.bin_size is None:
        raise contents.error(f"{entry.name!r} are spike times: say how wide bins are, bin_size=0.05 (s)")
    trains = entry.read() if entry.ragged else [np.ravel(entry.read())]
    scale = spike_scale(contents, entry, trains, choice)
    spans = spans_of(contents, choice, -1)
    if spans.label is not None:
        raise contents.error("for spike times, interval is rows of (start, stop) in seconds")
    seconds = [np.asarray(train, dtype=np.float64) * scale for train in trains]
    spans = _observed(spans, entry, seconds, choice.bin_size)
    binned = bin_spikes(seconds, choice.bin_size, spans.epochs)
    names = [str(name) for name in entry.attrs.get("units") or range(len(trains))]
    activity = xr.DataArray(binned.counts, dims=("time", "unit"), attrs={"kind": "counts", "units": "spikes/bin"})
    variables = aligned_variables(contents, entry, choice, binned.times)
    variables |= _of_epochs(spans, binned.interval, variables)
    labels = {**entry.labels, "isi_violations": isi_violations(seconds)}
    return as_recording(
        _labelled(activity.assign_coords(unit=names), labels, variables),
        variables,
        sampling_period=choice.bin_size,
        time=binned.times,
        interval=binned.interval,
    )


def _observed(spans: Spans, entry: Entry, trains: Sequence[FloatArray], bin_size: float) -> Spans:
    """Epochs cut to those within which the units were observed; what has no end there ends with the spikes."""
    if entry.support is None:
        return spans
    if spans.epochs is None:
        return Spans(bounded(entry.support, spike_span(trains, bin_size)))
    epochs, owner = overlaps(spans.epochs, entry.support)
    if not len(epochs):
        seen = f"{entry.support[0, 0]:.6g} to {entry.support[-1, 1]:.6g} s"
        raise InputError(f"the units were observed from {seen}, in no epoch given")
    return Spans(epochs, columns={name: column[owner] for name, column in spans.columns.items()})


def _labelled(activity: xr.DataArray, labels: Mapping[str, Any], variables: Iterable[str]) -> xr.DataArray:
    """Activity with a coordinate along its units for each label, called ``unit_NAME`` where a variable has the name."""
    taken = {"time", "unit", "interval", "activity", *variables}
    return activity.assign_coords({
        (f"unit_{name}" if name in taken else name): ("unit", np.asarray(values)) for name, values in labels.items()
    })  # fmt: skip
