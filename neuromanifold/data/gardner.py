"""The layout of the grid-cell recordings of Gardner et al. (2022): one npz a rat and day.

``spikes_mod1``, ``spikes_mod2`` ... hold a pickled dict each, cell number -> spike times (s); ``t`` the times of the
tracking (s), ``x``, ``y`` and others of its length the position (m). Pickles can run code, so these are not loaded as
pickles are, but read as the numbers they state (:mod:`~neuromanifold.data.number_pickles`).
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import readable
from neuromanifold.data.number_pickles import read_numbers
from neuromanifold.data.readers.entries import Entry, ragged_entry
from neuromanifold.data.readers.npz import read_npz

__all__ = ["read_gardner"]

_METRES = ("x", "y", "z")


def read_gardner(path: Path) -> list[Entry]:
    """Entries of such a file: spike trains of each module, and the tracking with its clock.

    Raises
    ------
    FileFormatError
        If it is damaged, or holds anything but numbers.
    """
    entries = {entry.name: entry for entry in read_npz(path)}
    modules = [_module(path, name) for name, entry in entries.items() if entry.dtype == "V" and "spikes" in name]
    clock = entries.get("t")
    if clock is None or not modules:
        raise FileFormatError(f"{path} has {', '.join(entries)}; spikes_mod1 (a dict) and t are expected")
    tracked = [e for name, e in entries.items() if name != "t" and e.dtype != "V" and e.shape == clock.shape]
    return [*modules, *(_tracked(entry, clock) for entry in tracked)]


def _tracked(entry: Entry, clock: Entry) -> Entry:
    attrs = {"units": "m", "kind": "linear"} if entry.name in _METRES else {}
    times = partial(_seconds, clock)
    return Entry(entry.name, entry.shape, entry.dtype, entry.read, attrs=attrs, role="task variable", clock=times)


def _seconds(clock: Entry) -> npt.NDArray[np.float64]:
    return np.asarray(clock.read(), dtype=np.float64)


def _module(path: Path, name: str) -> Entry:
    with readable(path, "npz"), zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
        spikes = _numbers(stream)
    if not isinstance(spikes, Mapping):
        raise FileFormatError(f"{path}: {name!r} holds a {type(spikes).__name__}, not a dict of spike times")
    cells = sorted(spikes)
    trains = [_train(path, cell, spikes[cell]) for cell in cells]
    return ragged_entry(name, trains, {"units": [str(cell) for cell in cells]})


def _train(path: Path, cell: Any, spikes: Any) -> npt.NDArray[np.float64]:
    # Only arrays: lists of lists that share their parts may be small in the file and endless as an array.
    if not isinstance(spikes, np.ndarray) or spikes.dtype.kind not in "iuf":
        raise FileFormatError(f"{path}: spike times of cell {cell!r} must be an array, not a {type(spikes).__name__}")
    return np.ravel(spikes).astype(np.float64)


def _numbers(stream: IO[bytes]) -> Any:
    """The one object in an array of no dimension."""
    version = np.lib.format.read_magic(stream)  # type: ignore[arg-type]
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    header(stream)  # type: ignore[arg-type]
    array = read_numbers(stream)
    return array.item() if isinstance(array, np.ndarray) and array.shape == () else array
