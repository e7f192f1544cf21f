"""MATLAB files (.mat): version 5 (and 4) through scipy, version 7.3 as the HDF5 file that it is."""

from __future__ import annotations

from pathlib import Path

from scipy.io import loadmat, whosmat

from neuromanifold.data.readers.entries import Entry, flatten, readable
from neuromanifold.data.readers.hdf5 import hdf5_entries, is_hdf5
from neuromanifold.storage import existing_file

__all__ = ["read_matlab"]


def read_matlab(path: Path) -> list[Entry]:
    """Entries of a .mat file; fields of structs and elements of cells are named by their path.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, or refers to other files.
    """
    existing_file(path)
    if is_hdf5(path):
        return hdf5_entries(path)
    with readable(path, "MATLAB"):
        # whosmat reads headers alone, so that a damaged file is refused before anything is unpacked.
        names = [name for name, _, _ in whosmat(path)]
        content = loadmat(
            path, variable_names=names, simplify_cells=True, verify_compressed_data_integrity=True
        )
        return [entry for name in names for entry in flatten(name, content[name])]
