"""HDF5 files (.h5, .hdf5, MATLAB 7.3): datasets become entries; nothing outside the file is ever opened.

MATLAB stores arrays with axes reversed, texts as numbers, cells as references, structs and sparse matrices as
groups; ``MATLAB_class`` and ``MATLAB_sparse`` say which.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import is_hdf5, readable, refuse_outside_links
from neuromanifold.data.readers.entries import Entry, flatten
from neuromanifold.data.readers.sparse import filled
from neuromanifold.storage import existing_file

__all__ = ["hdf5_entries", "read_hdf5"]


def read_hdf5(path: Path) -> list[Entry]:
    """Entries of an HDF5 file.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, or refers to other files.
    """
    existing_file(path)
    if not is_hdf5(path):
        raise FileFormatError(
            f"{path} is not an HDF5 file: its signature is missing, so it is damaged or of another format"
        )
    return hdf5_entries(path)


def hdf5_entries(path: Path) -> list[Entry]:
    """Entries of a file known to be HDF5, links and sizes checked first."""
    refuse_outside_links(path)
    with readable(path, "HDF5"), h5py.File(path, "r") as file:
        return [entry for name, item in _own(file) for entry in _entries(path, name, item)]


def _own(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """Names and items of a group, soft links and MATLAB's own (``#refs#``) left out."""
    for name in group:
        if not name.startswith("#") and isinstance(group.get(name, getlink=True), h5py.HardLink):
            yield name, group[name]


def _entries(path: Path, name: str, item: Any) -> Iterator[Entry]:
    if isinstance(item, h5py.Group):
        yield from flatten(name, _value(item)) if "MATLAB_class" in item.attrs else _group(path, name, item)
    elif _class(item) in ("char", "cell") or item.dtype.kind not in "iufb":
        yield from flatten(name, _value(item))
    elif "MATLAB_empty" not in item.attrs and item.shape is not None:
        shape = item.shape[::-1] if "MATLAB_class" in item.attrs else item.shape
        attrs = {key: _text(value) for key, value in item.attrs.items() if key in ("units", "kind", "period")}
        yield Entry(name, shape, item.dtype.str, partial(_read, path, item.name), attrs=attrs)


def _group(path: Path, name: str, group: h5py.Group) -> Iterator[Entry]:
    for key, item in _own(group):
        yield from _entries(path, f"{name}.{key}", item)


def _read(path: Path, name: str) -> npt.NDArray[Any]:
    with readable(path, "HDF5"), h5py.File(path, "r") as file:
        return _array(file[name])


def _array(dataset: h5py.Dataset) -> npt.NDArray[Any]:
    values = dataset[()]
    return np.asarray(values).T if "MATLAB_class" in dataset.attrs else np.asarray(values)


def _value(item: Any) -> Any:
    """A MATLAB value, or a dataset of texts, as dicts, lists, texts and arrays."""
    if "MATLAB_sparse" in item.attrs:
        return _sparse(item)
    if isinstance(item, h5py.Group):
        return {key: _value(inner) for key, inner in _own(item)}
    if "MATLAB_empty" in item.attrs or item.shape is None:
        return np.zeros(0)
    if h5py.check_ref_dtype(item.dtype) is h5py.Reference:
        return [_value(item.file[reference]) for reference in item[()].T.ravel()]
    if _class(item) == "char":
        return "".join(chr(code) for code in item[()].T.ravel())
    if h5py.check_string_dtype(item.dtype) is not None:
        return np.asarray(item.asstr()[()], dtype=str)
    return _array(item)


def _sparse(group: h5py.Group) -> npt.NDArray[Any]:
    """A sparse matrix of MATLAB, filled in: a group of its values and, where it has any, their rows and columns."""
    n_rows = int(group.attrs["MATLAB_sparse"])
    starts = np.ravel(group["jc"][()]).astype(np.int64)
    rows, values = (np.ravel(group[key][()]) if key in group else np.zeros(0) for key in ("ir", "data"))
    return filled(rows, starts, values, (n_rows, len(starts) - 1))


def _class(dataset: h5py.Dataset) -> str:
    return str(_text(dataset.attrs.get("MATLAB_class", "")))


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
