"""Tables (.csv, .tsv): columns are entries; numbered ones (``unit_0``, ``unit_1`` ...) together a matrix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import readable
from neuromanifold.data.readers.entries import Entry, array_entry
from neuromanifold.storage import existing_file

__all__ = ["read_table"]

_NUMBERED = re.compile(r"^(.*?)[ _.-]?(\d+)$")


def read_table(path: Path) -> list[Entry]:
    """Entries of a table: UTF-8, comma- or tab-separated, with or without a line of column names.

    Raises
    ------
    FileFormatError
        If it is missing, not UTF-8, ragged or without columns.
    """
    existing_file(path)
    first = _first_line(path)
    separator = "\t" if first.count("\t") > first.count(",") else ","
    header = None if all(_is_number(cell) for cell in first.split(separator)) else 0
    with readable(path, "a table"):
        table = pd.read_csv(path, sep=separator, header=header, encoding="utf-8")
    if table.empty:
        raise FileFormatError(f"{path} has column names but no rows: give a row for each sample")
    if table.shape[1] == 1 and ";" in first:
        raise FileFormatError(f"{path} is separated by semicolons; save it with commas or tabs")
    return _grouped({str(name): _values(column) for name, column in table.items()})


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline=None) as stream:
            return stream.readline().rstrip("\n")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _values(column: pd.Series) -> npt.NDArray[Any]:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    return np.array(["" if pd.isna(value) else str(value) for value in column])


def _grouped(columns: dict[str, npt.NDArray[Any]]) -> list[Entry]:
    """Entries of columns; numeric ones whose names differ in a number alone are one matrix, ``stem*``."""
    stems: dict[str, list[str]] = {}
    for name, values in columns.items():
        numbered = _NUMBERED.match(name)
        if numbered and values.dtype.kind in "iufb":
            stems.setdefault(numbered.group(1), []).append(name)
    groups = {stem: names for stem, names in stems.items() if len(names) > 1}
    grouped = {name for names in groups.values() for name in names}
    entries = [array_entry(name, values) for name, values in columns.items() if name not in grouped]
    for stem, names in groups.items():
        matrix = np.stack([columns[name] for name in names], axis=1)
        entries.append(array_entry(f"{stem}*", matrix, {"columns": names}))
    return entries
