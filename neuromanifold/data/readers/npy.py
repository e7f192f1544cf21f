"""NumPy arrays (.npy): the header is read and checked first, and pickles are never loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError
from neuromanifold.data.readers.entries import Entry, Malformed, readable
from neuromanifold.storage import existing_file

__all__ = ["npy_entry", "npy_header", "read_npy"]

_MAGIC = b"\x93NUMPY"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


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


def npy_header(stream: BinaryIO | Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape and type that the header of an array states, and the bytes that header and values then take.

    Raises
    ------
    Malformed
        If the format has a version that is not known.
    """
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise Malformed(f"{name!r} has .npy version {version}; known are 1.0 and 2.0")
    shape, _, dtype = _HEADERS[version](stream)
    return tuple(shape), dtype, stream.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize


def _read(path: Path, turned: bool) -> npt.NDArray[Any]:
    with readable(path, "npy"):
        values = np.load(path, allow_pickle=False)
    return values.T if turned else values
