"""MATLAB files (.mat): version 5 to 7, and version 7.3 as the HDF5 file that it is."""

from __future__ import annotations

from pathlib import Path

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import is_hdf5, readable
from neuromanifold.data.readers.entries import Entry, flatten
from neuromanifold.data.readers.hdf5 import hdf5_entries
from neuromanifold.data.readers.matlab5 import BIG, LITTLE, matlab5_variables
from neuromanifold.storage import existing_file

__all__ = ["read_matlab"]


def read_matlab(path: Path) -> list[Entry]:
    """Entries of a .mat file; fields of structs and elements of cells are named by their path.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, of version 4, or refers to other files.
    """
    existing_file(path)
    if is_hdf5(path):
        return hdf5_entries(path)
    with path.open("rb") as stream:
        version = stream.read(128)[124:]
    if version not in (LITTLE, BIG):
        raise FileFormatError(f"{path} is not a MATLAB file of version 5 to 7.3: save it again with -v7")
    with readable(path, "MATLAB"):
        return [entry for name, value in matlab5_variables(path) if name for entry in flatten(name, value)]
