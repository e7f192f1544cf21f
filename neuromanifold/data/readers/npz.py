"""NumPy archives (.npz): headers are read and sizes checked first, and pickles are never loaded."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import Member, npz_members, readable
from neuromanifold.data.readers.entries import Entry
from neuromanifold.storage import existing_file

__all__ = ["read_npz"]


def read_npz(path: Path) -> list[Entry]:
    """Entries of a .npz file.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, larger unpacked than is credible, or holds Python objects only.
    """
    existing_file(path, b"PK\x03\x04")
    with readable(path, "npz"), zipfile.ZipFile(path) as archive:
        return [_entry(path, member) for member in npz_members(archive)]


def _entry(path: Path, member: Member) -> Entry:
    name, shape, dtype = member
    if dtype.hasobject:
        return Entry(name, shape, "V", partial(_refuse_objects, path, name))
    return Entry(name, shape, dtype.str, partial(_read, path, name))


def _read(path: Path, name: str) -> npt.NDArray[Any]:
    with readable(path, "npz"), np.load(path, allow_pickle=False) as archive:
        return archive[name]


def _refuse_objects(path: Path, name: str) -> npt.NDArray[Any]:
    raise FileFormatError(
        f"{path}: {name!r} holds pickled Python objects, which can run code and are never loaded. Save "
        "numbers, or for spike trains two vectors, spike_times and unit_ids"
    )
