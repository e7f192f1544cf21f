"""netCDF files (.nc) and xarray objects: variables that come with dims and attrs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import is_hdf5, readable, refuse_outside_links
from neuromanifold.data.blocks import is_streamed
from neuromanifold.data.readers.entries import Entry
from neuromanifold.data.readers.streaming import Chunks, streamed
from neuromanifold.storage import existing_file

__all__ = ["dataset_entries", "open_netcdf", "read_netcdf"]


def open_netcdf(path: Path, chunks: Chunks = "auto") -> xr.Dataset:
    """The Dataset in a netCDF-4 or netCDF-3 file, in memory but for activity that is read in blocks (whose file stays
    open); units of time are left as they are.

    Raises
    ------
    FileFormatError
        If it is missing, damaged, of another format, or refers to other files.
    """
    existing_file(path)
    with path.open("rb") as stream:
        classic = stream.read(3) == b"CDF"
    if not classic and not is_hdf5(path):
        raise FileFormatError(
            f"{path} is not a netCDF file: its signature is missing, so it is damaged or of another format"
        )
    if not classic:
        refuse_outside_links(path)
    with readable(path, "netCDF"):
        engine = "scipy" if classic else "h5netcdf"
        dataset = streamed(xr.open_dataset(path, engine=engine, decode_times=False), chunks)
        if "activity" in dataset and is_streamed(dataset["activity"]):
            return dataset
        with dataset:
            return dataset.load()


def read_netcdf(path: Path) -> list[Entry]:
    """Entries of a netCDF file."""
    return dataset_entries(open_netcdf(path))


def dataset_entries(dataset: xr.Dataset) -> list[Entry]:
    """Entries of the variables and coordinates of a Dataset, time first where a dimension is called so."""
    return [_entry(str(name), variable) for name, variable in dataset.variables.items()]


def _entry(name: str, variable: Any) -> Entry:
    dims = tuple(map(str, variable.dims))
    if "time" in dims:
        dims = ("time", *(dim for dim in dims if dim != "time"))
        variable = variable.transpose(*dims)
    dtype = "<U1" if variable.dtype == object else variable.dtype.str
    return Entry(name, variable.shape, dtype, lambda: _values(variable), dims=dims, attrs=dict(variable.attrs))


def _values(variable: Any) -> npt.NDArray[Any]:
    values = variable.to_numpy()
    return (
        np.array([str(value) for value in values.ravel()]).reshape(values.shape) if values.dtype == object else values
    )
