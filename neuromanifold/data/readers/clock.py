"""Clock: when samples, spikes and behaviour were taken, and which trial each belongs to.

Everything is seconds in the end. The unit of what a file holds is given (``time_scale``), stated in attrs or
read from the end of its name (``_ms``); whole-number spike times that come with a rate are sample numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuromanifold._arrays import unmasked
from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray
from neuromanifold.data.inference import warn
from neuromanifold.data.intervals import checked_epochs
from neuromanifold.data.readers.choice import Choice, Contents
from neuromanifold.data.readers.entries import Entry

__all__ = ["Spans", "behaviour_clock", "find_clock", "sampling_period", "spans_of", "spike_scale", "time_stamps"]


class Spans(NamedTuple):
    """Which samples are meant: ``epochs`` (q, 2) in order with ``columns`` (q,) that say something of each, or the
    ``label`` of each sample (n,).
    """

    epochs: FloatArray | None = None
    label: npt.NDArray[Any] | None = None
    columns: Mapping[str, npt.NDArray[Any]] = {}


_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def time_stamps(contents: Contents, choice: Choice, n: int, entry: Entry | None = None) -> FloatArray | None:
    """Times of n samples in seconds: as given, by the clock of their own entry, or by the one entry of times."""
    if choice.time is not None and not isinstance(choice.time, str):
        if len(choice.time) != n:
            raise InputError(f"time has {len(choice.time)} values; it must have one for each of {n} samples")
        return np.asarray(unmasked(choice.time))
    if choice.time is not None:
        chosen = [contents.named(choice.time, "time")]
    elif entry is not None and entry.clock is not None:
        return entry.clock()
    else:
        chosen = _of_length(contents.of_role("time"), n)
    if len(chosen) > 1:
        raise contents.error("there is more than one time: choose one with time=...")
    return _stamps(chosen[0], choice) if chosen else None


def _of_length(entries: list[Entry], n: int) -> list[Entry]:
    """Entries of one value for each of n samples; where there are others alone (n < 0: any number), that is said."""
    found = [entry for entry in entries if entry.length == n]
    if entries and not found and n >= 0:
        named = ", ".join(f"{entry.name!r} {entry.shape}" for entry in entries)
        warn(f"not used, since there is not one value for each of {n} samples: {named}")
    return found


def _stamps(entry: Entry, choice: Choice) -> FloatArray:
    """Time stamps of an entry in seconds, by ``time_scale``, its units or the end of its name."""
    values = np.ravel(entry.read())
    if values.dtype.kind not in "iuf":
        return values
    units = entry.attrs.get("units") if isinstance(entry.attrs.get("units"), str) else None
    stated = units or entry.name.rsplit("_", 1)[-1]
    scale = choice.time_scale if choice.time_scale is not None else _SECONDS.get(stated, 1.0)
    return values.astype(np.float64) * scale


def sampling_period(contents: Contents, choice: Choice, entry: Entry) -> float | None:
    """Seconds between samples of an entry, where something says so: the caller, a period or a rate."""
    if choice.sampling_period is not None:
        return choice.sampling_period
    if entry.clock is not None:
        return None
    found = {e.name: _seconds(e) for e in contents.of_role("sampling period")}
    # A rate that is known to be somewhere unreadable is asked for only where no time stamps are given.
    rates = [e for e in contents.of_role("sampling rate") if e.dtype != "V" or choice.time is None]
    found.update({e.name: 1 / _seconds(e) for e in rates})
    if len(set(found.values())) > 1:
        raise contents.error(f"{', '.join(found)} disagree: say which with sampling_period=... (seconds)")
    return next(iter(found.values()), None)


def _seconds(entry: Entry) -> float:
    scale = 1e-3 if entry.name.endswith("_ms") else 1.0
    value = float(np.ravel(entry.read())[0]) * scale
    if not 0 < value < np.inf:
        raise InputError(f"{entry.name!r} is {value}; a sampling period or rate must be positive")
    return value


def spans_of(contents: Contents, choice: Choice, n: int) -> Spans:
    """The epochs to keep, or the label of each of n samples, as given or as the source says."""
    given = choice.interval
    if isinstance(given, str):
        entry = contents.named(given, "interval")
        values = np.asarray(entry.read())
        if entry.role == "epochs":
            return _epochs(entry, values)
        given = np.ravel(values) if entry.length == n else values
    if given is not None:
        array = np.asarray(given)
        if array.ndim == 2 and array.shape[1] == 2:
            return Spans(checked_epochs(array))
        if n >= 0 and array.shape != (n,):
            raise InputError(
                f"interval has shape {array.shape}; it must be a label for each of {n} samples, or epochs (q, 2) in s"
            )
        return Spans(label=array)
    found = [np.ravel(entry.read()) for entry in _of_length(contents.of_role("interval"), n)]
    if not found:
        return Spans()
    return Spans(
        label=found[0] if len(found) == 1 else np.unique(np.stack(found), axis=1, return_inverse=True)[1].ravel()
    )


def _epochs(entry: Entry, values: FloatArray) -> Spans:
    """Epochs of a table in order of time, with its columns; those without an end, or of no length, are left out."""
    real = np.flatnonzero(np.isfinite(values).all(axis=1) & (values[:, 1] > values[:, 0]))
    if len(real) < len(values):
        warn(f"{len(values) - len(real)} of {len(values)} epochs of {entry.name!r} have no end or no length: left out")
    order = real[np.argsort(values[real, 0], kind="stable")]
    if not len(order):
        raise InputError(f"{entry.name!r} has no epoch with a start before its stop")
    return Spans(checked_epochs(values[order]), columns={name: row[order] for name, row in entry.labels.items()})


def spike_scale(contents: Contents, entry: Entry, trains: Sequence[npt.NDArray[Any]], choice: Choice) -> float:
    """Seconds in one unit of the spike times: as given, by the rate of sample numbers, or by name."""
    if choice.time_scale is not None:
        return float(choice.time_scale)
    if "sample_rate" in entry.attrs:
        return 1 / float(entry.attrs["sample_rate"])
    suffix = entry.name.rsplit("_", 1)[-1]
    rates = [rate for rate in contents.of_role("sampling rate") if rate.name.lower().startswith(("spk", "spike"))]
    if all(train.dtype.kind in "iu" for train in trains) and rates:
        rate = _seconds(rates[0])
        warn(f"{entry.name!r} are whole numbers: taken as samples at {rates[0].name} = {rate:.6g} Hz")
        return 1 / rate
    return _SECONDS.get(suffix, 1.0)


def behaviour_clock(contents: Contents, entry: Entry, choice: Choice) -> FloatArray:
    clock = find_clock(contents, entry, choice)
    if clock is None:
        raise contents.error(f"nothing says when {entry.name!r} was sampled: name its time stamps with time=...")
    return clock


def find_clock(contents: Contents, entry: Entry, choice: Choice) -> FloatArray | None:
    """Times of a behavioural entry: those given, its own, those as long as it is, or sample numbers over its rate."""
    lengths = set(entry.shape)
    if choice.time is not None:
        stamps = time_stamps(contents, choice, -1)
        if stamps is not None and len(stamps) in lengths:
            return stamps
    if entry.clock is not None or choice.time is not None:
        return None if entry.clock is None else entry.clock()
    stamps_of = [stamps for stamps in contents.of_role("time") if stamps.length in lengths]
    if stamps_of:
        return _stamps(stamps_of[0], choice)
    rates = [r for r in contents.of_role("sampling rate") if not r.name.lower().startswith(("spk", "spike"))]
    return np.arange(max(entry.shape)) / _seconds(rates[0]) if len(rates) == 1 else None
