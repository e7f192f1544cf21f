"""NumPy arrays (.npy): the header is read and checked first, and pickles are never loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import npy_header, readable
from neuromanifold.data.readers.entries import Entry
from neuromanifold.storage import existing_file

__all__ = ["npy_entry", "read_npy"]

_MAGIC = b"\x93NUMPY"


def read_npy(path: Path) -> list[Entry]:
    """The entry of a .npy file, called as the file is.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, or holds Python objects.
    """
    return [npy_entry(path, path.stem)]


def npy_entry(path: Path, name: str, *, turned: bool = False, **known: Any) -> Entry:
    """Entry of a .npy file; ``turned`` where its columns are samples, ``known`` are further fields of the entry.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, or holds Python objects.
    """
    existing_file(path, _MAGIC)
    with readable(path, "npy"), path.open("rb") as stream:
        shape, dtype, expected = npy_header(stream, path.name)
    if dtype.hasobject:
        raise FileFormatError(f"{path} holds pickled Python objects, which can run code and are never loaded")
    if path.stat().st_size != expected:
        raise FileFormatError(f"{path} claims shape {shape} of {dtype}, {expected} bytes: it is truncated or damaged")
    return Entry(name, shape[::-1] if turned else shape, dtype.str, partial(_read, path, turned), **known)


def _read(path: Path, turned: bool) -> npt.NDArray[Any]:
    with readable(path, "npy"):
        values = np.load(path, allow_pickle=False)
    return values.T if turned else values
