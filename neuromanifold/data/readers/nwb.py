"""Neurodata Without Borders (.nwb, version 2): an HDF5 file whose groups say what they are by ``neurodata_type``.

================================== ==============================================================================
``Units``                          spike times; every column of one value a unit (area, quality) is a label
``RoiResponseSeries``              activity (fluorescence, ΔF/F, deconvolved), one column a region of interest
other series of few columns        task variables: ``data * conversion + offset``, on a clock of their own,
                                   ``timestamps`` or ``starting_time + i / rate``
``TimeIntervals``                  epochs; every column (condition, tags) is a label of theirs. Those of one tag
                                   are listed as ``epochs.TAG``
``invalid_times``                  activity within them is left out: gaps
voltages, images, events           listed, and read when named only
================================== ==============================================================================

A name is the shortest end of the path that no other entry ends in. h5py alone reads the file.
(NWB core schema 2.x; Rübel et al. 2022, eLife 11:e78362.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError
from neuromanifold._typing import FloatArray
from neuromanifold._untrusted import Malformed, is_hdf5, readable, refuse_outside_links
from neuromanifold.data.inference import standard_units
from neuromanifold.data.intervals import complement, overlaps
from neuromanifold.data.readers.entries import Entry, array_entry, epochs_entry
from neuromanifold.data.readers.nwb_tables import (
    TAG_SEPARATOR,
    column_of,
    columns_of,
    common_support,
    ragged_starts,
    texts,
)
from neuromanifold.storage import existing_file

__all__ = ["read_nwb"]

_SEARCHED = ("units", "intervals", "processing", "acquisition", "stimulus", "analysis")
# Series that are neither a population's activity nor a task variable.
_OTHER = {
    "AnnotationSeries", "CurrentClampSeries", "DecompositionSeries", "ElectricalSeries", "ImageMaskSeries",
    "ImageSeries", "IndexSeries", "IntervalSeries", "OnePhotonSeries", "OpticalSeries", "PatchClampSeries",
    "SpikeEventSeries", "TwoPhotonSeries", "VoltageClampSeries",
}  # fmt: skip
# Names that only repeat the type: they say nothing without the container they are in.
_EMPTY_NAMES = ("data", "roiresponseseries", "spatialseries", "spatial_series", "timeseries")
_NOTES = ("identifier", "session_description", "session_start_time", "general/session_id", "general/subject/subject_id",
          "general/subject/species")  # fmt: skip
# Longer series (raw sensors at 30 kHz) are read when named only.
_LONG = 10_000_000
_FEW_COLUMNS = 6


def read_nwb(path: Path) -> list[Entry]:
    """Entries of a NWB file.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, of version 1, refers to other files, or its indices lead out of their data.
    """
    existing_file(path)
    if not is_hdf5(path):
        raise FileFormatError(
            f"{path} is not a NWB file: the signature of HDF5 is missing, so it is damaged or of another format"
        )
    refuse_outside_links(path)
    with readable(path, "NWB"), h5py.File(path, "r") as file:
        version = texts(file.attrs.get("nwb_version", ""))
        if not str(version).startswith("2"):
            raise Malformed(f"nwb_version is {version!r}; read is 2. If it is plain HDF5, call it .h5")
        found = [pair for name in _SEARCHED if name in file for pair in _walk(path, (name,), file[name])]
        found = [(where, _without(entry, _invalid(file))) for where, entry in found]
        notes = [
            array_entry(where.rsplit("/", 1)[-1], str(column_of(file[where]))) for where in _NOTES if where in file
        ]
    return [*_named(_one_kind_of_activity(found)), *notes]


Found = tuple[tuple[str, ...], Entry]


def _walk(path: Path, where: tuple[str, ...], group: h5py.Group) -> Iterator[Found]:
    """Entries below a group with the path of each; an object under a soft link is met where it is at home."""
    kind = texts(group.attrs.get("neurodata_type", ""))
    if "spike_times" in group and kind == "Units":
        yield where, _units(path, group)
    elif kind == "TimeIntervals" or ("start_time" in group and "stop_time" in group):
        yield from (((*where[:-1], where[-1] + tag), entry) for tag, entry in _epochs(group))
    elif "data" in group and isinstance(group["data"], h5py.Dataset):
        yield from ((where, entry) for entry in _series(path, kind, group))
    else:
        for name in group:
            hard = isinstance(group.get(name, getlink=True), h5py.HardLink)
            if hard and isinstance(group[name], h5py.Group):
                yield from _walk(path, (*where, name), group[name])


def _units(path: Path, group: h5py.Group) -> Entry:
    n, dtype = len(group["id"]), group["spike_times"].dtype.str
    ragged_starts(group, "spike_times", n)
    read = partial(_spike_trains, path, group.name, n)
    attrs = {"units": [str(i) for i in group["id"][()]]}
    labels, support = columns_of(group, n), common_support(group, n)
    return Entry("units", (n,), dtype, read, ragged=True, attrs=attrs, support=support, labels=labels)


def _spike_trains(path: Path, name: str, n: int) -> list[npt.NDArray[Any]]:
    with readable(path, "NWB"), h5py.File(path, "r") as file:
        return np.split(file[name]["spike_times"][()], ragged_starts(file[name], "spike_times", n)[1:])


def _invalid(file: h5py.File) -> FloatArray:
    """Epochs (q, 2) that the table ``invalid_times`` says not to use."""
    if "intervals/invalid_times" not in file:
        return np.zeros((0, 2))
    table = file["intervals/invalid_times"]
    return np.stack([table["start_time"][()], table["stop_time"][()]], axis=1).astype(np.float64)


def _without(entry: Entry, invalid: FloatArray) -> Entry:
    """Activity with the invalid times taken out of what was observed."""
    if not len(invalid) or not (entry.ragged or entry.role == "activity"):
        return entry
    valid = complement(invalid)
    return replace(entry, support=valid if entry.support is None else overlaps(entry.support, valid)[0])


def _epochs(group: h5py.Group) -> Iterator[tuple[str, Entry]]:
    """All epochs of a table, and those of each tag, with what the name ends in."""
    spans = np.stack([group["start_time"][()], group["stop_time"][()]], axis=1).astype(np.float64)
    labels = columns_of(group, len(spans), without=("start_time", "stop_time", "id"))
    yield "", epochs_entry("", spans, labels)
    tags = labels.get("tags", np.zeros(0, dtype=str)).tolist()
    for tag in sorted({tag for row in tags for tag in row.split(TAG_SEPARATOR)}):
        rows = np.array([tag in row.split(TAG_SEPARATOR) for row in tags])
        yield f".{tag}", epochs_entry("", spans[rows], {name: column[rows] for name, column in labels.items()})


def _series(path: Path, kind: str, group: h5py.Group) -> Iterator[Entry]:
    data = group["data"]
    timed = "timestamps" in group or "starting_time" in group
    if not timed or data.shape is None or not data.ndim or data.dtype.kind not in "iufb":
        return
    read, clock = partial(_values, path, group.name), partial(_clock, path, group.name)
    units = standard_units(str(texts(data.attrs.get("unit", ""))))
    attrs: dict[str, Any] = {"units": units} if units else {}
    if kind == "RoiResponseSeries":
        names, labels = _regions(group)
        attrs = {"kind": "continuous", "units": "a.u.", **attrs, **({"columns": names} if names else {})}
        yield Entry("", data.shape, "<f8", read, attrs=attrs, clock=clock, role="activity", labels=labels)
    else:
        yield Entry("", data.shape, "<f8", read, attrs=attrs, clock=clock, role=_role(kind, data))


def _role(kind: str, data: h5py.Dataset) -> str:
    if kind in _OTHER or data.size > _LONG or data.ndim > 2:
        return "other"
    return "task variable" if data.ndim == 1 or data.shape[1] <= _FEW_COLUMNS else "activity"


def _regions(group: h5py.Group) -> tuple[list[str], dict[str, npt.NDArray[Any]]]:
    """Names and labels of the regions of interest that are the columns, from the table they are rows of."""
    if "rois" not in group or "table" not in group["rois"].attrs:
        return [], {}
    table, rows = group.file[group["rois"].attrs["table"]], group["rois"][()]
    n = len(table["id"])
    if len(rows) not in group["data"].shape or (len(rows) and not 0 <= rows.min() <= rows.max() < n):
        raise Malformed(f"{group.name} has regions of interest that are not in {table.name}")
    names = [str(i) for i in table["id"][()][rows]]
    return names, {name: column[rows] for name, column in columns_of(table, n).items()}


def _values(path: Path, name: str) -> npt.NDArray[Any]:
    """Data of a series in its units."""
    with readable(path, "NWB"), h5py.File(path, "r") as file:
        data = file[name]["data"]
        conversion, offset = float(data.attrs.get("conversion", 1.0)), float(data.attrs.get("offset", 0.0))
        values = data[()]
    return values if (conversion, offset) == (1.0, 0.0) else values * conversion + offset


def _clock(path: Path, name: str) -> FloatArray:
    """Times of the samples of a series in seconds."""
    with readable(path, "NWB"), h5py.File(path, "r") as file:
        group = file[name]
        if "timestamps" in group:
            return np.asarray(group["timestamps"][()], dtype=np.float64)
        start, n = group["starting_time"], len(group["data"])
        rate = float(start.attrs.get("rate", np.nan))
        if not 0 < rate < np.inf:
            raise Malformed(f"{name} has a starting time and rate {rate}: it must be a positive number of hertz")
        return float(start[()]) + np.arange(n) / rate


def _one_kind_of_activity(found: list[Found]) -> list[Found]:
    """Wide series of no stated kind are a population only where there is no other."""
    stated = [entry.ragged or "kind" in entry.attrs for _, entry in found]
    return [
        (where, replace(entry, role="other") if any(stated) and not sure and entry.role == "activity" else entry)
        for sure, (where, entry) in zip(stated, found, strict=True)
    ]


def _named(found: list[Found]) -> list[Entry]:
    """Entries called by the shortest end of their path that says which."""
    paths = [where for where, _ in found]
    return [replace(entry, name=_short(where, paths)) for where, entry in found]


def _short(where: tuple[str, ...], paths: list[tuple[str, ...]]) -> str:
    for length in range(1, len(where) + 1):
        end = where[-length:]
        alike = [other for other in paths if other[-length:] == end]
        if len(alike) == 1 and not all(part.lower() in _EMPTY_NAMES for part in end):
            return ".".join(end)
    return ".".join(where)
