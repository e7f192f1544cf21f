"""Suite2p folders: ``F.npy``, ``Fneu.npy`` and ``spks.npy`` (regions, frames), ``iscell.npy`` (regions, 2).

Each plane has a folder (``plane0`` ...). Regions that ``iscell.npy`` rejects are left out, and said; the classifier's
probability stays as the label ``iscell_probability``. ``ops.npy`` and ``stat.npy`` are pickles, which can run code:
they are never opened, so the frame rate is read from ``Fall.mat`` where Suite2p wrote one, and else asked for.
(Pachitariu et al. 2017, bioRxiv 061507.)
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.data.inference import warn
from neuromanifold.data.readers.entries import Entry, array_entry
from neuromanifold.data.readers.matlab import read_matlab
from neuromanifold.data.readers.npy import npy_entry

__all__ = ["is_suite2p", "read_suite2p"]

_TRACES = ("F", "Fneu", "spks")


def is_suite2p(folder: Path) -> bool:
    """Whether a folder, or a folder of planes in it, holds Suite2p's traces."""
    return bool(_planes(folder))


def read_suite2p(folder: Path) -> list[Entry]:
    """Entries of a Suite2p folder: the traces of each plane.

    Raises
    ------
    FileFormatError
        If a file is damaged, or ``iscell.npy`` is not of the same regions.
    """
    planes = _planes(folder)
    several = len(planes) > 1
    entries = [
        replace(entry, name=f"{plane.name}.{entry.name}") if several else entry
        for plane in planes
        for entry in _traces(plane)
    ]
    return [*entries, _frame_rate(folder, planes)]


def _planes(folder: Path) -> list[Path]:
    """Folders with traces: this one, or its planes, which ``combined`` holds all of."""
    for base in (folder, folder / "suite2p"):
        inside = [base, base / "combined", *sorted(base.glob("plane*"))]
        found = [plane for plane in inside if any((plane / f"{trace}.npy").is_file() for trace in _TRACES)]
        if found:
            return found[:1] if found[0].name == "combined" or found[0] == base else found
    return []


def _traces(plane: Path) -> list[Entry]:
    names = [name for name in _TRACES if (plane / f"{name}.npy").is_file()]
    entries = [npy_entry(plane / f"{name}.npy", name, turned=True, role="activity") for name in names]
    if any(len(entry.shape) != 2 or entry.shape != entries[0].shape for entry in entries):
        shapes = ", ".join(f"{entry.name} {entry.shape[::-1]}" for entry in entries)
        raise FileFormatError(f"{plane}: traces must be matrices of the same regions and frames, not {shapes}")
    cells = _cells(plane, entries[0].shape[1])
    return [_of_cells(entry, *cells) if cells else entry for entry in entries]


def _cells(plane: Path, n: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    """Indices of the regions that are cells, and the probability of each."""
    if not (plane / "iscell.npy").is_file():
        return None
    verdict = np.asarray(npy_entry(plane / "iscell.npy", "iscell").read(), dtype=np.float64)
    if verdict.shape != (n, 2):
        raise FileFormatError(f"{plane / 'iscell.npy'} has shape {verdict.shape}; for {n} regions it must be ({n}, 2)")
    rows = np.flatnonzero(verdict[:, 0] > 0)
    if not len(rows):
        raise FileFormatError(f"{plane / 'iscell.npy'} accepts none of the {n} regions as cells: curate them first")
    return rows, verdict[rows, 1]


def _of_cells(entry: Entry, rows: npt.NDArray[Any], probability: npt.NDArray[Any]) -> Entry:
    n_frames, n = entry.shape
    attrs = {"kind": "continuous", "units": "a.u.", "columns": [str(row) for row in rows]}
    read = partial(_columns, entry, rows, n)
    labels = {"iscell_probability": probability}
    return replace(entry, shape=(n_frames, len(rows)), read=read, attrs=attrs, labels=labels)


def _columns(entry: Entry, rows: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    if len(rows) < n:
        warn(f"{len(rows)} of {n} regions are cells by iscell.npy; the others are left out")
    return np.asarray(entry.read())[:, rows]


def _frame_rate(folder: Path, planes: list[Path]) -> Entry:
    for plane in planes:
        if (plane / "Fall.mat").is_file():
            rates = [entry for entry in read_matlab(plane / "Fall.mat") if entry.name == "ops.fs"]
            if rates:
                return array_entry("frame_rate", np.ravel(rates[0].read())[0])
    return Entry("frame_rate", (), "V", partial(_unknown_rate, folder), role="sampling rate")


def _unknown_rate(folder: Path) -> Any:
    raise InputError(
        f"the frame rate of {folder} is in ops.npy, a pickle, which can run code and is never opened: give "
        "sampling_period=1/fs (seconds), or let Suite2p save Fall.mat (ops['save_mat'] = True)"
    )
