"""Tables of NWB (``DynamicTable``): columns of one value a row, and ragged ones with an index of where rows end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from neuromanifold._typing import FloatArray, IntArray
from neuromanifold._untrusted import Malformed
from neuromanifold.data.inference import warn
from neuromanifold.data.intervals import checked_epochs, overlaps

__all__ = ["TAG_SEPARATOR", "column_of", "columns_of", "common_support", "ragged_starts", "texts"]


TAG_SEPARATOR = ", "


def texts(value: Any) -> Any:
    """Bytes as text; anything else as it is."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def column_of(dataset: h5py.Dataset) -> Any:
    """Values of a dataset of numbers or texts."""
    if h5py.check_string_dtype(dataset.dtype) is None:
        return dataset[()]
    values = dataset.asstr()[()]
    return np.asarray(values, dtype=str) if isinstance(values, np.ndarray) else str(values)


def columns_of(table: h5py.Group, n: int, without: Sequence[str] = ("id",)) -> dict[str, npt.NDArray[Any]]:
    """Columns (n,) of a table that are numbers or texts; of groups referred to, their names and locations."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, item in table.items():
        if name in without or not isinstance(item, h5py.Dataset) or item.ndim != 1 or name.endswith("_index"):
            continue
        if f"{name}_index" in table:
            if h5py.check_string_dtype(item.dtype) is not None:
                columns[name] = _joined(table, name, n)
        elif len(item) == n and h5py.check_ref_dtype(item.dtype) is h5py.Reference:
            columns = {**_referred(table, name), **columns}
        elif len(item) == n and (item.dtype.kind in "iufb" or h5py.check_string_dtype(item.dtype) is not None):
            columns[name] = column_of(item)
    return columns


def _joined(table: h5py.Group, name: str, n: int) -> npt.NDArray[Any]:
    """Lists of texts, such as tags, one text a row."""
    parts = np.split(column_of(table[name]), ragged_starts(table, name, n)[1:])
    return np.array([TAG_SEPARATOR.join(part) for part in parts], dtype=str)


def _referred(table: h5py.Group, name: str) -> dict[str, npt.NDArray[Any]]:
    """Names of the groups that a column refers to (the probe of a unit), and their location where they state one."""
    groups = [table.file[reference] for reference in table[name][()]]
    found = {name: np.array([group.name.rsplit("/", 1)[-1] for group in groups], dtype=str)}
    if all("location" in group.attrs for group in groups):
        found["location"] = np.array([str(texts(group.attrs["location"])) for group in groups], dtype=str)
    return found


def ragged_starts(table: h5py.Group, name: str, n: int) -> IntArray:
    """Where each of n rows of a ragged column begins, its index checked.

    Raises
    ------
    Malformed
        If the index is missing, decreases, or does not end where the data do.
    """
    if f"{name}_index" not in table:
        raise Malformed(f"{table.name} has {name} without {name}_index")
    ends = np.asarray(table[f"{name}_index"][()]).astype(np.int64)
    length = len(table[name])
    if len(ends) != n or (np.diff(ends, prepend=0) < 0).any() or (n and ends[-1] != length):
        raise Malformed(f"{table.name}/{name}_index does not divide {length} values among {n} rows")
    return np.concatenate([[0], ends[:-1]]).astype(np.int64)


def common_support(table: h5py.Group, n: int) -> FloatArray | None:
    """Epochs (q, 2) within which all units were observed; None where the file does not say."""
    if "obs_intervals" not in table or not n:
        return None
    spans = np.reshape(table["obs_intervals"][()], (-1, 2)).astype(np.float64)
    parts = np.split(spans, ragged_starts(table, "obs_intervals", n)[1:])
    common = checked_epochs(parts[0]) if len(parts[0]) else parts[0]
    for part in parts[1:]:
        if not np.array_equal(part, common):
            common = overlaps(common, checked_epochs(part))[0] if len(part) else part
    if not len(common):
        warn("the units were never all observed at once: obs_intervals are not used")
        return None
    return common
