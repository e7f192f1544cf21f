"""Tables: a labelled Dataset as a pandas DataFrame, and several as a folder of csv files.

Rows run along one dimension, the one most variables have; a variable with one dimension more gives a column for each
of its values (``latent_0``, ``latent_1``). A Dataset of numbers alone has a row for each. Units stand in
``DataFrame.attrs["units"]``, and in csv files in ``columns.csv``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import xarray as xr

from neuromanifold._settings import check_path
from neuromanifold.storage import write_json, write_text

__all__ = ["table", "write_tables"]


def table(dataset: xr.Dataset) -> pd.DataFrame:
    """The variables along the rows' dimension as columns, indexed by that dimension; others are left out."""
    rows = _rows(dataset)
    if rows is None:
        return _numbers(dataset)
    columns, units = {}, {}
    for name, variable in dataset.variables.items():
        for key, column in _columns(dataset, str(name), rows).items():
            columns[key] = column.to_numpy()
            units[key] = str(variable.attrs.get("units", ""))
    frame = pd.DataFrame(columns, index=pd.RangeIndex(dataset.sizes[rows], name=rows))
    frame = frame.set_index(rows) if rows in frame else frame
    frame.attrs["units"] = units
    return frame


def write_tables(folder: str | os.PathLike[str], parts: Mapping[str, xr.Dataset]) -> dict[str, Path]:
    """Write each part as ``NAME.csv``, what their columns are as ``columns.csv``, and the root's attrs as JSON.

    Raises
    ------
    FileFormatError
        If the folder cannot be written to.
    """
    check_path("folder", folder)
    target, files, about = Path(folder), {}, []
    for name, dataset in parts.items():
        if name == "/":
            write_json(target / "about.json", {key: str(value) for key, value in dataset.attrs.items()})
            continue
        frame = table(dataset)
        files[name] = target / f"{name}.csv"
        write_text(files[name], frame.to_csv())
        about += [{"table": name, "column": key, "units": units} for key, units in frame.attrs["units"].items()]
    files["columns"] = target / "columns.csv"
    write_text(files["columns"], pd.DataFrame(about, columns=["table", "column", "units"]).to_csv(index=False))
    return files


def _rows(dataset: xr.Dataset) -> str | None:
    """The dimension that most variables have, alone or first; None if all are numbers."""
    counts = Counter(str(variable.dims[0]) for variable in dataset.variables.values() if variable.ndim == 1)
    counts.update(str(variable.dims[0]) for variable in dataset.data_vars.values() if variable.ndim > 1)
    return counts.most_common(1)[0][0] if counts else None


def _columns(dataset: xr.Dataset, name: str, rows: str) -> dict[str, xr.DataArray]:
    variable = dataset[name]
    if variable.dims == (rows,):
        return {name: variable}
    if variable.ndim != 2 or rows not in variable.dims:
        return {}
    other = next(dim for dim in variable.dims if dim != rows)
    labels = variable[other].to_numpy()
    return {f"{name}_{label}": variable.isel({other: i}) for i, label in enumerate(labels)}


def _numbers(dataset: xr.Dataset) -> pd.DataFrame:
    found = {
        str(name): (variable.item(), variable.attrs.get("units", ""), variable.attrs.get("long_name", ""))
        for name, variable in dataset.data_vars.items()
        if variable.ndim == 0
    }
    frame = pd.DataFrame.from_dict(found, orient="index", columns=["value", "units", "long_name"])
    frame.index.name = "quantity"
    frame.attrs["units"] = {"value": "see the column units"}
    return frame
