"""Readers: a file in, a checked recording out; one module per format, one line each in :data:`READERS`.

Each reader turns a path into entries (:mod:`~neuromanifold.data.readers.entries`); a new format is a new
module with such a function, and its line below.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.data.binning import rebin
from neuromanifold.data.readers.assemble import assemble
from neuromanifold.data.readers.choice import Choice
from neuromanifold.data.readers.entries import Entry
from neuromanifold.data.readers.folders import FOLDERS, folder_reader
from neuromanifold.data.readers.hdf5 import read_hdf5
from neuromanifold.data.readers.matlab import read_matlab
from neuromanifold.data.readers.memory import is_object, read_object
from neuromanifold.data.readers.netcdf import dataset_entries, open_netcdf, read_netcdf
from neuromanifold.data.readers.npy import read_npy
from neuromanifold.data.readers.npz import read_npz
from neuromanifold.data.readers.nwb import read_nwb
from neuromanifold.data.readers.roles import Listing, listing, role_of, with_spike_pairs
from neuromanifold.data.readers.streaming import Chunks
from neuromanifold.data.readers.table import read_table
from neuromanifold.data.readers.zarr_store import is_zarr, open_zarr
from neuromanifold.data.recording import check, label_dims
from neuromanifold.storage import existing_file

__all__ = ["READERS", "Listing", "inspect", "load", "recordings_in"]

READERS: tuple[tuple[tuple[str, ...], Callable[[Path], list[Entry]]], ...] = (
    ((".nc",), read_netcdf),
    ((".nwb",), read_nwb),
    ((".npz",), read_npz),
    ((".npy",), read_npy),
    ((".mat",), read_matlab),
    ((".h5", ".hdf5"), read_hdf5),
    ((".csv", ".tsv"), read_table),
)


def load(
    source: Any,
    activity: str | None = None,
    variables: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    bin_size: float | None = None,
    *,
    time: Any = None,
    interval: Any = None,
    sampling_period: float | None = None,
    time_scale: float | None = None,
    chunks: Chunks = "auto",
) -> xr.Dataset:
    """Load a recording; what the file does not make clear is asked for, with a listing of what it holds.

    Parameters
    ----------
    source : path, Dataset, DataArray, object of pynapple or Neo, or mapping
        ``.nc``, ``.nwb``, ``.zarr``, ``.npz``, ``.npy``, ``.mat`` (version 5 and 7.3), ``.h5``, ``.csv`` or ``.tsv``;
        a folder of Suite2p, Kilosort or Phy; a mapping of names to arrays and objects.
    activity : str, optional
        Name of the matrix (samples, units), or of the spike times; needed where there is more than one.
    variables : sequence of names, or mapping of name to attrs, optional
        Task variables; by default all that fit. A mapping states ``kind``, ``units`` and ``period`` too.
    bin_size : float, optional
        Seconds; needed for spike times, otherwise a multiple of the sampling period.
    time : str or array (n,), optional
        Name of the time stamps, or themselves, in seconds. For spike times: those of the behaviour.
    interval : str or array, optional
        Name or values (n,) of the trial of each sample, or epochs (q, 2) of start and stop in seconds to
        keep; the labels of named epochs (their condition) become task variables.
    sampling_period : float, optional
        Seconds, where the file does not say.
    time_scale : float, optional
        Seconds in one unit of the file's time stamps and spike times (0.001 for ms, 1/30000 for samples).
    chunks : int, "auto" or None
        Of a ``.zarr`` store or ``.nc`` file that is laid out as a recording: samples of a block of time, so that the
        activity is read a block at a time whenever it is used and need not fit in memory (with dask). None: it is read
        now, as a whole. "auto": in blocks where it is larger than 2 GB.

    Returns
    -------
    Dataset
        Keeping the contract of :mod:`neuromanifold.data.recording`.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, unsafe or of an unknown format.
    InputError
        If a choice is missing or wrong, with the listing; RecordingError if what was chosen breaks the
        contract.
    """
    choice = Choice(activity, variables, bin_size, time, interval, sampling_period, time_scale)
    in_memory = isinstance(source, xr.DataArray | xr.Dataset) or is_object(source)
    if chunks not in ("auto", None) and (in_memory or not _is_store(_path(source))):
        raise InputError(
            "chunks are for .zarr stores and .nc files: load the recording, save it by recording.to_zarr(path), and "
            "load that; a Dataset or DataArray of dask arrays is read in its own chunks"
        )
    if isinstance(source, xr.DataArray):
        return _from_dataarray(source, choice)
    if isinstance(source, xr.Dataset):
        return _from_dataset(source, "the Dataset", choice)
    if is_object(source):
        return assemble(type(source).__name__, read_object(source), choice)
    path = _path(source)
    dataset = _opened(path, chunks)
    if dataset is not None:
        return _from_dataset(dataset, str(path), choice)
    return assemble(str(path), _reader(path)(path), choice)


def inspect(source: Any) -> Listing:
    """List what a source of :func:`load` holds: name, shape, dtype and role of each, and the call that loads it."""
    if isinstance(source, xr.Dataset):
        return listing("the Dataset", dataset_entries(source))
    if is_object(source):
        return listing(type(source).__name__, with_spike_pairs(read_object(source)))
    path = _path(source)
    dataset = _opened(path)
    entries = _reader(path)(path) if dataset is None else dataset_entries(dataset)
    return listing(str(path), with_spike_pairs(entries))


def recordings_in(root: Path) -> list[Path]:
    """Files and folders below ``root`` that could be loaded, by name; nothing hidden, nor inside a folder that is one
    recording.
    """
    suffixes = tuple(suffix for names, _ in READERS for suffix in names)
    found = []
    for path in sorted(path for path in root.iterdir() if not path.name.startswith(".")):
        if path.is_dir() and (is_zarr(path) or folder_reader(path) is not None):
            found.append(path)
        elif path.is_dir():
            found += recordings_in(path)
        elif path.suffix.lower() in suffixes:
            found.append(path)
    return found


def _path(source: Any) -> Path:
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            f"a {type(source).__name__} cannot be loaded: give a path, an xarray object, an object of pynapple or Neo, "
            "or a mapping of names to such; arrays go to nm.as_recording"
        )
    path = Path(source)
    try:
        known = not path.is_dir() or path.suffix == ".zarr" or is_zarr(path) or folder_reader(path) is not None
    except OSError as error:
        # Such as a name longer than any file can have.
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}; give the path of a file") from error
    inside = [] if known else recordings_in(path)
    return inside[0] if len(inside) == 1 else path


def _is_store(path: Path) -> bool:
    """Whether xarray opens it."""
    return path.suffix.lower() == ".nc" or (path.is_dir() and (path.suffix == ".zarr" or is_zarr(path)))


def _opened(path: Path, chunks: Chunks = "auto") -> xr.Dataset | None:
    """The Dataset of a format that xarray opens; None for the others."""
    if not _is_store(path):
        return None
    return open_netcdf(path, chunks) if path.suffix.lower() == ".nc" else open_zarr(path, chunks)


def _reader(path: Path) -> Callable[[Path], list[Entry]]:
    suffix = path.suffix.lower()
    known = folder_reader(path) if path.is_dir() else None
    if known is not None:
        return known
    for suffixes, reader in READERS:
        if suffix in suffixes:
            return reader
    if path.is_dir():
        raise FileFormatError(_unknown_folder(path))
    existing_file(path)
    names = ", ".join(name for suffixes, _ in READERS for name in suffixes)
    raise FileFormatError(f"{path} has suffix {suffix or 'none'!r}; files that can be read end in {names}")


def _unknown_folder(path: Path) -> str:
    """What a folder holds that could be loaded, and what it would have to hold."""
    inside = [str(item.relative_to(path)) for item in recordings_in(path)]
    if inside:
        return f"{path} is a folder of recordings: load one of {', '.join(inside[:20])}"
    return f"{path} is not a folder of {' nor of '.join(name for name, _, _ in FOLDERS)}, nor a zarr store"


def _from_dataarray(activity: xr.DataArray, choice: Choice) -> xr.Dataset:
    """A DataArray is the activity itself, and its other coordinates along time are task variables."""
    if choice.activity is not None:
        raise InputError("a DataArray is the activity itself: leave activity out")
    labelled = label_dims(activity)
    extra = [name for name in labelled.coords if name not in ("time", "unit", "interval")]
    along = [name for name in extra if labelled[name].dims == ("time",)]
    return _from_dataset(labelled.to_dataset(name="activity").reset_coords(along), "the DataArray", choice)


def _from_dataset(dataset: xr.Dataset, source: str, choice: Choice) -> xr.Dataset:
    """A Dataset that is laid out as a recording is taken whole; any other is searched for one."""
    entries = dataset_entries(dataset)
    laid_out = "activity" in dataset.data_vars and set(dataset["activity"].dims) == {"time", "unit"}
    other_trials = "interval" not in dataset.coords and any(role_of(entry) == "interval" for entry in entries)
    clock = (choice.time, choice.interval, choice.sampling_period, choice.time_scale)
    said = choice.activity not in (None, "activity") or any(given is not None for given in clock)
    if not laid_out or other_trials or said:
        stated = choice.sampling_period or dataset.attrs.get("sampling_period")
        found = assemble(source, entries, replace(choice, sampling_period=stated))
        return found.assign_attrs({**dataset.attrs, **found.attrs})
    names = choice.variables
    if names is not None:
        dataset = _with_variables(dataset, source, [names] if isinstance(names, str) else names)
    recording = check(dataset)
    return recording if choice.bin_size is None else rebin(recording, choice.bin_size)


def _with_variables(
    dataset: xr.Dataset, source: str, names: Sequence[str] | Mapping[str, Mapping[str, Any]]
) -> xr.Dataset:
    along = [str(name) for name, variable in dataset.variables.items() if variable.dims == ("time",)]
    missing = [name for name in names if name not in along]
    if missing:
        raise InputError(f"no task variable {missing[0]!r}\n{listing(source, dataset_entries(dataset))}")
    chosen = dataset.drop_vars([name for name in along if name not in (*names, "time", "interval")])
    chosen = chosen.reset_coords([name for name in names if name in chosen.coords])
    if isinstance(names, Mapping):
        chosen = chosen.assign({name: chosen[name].assign_attrs(attrs or {}) for name, attrs in names.items()})
    return chosen
