"""Neo's objects: a Block or Segment of spike trains, signals and epochs, as its many readers of formats give them.

Segments become intervals. Those whose times overlap (trials that each begin at zero) are laid one after another, two
seconds apart; spike trains and signals of several segments are matched by their order. Neo itself is never imported.
(Garcia et al. 2014, Front Neuroinform 8:10.)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray
from neuromanifold.data.inference import standard_units
from neuromanifold.data.readers.entries import Entry, array_entry, epochs_entry, ragged_entry

__all__ = ["read_neo"]

_APART = 2.0


def read_neo(value: Any) -> list[Entry]:
    """Entries of a Block or Segment of Neo.

    Raises
    ------
    InputError
        If it is neither, or its segments do not hold the same trains and signals.
    """
    kind = type(value).__name__
    if kind not in ("Block", "Segment"):
        raise InputError(f"a {kind} of Neo cannot be read: give the Block or the Segment that it is part of")
    segments = list(value.segments) if kind == "Block" else [value]
    for what in ("spiketrains", "analogsignals", "irregularlysampledsignals"):
        if len({len(getattr(segment, what)) for segment in segments}) != 1:
            numbers = ", ".join(str(len(getattr(segment, what))) for segment in segments)
            raise InputError(f"the segments of the {kind} have {numbers} {what}: give one Segment, or as many in each")
    shifts = _shifts([_span(segment) for segment in segments])
    return [*_trains(segments, shifts), *_signals(segments, shifts), *_epochs(segments, shifts)]


def _seconds(quantity: Any) -> npt.NDArray[Any]:
    return np.asarray(quantity.rescale("s").magnitude, dtype=np.float64)


def _span(segment: Any) -> tuple[float, float]:
    """First and last second of a segment: what all its spike trains, else its signals, were recorded through."""
    parts = list(segment.spiketrains) or [*segment.analogsignals, *segment.irregularlysampledsignals]
    if not parts:
        raise InputError("a segment holds neither spike trains nor signals")
    return max(float(_seconds(p.t_start)) for p in parts), min(float(_seconds(p.t_stop)) for p in parts)


def _shifts(spans: list[tuple[float, float]]) -> FloatArray:
    """Seconds to add to the times of each segment, (k, 3) with the span that results."""
    overlap = any(after[0] < before[1] for before, after in pairwise(spans))
    rows, end = [], spans[0][0] - _APART
    for start, stop in spans:
        shift = end + _APART - start if overlap else 0.0
        end = stop + shift
        rows.append((shift, start + shift, end))
    return np.array(rows)


def _trains(segments: Sequence[Any], shifts: FloatArray) -> list[Entry]:
    first = list(segments[0].spiketrains)
    if not first:
        return []
    trains = [
        np.concatenate([_seconds(s.spiketrains[i]) + shift for s, shift in zip(segments, shifts[:, 0], strict=True)])
        for i in range(len(first))
    ]
    named = [str(train.name) for train in first if train.name]
    names = named if len(set(named)) == len(first) else [str(i) for i in range(len(first))]
    return [ragged_entry("spiketrains", trains, {"units": names}, support=shifts[:, 1:], labels=_annotations(first))]


def _annotations(trains: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    """Annotations that every train has, where they are a number or a text."""
    shared = set.intersection(*(set(train.annotations) for train in trains))
    columns = {name: [train.annotations[name] for train in trains] for name in sorted(shared)}
    return {
        name: np.array(values)
        for name, values in columns.items()
        if all(isinstance(value, (str, bool, int, float, np.number)) for value in values)
    }


def _signals(segments: Sequence[Any], shifts: FloatArray) -> list[Entry]:
    entries = []
    for what in ("analogsignals", "irregularlysampledsignals"):
        for i, first in enumerate(getattr(segments[0], what)):
            parts = [getattr(segment, what)[i] for segment in segments]
            times = np.concatenate([_seconds(p.times) + shift for p, shift in zip(parts, shifts[:, 0], strict=True)])
            values = np.concatenate([np.asarray(part.rescale(first.units).magnitude) for part in parts])
            units = standard_units(first.dimensionality.string)
            attrs = {"units": units} if units else {}
            ends = np.array([_seconds(part.times)[[0, -1]] for part in parts]) + shifts[:, :1]
            role = "task variable" if values.shape[1] <= 3 else None
            name = str(first.name or f"{what[:-1]}{i}")
            entries.append(array_entry(name, values, attrs, clock=lambda t=times: t, support=ends, role=role))
    return entries


def _epochs(segments: Sequence[Any], shifts: FloatArray) -> list[Entry]:
    """Epochs of all segments, by name."""
    spans: dict[str, list[FloatArray]] = {}
    labels: dict[str, list[npt.NDArray[Any]]] = {}
    for segment, shift in zip(segments, shifts[:, 0], strict=True):
        for i, epoch in enumerate(segment.epochs):
            name, start = str(epoch.name or f"epochs{i}"), _seconds(epoch.times) + shift
            spans.setdefault(name, []).append(np.stack([start, start + _seconds(epoch.durations)], axis=1))
            labels.setdefault(name, []).append(np.asarray(epoch.labels, dtype=str))
    return [
        epochs_entry(name, np.concatenate(parts), {f"{name}_label": np.concatenate(labels[name])})
        for name, parts in spans.items()
    ]
